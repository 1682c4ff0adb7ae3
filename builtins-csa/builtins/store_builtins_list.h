// The builtins, runtime functions and external references of the module shredder:store, in the form
// of V8's own lists; the patch series adds these to BUILTIN_LIST
// (src/builtins/builtins-definitions.h), to the runtime functions (src/runtime/runtime.h), to the
// native context's fields (src/objects/contexts.h) and to the external references
// (src/codegen/external-reference.h).
//
// All builtins here are written in CodeStubAssembler (store_builtins_gen.cc,
// store_view_builtins_gen.cc, store_write_builtins_gen.cc). They take the store from the native
// context of the function that is called; an argument is a key, an index or a buffer, never a
// store.
#pragma once

// TFJ: a JavaScript function; TFS: called from other builtins and from optimised code only.
#define SHREDDER_BUILTIN_LIST(TFJ, TFS)                                            \
  /* HTGet(key, into): copies at most into's size; the value's length, or -1 */    \
  TFJ(ShredderHTGet, kJSArgcReceiverSlots + 2, kReceiver, kKey, kInto)             \
  /* HTGetString(key): the value as text, or undefined */                          \
  TFJ(ShredderHTGetString, kJSArgcReceiverSlots + 1, kReceiver, kKey)              \
  /* HTLength(key): the value's length, or -1 */                                   \
  TFJ(ShredderHTLength, kJSArgcReceiverSlots + 1, kReceiver, kKey)                 \
  /* HTHas(key): boolean */                                                        \
  TFJ(ShredderHTHas, kJSArgcReceiverSlots + 1, kReceiver, kKey)                    \
  /* HTGetUint32(key, index): the index-th uint32 of the value, or undefined */    \
  TFJ(ShredderHTGetUint32, kJSArgcReceiverSlots + 2, kReceiver, kKey, kIndex)      \
  /* HTGetFloat64(key, index): the index-th float64 of the value, or undefined */  \
  TFJ(ShredderHTGetFloat64, kJSArgcReceiverSlots + 2, kReceiver, kKey, kIndex)     \
  /* HTGetMany(keys, field, out): gathers one element of each key's value */       \
  TFJ(ShredderHTGetMany, kJSArgcReceiverSlots + 3, kReceiver, kKeys, kField, kOut) \
  /* HTViewMany(keys): an array of StoreViews, undefined where keys are absent */  \
  TFJ(ShredderHTViewMany, kJSArgcReceiverSlots + 1, kReceiver, kKeys)              \
  /* HTSet(key, value, options): stores a copy; whether it did */                  \
  TFJ(ShredderHTSet, kJSArgcReceiverSlots + 3, kReceiver, kKey, kValue, kOptions)  \
  /* HTDelete(key): whether the key was there */                                   \
  TFJ(ShredderHTDelete, kJSArgcReceiverSlots + 1, kReceiver, kKey)                 \
  /* HTAdd(key, delta): the decimal integer that the value then is */              \
  TFJ(ShredderHTAdd, kJSArgcReceiverSlots + 2, kReceiver, kKey, kDelta)            \
  /* HTTtl(key): milliseconds until it expires, Infinity, or undefined */          \
  TFJ(ShredderHTTtl, kJSArgcReceiverSlots + 1, kReceiver, kKey)                    \
  /* HTView(key): a StoreView of the value, or undefined */                        \
  TFJ(ShredderHTView, kJSArgcReceiverSlots + 1, kReceiver, kKey)                   \
  /* get StoreView.prototype.byteLength */                                         \
  TFJ(ShredderViewByteLength, kJSArgcReceiverSlots, kReceiver)                     \
  SHREDDER_VIEW_GETTER_LIST(SHREDDER_VIEW_GETTER_BUILTIN, TFJ)                     \
  /* Copies a string of ASCII characters of any representation to the store's */   \
  /* key scratch, from `offset` (a Smi) on; a Smi: 1, or 0 where it cannot */      \
  TFS(ShredderFlattenAsciiKey, kString, kOffset)

// V(element type as in DataView's names and ExternalArrayType, T):
// StoreView.prototype.get<type>(byteOffset, littleEndian).
#define SHREDDER_VIEW_GETTER_LIST(V, T) \
  V(Int8, T)                            \
  V(Uint8, T)                           \
  V(Int16, T)                           \
  V(Uint16, T)                          \
  V(Int32, T)                           \
  V(Uint32, T)                          \
  V(Float32, T)                         \
  V(Float64, T)                         \
  V(BigInt64, T)                        \
  V(BigUint64, T)
#define SHREDDER_VIEW_GETTER_BUILTIN(Type, TFJ) \
  TFJ(ShredderViewGet##Type, kJSArgcReceiverSlots + 2, kReceiver, kOffset, kLittleEndian)

// F(name, number of arguments, number of results).
#define SHREDDER_RUNTIME_FUNCTION_LIST(F, I)                                        \
  /* Writes a key's bytes, a string's in UTF-8, to the key scratch: their number */ \
  F(ShredderEncodeKey, 1, 1)                                                        \
  /* Makes a string of the bytes at an offset in the store, which are so many */    \
  F(ShredderStringFromUtf8, 2, 1)                                                   \
  /* HTGetMany(keys, field, out) of an array of keys */                             \
  F(ShredderGetMany, 3, 1)                                                          \
  /* HTViewMany(keys) */                                                            \
  F(ShredderViewMany, 1, 1)                                                         \
  /* Throws the error of a StoreError for an argument */                            \
  F(ShredderThrow, 2, 1)

// V(name in shredder:store, number of parameters): what the extras binding object of every native
// context carries.
#define SHREDDER_BINDING_LIST(V) \
  V(HTGet, 2)                    \
  V(HTGetString, 1)              \
  V(HTLength, 1)                 \
  V(HTHas, 1)                    \
  V(HTGetUint32, 2)              \
  V(HTGetFloat64, 2)             \
  V(HTGetMany, 3)                \
  V(HTSet, 3)                    \
  V(HTDelete, 1)                 \
  V(HTAdd, 2)                    \
  V(HTTtl, 1)                    \
  V(HTView, 1)                   \
  V(HTViewMany, 1)

// V(index, type, accessor): the map of a native context's StoreViews (store_view.h).
#define SHREDDER_NATIVE_CONTEXT_FIELDS(V) V(SHREDDER_VIEW_MAP_INDEX, Map, shredder_view_map)

// V(name, description): C functions that the builtins call.
#define SHREDDER_EXTERNAL_REFERENCE_LIST(V) V(shredder_gather_function, "shredder::layout::Gather")
