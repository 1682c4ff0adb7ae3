// The builtins and runtime functions of the module shredder:store, in the form of V8's own lists; the patch series adds
// these to BUILTIN_LIST (src/builtins/builtins-definitions.h) and to the runtime functions (src/runtime/runtime.h).
//
// All builtins here are written in CodeStubAssembler (store_builtins_gen.cc). They take the store from the native context
// of the function that is called; an argument is a key, an index or a buffer, never a store.
#pragma once

// TFJ: a JavaScript function; TFS: called from other builtins only.
#define SHREDDER_BUILTIN_LIST(TFJ, TFS)                                           \
  /* HTGet(key, into): copies at most into's size; the value's length, or -1 */  \
  TFJ(ShredderHTGet, kJSArgcReceiverSlots + 2, kReceiver, kKey, kInto)            \
  /* HTLength(key): the value's length, or -1 */                                  \
  TFJ(ShredderHTLength, kJSArgcReceiverSlots + 1, kReceiver, kKey)                \
  /* HTHas(key): boolean */                                                       \
  TFJ(ShredderHTHas, kJSArgcReceiverSlots + 1, kReceiver, kKey)                   \
  /* HTGetUint32(key, index): the index-th uint32 of the value, or undefined */   \
  TFJ(ShredderHTGetUint32, kJSArgcReceiverSlots + 2, kReceiver, kKey, kIndex)     \
  /* HTGetFloat64(key, index): the index-th float64 of the value, or undefined */ \
  TFJ(ShredderHTGetFloat64, kJSArgcReceiverSlots + 2, kReceiver, kKey, kIndex)    \
  /* Copies a string of ASCII characters of any representation to the store's */  \
  /* key scratch, from `offset` (a Smi) on; a Smi: 1, or 0 where it cannot */     \
  TFS(ShredderFlattenAsciiKey, kString, kOffset)

// F(name, number of arguments, number of results).
#define SHREDDER_RUNTIME_FUNCTION_LIST(F, I)                                     \
  /* Writes the string's UTF-8 bytes to the key scratch, returns their number */ \
  F(ShredderEncodeKey, 1, 1)                                                     \
  /* Throws the error of a StoreError for an argument */                         \
  F(ShredderThrow, 2, 1)

// V(name in shredder:store, number of parameters): what the extras binding object of every native context carries.
#define SHREDDER_BINDING_LIST(V) \
  V(HTGet, 2)                    \
  V(HTLength, 1)                 \
  V(HTHas, 1)                    \
  V(HTGetUint32, 2)              \
  V(HTGetFloat64, 2)
