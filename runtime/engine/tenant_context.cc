#include "runtime/engine/tenant_context.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "runtime/engine/store_module.h"
#include "runtime/engine/v8_strings.h"
#include "runtime/engine/wasm/web_assembly.h"
#include "runtime/engine/web_globals.h"

namespace shredder::engine {

namespace {

// ECMAScript's globals that neither run code from strings, nor share memory between threads, nor
// run anything after an invocation has ended (FinalizationRegistry, WeakRef), nor tell the
// collector's doings. Sorted.
// clang-format off
constexpr std::string_view kAllowedGlobals[] = {
    "AggregateError", "Array", "ArrayBuffer", "BigInt", "BigInt64Array", "BigUint64Array",
    "Boolean", "DataView", "Date", "Error", "EvalError", "Float32Array", "Float64Array",
    "Function", "Infinity", "Int16Array", "Int32Array", "Int8Array", "Intl", "JSON", "Map", "Math", "NaN",
    "Number", "Object", "Promise", "Proxy", "RangeError", "ReferenceError", "Reflect", "RegExp",
    "Set", "String", "Symbol", "SyntaxError", "TypeError", "URIError", "Uint16Array",
    "Uint32Array", "Uint8Array", "Uint8ClampedArray", "WeakMap", "WeakSet", "decodeURI",
    "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "globalThis", "isFinite",
    "isNaN", "parseFloat", "parseInt", "undefined", "unescape"};
// clang-format on
static_assert(std::is_sorted(std::begin(kAllowedGlobals), std::end(kAllowedGlobals)));

// V8's own addition to Intl, which takes a text of any length; Intl.Segmenter is the standard's.
bool RemoveBreakIterator(v8::Local<v8::Context> context) {
  v8::Isolate* const isolate = context->GetIsolate();
  v8::Local<v8::Value> intl;
  return context->Global()->Get(context, AsciiString(isolate, "Intl")).ToLocal(&intl) &&
         intl->IsObject() &&
         intl.As<v8::Object>()
             ->Delete(context, AsciiString(isolate, "v8BreakIterator"))
             .FromMaybe(false);
}

}  // namespace

v8::MaybeLocal<v8::Context> MakeTenantContext(v8::Isolate* isolate,
                                              v8::MicrotaskQueue* microtasks) {
  v8::EscapableHandleScope scope(isolate);
  const v8::Local<v8::Context> context = v8::Context::New(isolate, nullptr, {}, {}, {}, microtasks);
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
  if (!RemoveBreakIterator(context)) return {};
  return scope.Escape(context);
}

std::unique_ptr<TenantContext> TenantContext::Make(std::shared_ptr<TenantIsolate> heap,
                                                   bool callback_builtins) {
  std::unique_ptr<TenantContext> made(new TenantContext(std::move(heap)));
  if (!made->MakeContext(callback_builtins)) return nullptr;
  return made;
}

TenantContext::TenantContext(std::shared_ptr<TenantIsolate> heap)
    : heap_(std::move(heap)),
      isolate_(heap_->isolate()),
      microtasks_(v8::MicrotaskQueue::New(isolate_, v8::MicrotasksPolicy::kExplicit)) {
  heap_->AddContext();
}

TenantContext::~TenantContext() { heap_->RemoveContext(); }

void TenantContext::Prefetch(const v8::Global<v8::Function>& function, int step) const {
  v8::PrefetchCall(isolate_, context_, function, step);
}

bool TenantContext::MakeContext(bool callback_builtins) {
  v8::Isolate::Scope isolate_scope(isolate_);
  v8::HandleScope handle_scope(isolate_);
  v8::TryCatch try_catch(isolate_);
  v8::Local<v8::Context> context;
  if (!MakeTenantContext(isolate_, microtasks_.get()).ToLocal(&context)) return false;
  v8::Context::Scope context_scope(context);
  if (!InstallWebGlobals(context, &store_state_) || !InstallWebAssembly(context, &store_state_)) {
    return false;
  }
  v8::Local<v8::Module> store_module;
  if (!MakeStoreModule(context, &store_state_, callback_builtins).ToLocal(&store_module)) {
    return false;
  }
  context_.Reset(isolate_, context);
  store_state_.context.Reset(isolate_, context);
  store_module_.Reset(isolate_, store_module);
  return true;
}

void TenantContext::AttachStore(store::Store* store, FunctionLog* log,
                                FindSourceMap find_source_map, WasmAccount* wasm_account) {
  v8::Isolate::Scope isolate_scope(isolate_);
  v8::HandleScope handle_scope(isolate_);
  store_state_.store = store;
  store_state_.log = log;
  store_state_.find_source_map = std::move(find_source_map);
  store_state_.wasm_account = wasm_account;
  if (wasm_account == nullptr) RemoveWebAssembly(context());
  engine::AttachStore(context(), store);
}

}  // namespace shredder::engine
