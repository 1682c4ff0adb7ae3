#include "runtime/engine/store_module.h"

#include <span>
#include <vector>

#include "builtins-csa/builtins/store_builtins_list.h"
#include "builtins-csa/builtins/store_context.h"
#include "builtins-csa/layout/table_layout.h"
#include "runtime/engine/callback_builtins.h"
#include "runtime/engine/v8_strings.h"
#include "runtime/engine/wasm/store_imports.h"

namespace shredder::engine {

namespace {

constexpr const char* kBuiltinNames[] = {
#define SHREDDER_BINDING_NAME(name, length) #name,
    SHREDDER_BINDING_LIST(SHREDDER_BINDING_NAME)
#undef SHREDDER_BINDING_NAME
};

// HTImports(): what a module in WebAssembly imports as shredder:store. JavaScript cannot call the
// functions.
void HTImports(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* const isolate = info.GetIsolate();
  StoreModuleState* const state = StateOf(info);
  if (state->wasm_account == nullptr) {
    isolate->ThrowException(v8::Exception::TypeError(AsciiString(isolate, kNoWebAssembly)));
    return;
  }
  info.GetReturnValue().Set(MakeStoreImports(isolate->GetCurrentContext(), state));
}

constexpr Callback kCallbacks[] = {{"HTAppend", HTAppend, 2},
                                   {"HTExpire", HTExpire, 2},
                                   {"HTImports", HTImports, 0},
                                   {"HTScan", HTScan, 2}};

// What the builtins of these names leave to C++, and where they find it.
struct Fallback {
  int embedder_data_index;
  v8::FunctionCallback function;
};
constexpr Fallback kFallbacks[] = {{kSetEmbedderDataIndex, HTSet},
                                   {kDeleteEmbedderDataIndex, HTDelete},
                                   {kAddEmbedderDataIndex, HTAdd}};

v8::MaybeLocal<v8::Value> EvaluateModule(v8::Local<v8::Context> context,
                                         v8::Local<v8::Module> module) {
  v8::Isolate* isolate = context->GetIsolate();
  const v8::Local<v8::Object> exports =
      context->GetEmbedderData(kExportsEmbedderDataIndex).As<v8::Object>();
  v8::Local<v8::Array> names;
  if (!exports->GetOwnPropertyNames(context).ToLocal(&names)) return {};
  for (uint32_t i = 0; i < names->Length(); ++i) {
    v8::Local<v8::Value> name, value;
    if (!names->Get(context, i).ToLocal(&name) || !exports->Get(context, name).ToLocal(&value) ||
        module->SetSyntheticModuleExport(isolate, name.As<v8::String>(), value).IsNothing()) {
      return {};
    }
  }
  v8::Local<v8::Promise::Resolver> done;
  if (!v8::Promise::Resolver::New(context).ToLocal(&done) ||
      done->Resolve(context, v8::Undefined(isolate)).IsNothing()) {
    return {};
  }
  return done->GetPromise();
}

}  // namespace

void AttachStore(v8::Local<v8::Context> context, store::Store* store) {
  context->SetAlignedPointerInEmbedderData(layout::kStoreEmbedderDataIndex, store->header());
}

v8::MaybeLocal<v8::Module> MakeStoreModule(v8::Local<v8::Context> context, StoreModuleState* state,
                                           bool callback_builtins) {
  v8::Isolate* isolate = context->GetIsolate();
  const v8::Local<v8::Object> binding = context->GetExtrasBindingObject();
  // No prototype: nothing of the tenant's is in the way of the names.
  const v8::Local<v8::Object> exports =
      v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
  std::vector<v8::Local<v8::String>> names;
  const auto add = [&](const char* name, v8::Local<v8::Value> value) {
    names.push_back(AsciiString(isolate, name));
    return exports->CreateDataProperty(context, names.back(), value).IsJust();
  };
  for (const char* name : kBuiltinNames) {
    v8::Local<v8::Value> builtin;
    if (!binding->Get(context, AsciiString(isolate, name)).ToLocal(&builtin) ||
        !add(name, builtin)) {
      return {};
    }
  }
  const v8::Local<v8::External> data = v8::External::New(isolate, state);
  const auto add_callbacks = [&](std::span<const Callback> callbacks) {
    for (const Callback& callback : callbacks) {
      v8::Local<v8::Function> function;
      if (!v8::Function::New(context, callback.function, data, callback.length,
                             v8::ConstructorBehavior::kThrow)
               .ToLocal(&function)) {
        return false;
      }
      function->SetName(AsciiString(isolate, callback.name));
      if (!add(callback.name, function)) return false;
    }
    return true;
  };
  if (!add_callbacks(kCallbacks)) return {};
  if (callback_builtins && !add_callbacks(CallbackBuiltins())) return {};
  for (const Fallback& fallback : kFallbacks) {
    v8::Local<v8::Function> function;
    if (!v8::Function::New(context, fallback.function, data, 0, v8::ConstructorBehavior::kThrow)
             .ToLocal(&function)) {
      return {};
    }
    context->SetEmbedderData(fallback.embedder_data_index, function);
  }
  context->SetEmbedderData(kExportsEmbedderDataIndex, exports);
  return v8::Module::CreateSyntheticModule(isolate, AsciiString(isolate, kStoreModuleName), names,
                                           EvaluateModule);
}

}  // namespace shredder::engine
