#include "runtime/engine/wasm/web_assembly.h"

#include <cstdint>
#include <initializer_list>
#include <span>

#include "builtins-csa/builtins/wasm_embedding.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

// new WebAssembly.Module(bytes)
void MakeModule(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* const isolate = info.GetIsolate();
  const auto refuse = [isolate](const char* message) {
    isolate->ThrowException(v8::Exception::TypeError(AsciiString(isolate, message)));
  };
  if (!info.IsConstructCall()) return refuse("WebAssembly.Module must be invoked with 'new'");
  std::span<const uint8_t> bytes;
  if (info[0]->IsArrayBuffer()) {
    const v8::Local<v8::ArrayBuffer> buffer = info[0].As<v8::ArrayBuffer>();
    bytes = {static_cast<const uint8_t*>(buffer->Data()), buffer->ByteLength()};
  } else if (info[0]->IsArrayBufferView()) {
    const v8::Local<v8::ArrayBufferView> view = info[0].As<v8::ArrayBufferView>();
    // Small ones have no buffer before this.
    const v8::Local<v8::ArrayBuffer> buffer = view->Buffer();
    bytes = {static_cast<const uint8_t*>(buffer->Data()) + view->ByteOffset(), view->ByteLength()};
  } else {
    return refuse("WebAssembly.Module(): Argument 0 must be a buffer source");
  }
  v8::Local<v8::Object> module;
  if (CompileModule(isolate->GetCurrentContext(), StateOf(info), bytes).ToLocal(&module)) {
    info.GetReturnValue().Set(module);
  }
}

// new WebAssembly.Instance(module, imports)
void MakeInstance(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* const isolate = info.GetIsolate();
  if (!info.IsConstructCall()) {
    isolate->ThrowException(v8::Exception::TypeError(
        AsciiString(isolate, "WebAssembly.Instance must be invoked with 'new'")));
    return;
  }
  v8::Local<v8::Object> instance;
  if (Instantiate(isolate->GetCurrentContext(), StateOf(info), info[0], info[1])
          .ToLocal(&instance)) {
    info.GetReturnValue().Set(instance);
  }
}

// A constructor in place of V8's own, which is bounded; what the latter has besides, stays.
v8::MaybeLocal<v8::Function> MakeConstructor(v8::Local<v8::Context> context,
                                             v8::Local<v8::Value> state, const char* name,
                                             v8::FunctionCallback construct,
                                             v8::Local<v8::Function> original,
                                             std::initializer_list<const char*> statics) {
  v8::Isolate* const isolate = context->GetIsolate();
  v8::Local<v8::Function> constructor;
  v8::Local<v8::Value> prototype;
  const v8::Local<v8::String> prototype_name = AsciiString(isolate, "prototype");
  if (!v8::Function::New(context, construct, state, 1).ToLocal(&constructor) ||
      !original->Get(context, prototype_name).ToLocal(&prototype) || !prototype->IsObject() ||
      !constructor->Set(context, prototype_name, prototype).FromMaybe(false) ||
      !prototype.As<v8::Object>()
           ->DefineOwnProperty(context, AsciiString(isolate, "constructor"), constructor,
                               v8::DontEnum)
           .FromMaybe(false)) {
    return {};
  }
  constructor->SetName(AsciiString(isolate, name));
  for (const char* static_name : statics) {
    const v8::Local<v8::String> key = AsciiString(isolate, static_name);
    v8::Local<v8::Value> function;
    if (!original->Get(context, key).ToLocal(&function) ||
        !constructor->DefineOwnProperty(context, key, function).FromMaybe(false)) {
      return {};
    }
  }
  return constructor;
}

void GetWebAssembly(v8::Local<v8::Name>, const v8::PropertyCallbackInfo<v8::Value>& info) {
  v8::Isolate* const isolate = info.GetIsolate();
  const v8::Local<v8::Context> context = isolate->GetCurrentContext();
  wasm::Install(context);
  const wasm::Constructors constructors = wasm::ConstructorsOf(context);
  v8::Local<v8::Function> module, instance;
  if (!MakeConstructor(context, info.Data(), "Module", MakeModule, constructors.module,
                       {"customSections", "exports", "imports"})
           .ToLocal(&module) ||
      !MakeConstructor(context, info.Data(), "Instance", MakeInstance, constructors.instance, {})
           .ToLocal(&instance)) {
    return;
  }
  const struct {
    const char* name;
    v8::Local<v8::Function> constructor;
  } members[] = {{"Module", module},
                 {"Instance", instance},
                 {"Memory", constructors.memory},
                 {"Table", constructors.table},
                 {"Global", constructors.global},
                 {"CompileError", constructors.compile_error},
                 {"LinkError", constructors.link_error},
                 {"RuntimeError", constructors.runtime_error}};
  const v8::Local<v8::Object> web_assembly = v8::Object::New(isolate);
  for (const auto& member : members) {
    if (!web_assembly
             ->DefineOwnProperty(context, AsciiString(isolate, member.name), member.constructor,
                                 v8::DontEnum)
             .FromMaybe(false)) {
      return;
    }
  }
  if (web_assembly
          ->DefineOwnProperty(context, v8::Symbol::GetToStringTag(isolate),
                              AsciiString(isolate, kWebAssemblyName),
                              static_cast<v8::PropertyAttribute>(v8::DontEnum | v8::ReadOnly))
          .FromMaybe(false)) {
    info.GetReturnValue().Set(web_assembly);
  }
}

}  // namespace

bool InstallWebAssembly(v8::Local<v8::Context> context, StoreModuleState* state) {
  v8::Isolate* const isolate = context->GetIsolate();
  return context->Global()
      ->SetLazyDataProperty(context, AsciiString(isolate, kWebAssemblyName), GetWebAssembly,
                            v8::External::New(isolate, state), v8::DontEnum)
      .FromMaybe(false);
}

void RemoveWebAssembly(v8::Local<v8::Context> context) {
  v8::Isolate* const isolate = context->GetIsolate();
  context->Global()->Delete(context, AsciiString(isolate, kWebAssemblyName)).FromMaybe(false);
}

}  // namespace shredder::engine
