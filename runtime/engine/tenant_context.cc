#include "runtime/engine/tenant_context.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

// ECMAScript's globals that neither run code from strings, nor share memory between threads, nor
// run anything after an invocation has ended (FinalizationRegistry, WeakRef), nor tell the
// collector's doings. Sorted.
// clang-format off
constexpr std::string_view kAllowedGlobals[] = {
    "AggregateError", "Array", "ArrayBuffer", "BigInt", "BigInt64Array", "BigUint64Array",
    "Boolean", "DataView", "Date", "Error", "EvalError", "Float32Array", "Float64Array",
    "Function", "Infinity", "Int16Array", "Int32Array", "Int8Array", "JSON", "Map", "Math", "NaN",
    "Number", "Object", "Promise", "Proxy", "RangeError", "ReferenceError", "Reflect", "RegExp",
    "Set", "String", "Symbol", "SyntaxError", "TypeError", "URIError", "Uint16Array",
    "Uint32Array", "Uint8Array", "Uint8ClampedArray", "WeakMap", "WeakSet", "decodeURI",
    "decodeURIComponent", "encodeURI", "encodeURIComponent", "globalThis", "isFinite", "isNaN",
    "parseFloat", "parseInt", "undefined"};
// clang-format on
static_assert(std::is_sorted(std::begin(kAllowedGlobals), std::end(kAllowedGlobals)));

}  // namespace

v8::MaybeLocal<v8::Context> MakeTenantContext(v8::Isolate* isolate) {
  v8::EscapableHandleScope scope(isolate);
  const v8::Local<v8::Context> context = v8::Context::New(isolate);
  if (context.IsEmpty()) return {};
  v8::Context::Scope context_scope(context);
  context->AllowCodeGenerationFromStrings(false);
  context->SetErrorMessageForCodeGenerationFromStrings(
      AsciiString(isolate, "Code cannot be made from strings in a function of the store"));
  const v8::Local<v8::Object> global = context->Global();
  v8::Local<v8::Array> names;
  if (!global
           ->GetPropertyNames(context, v8::KeyCollectionMode::kOwnOnly, v8::ALL_PROPERTIES,
                              v8::IndexFilter::kIncludeIndices,
                              v8::KeyConversionMode::kConvertToString)
           .ToLocal(&names)) {
    return {};
  }
  for (uint32_t i = 0; i < names->Length(); ++i) {
    v8::Local<v8::Value> name;
    if (!names->Get(context, i).ToLocal(&name)) return {};
    if (name->IsString() &&
        std::binary_search(std::begin(kAllowedGlobals), std::end(kAllowedGlobals),
                           std::string_view(Utf8(isolate, name.As<v8::String>())))) {
      continue;
    }
    if (!global->Delete(context, name).FromMaybe(false)) return {};
  }
  return scope.Escape(context);
}

}  // namespace shredder::engine
