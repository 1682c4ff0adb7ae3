#include "builtins-csa/builtins/wasm_embedding.h"

#include <utility>

#include "builtins-csa/builtins/interrupt_poll.h"
#include "src/api/api-inl.h"
#include "src/codegen/external-reference.h"
#include "src/execution/frame-constants.h"
#include "src/execution/frames.h"
#include "src/execution/isolate.h"
#include "src/heap/factory.h"
#include "src/objects/foreign.h"
#include "src/objects/js-function.h"
#include "src/objects/objects-inl.h"
#include "src/wasm/canonical-types.h"
#include "src/wasm/wasm-code-manager.h"
#include "src/wasm/wasm-engine.h"
#include "src/wasm/wasm-js.h"
#include "src/wasm/wasm-objects-inl.h"

namespace shredder::wasm {

namespace i = v8::internal;

// What DataOf relies on.
static_assert(i::kHeapObjectTag == 1);
static_assert(i::Foreign::kForeignAddressOffset == 8);

namespace {

i::wasm::ValueType ValueTypeOf(Type type) {
  switch (type) {
    case Type::kI32:
      return i::wasm::kWasmI32;
    case Type::kI64:
      return i::wasm::kWasmI64;
    case Type::kF64:
      return i::wasm::kWasmF64;
  }
}

// As V8 writes down the type of a function of C: results, a mark, parameters.
i::Handle<i::PodArray<i::wasm::ValueType>> Serialize(i::Isolate* isolate,
                                                     const FunctionType& type) {
  const auto serialized = i::PodArray<i::wasm::ValueType>::New(
      isolate, static_cast<int>(type.parameters.size() + type.results.size() + 1),
      i::AllocationType::kOld);
  int index = 0;
  for (const Type each : type.results) serialized->set(index++, ValueTypeOf(each));
  i::wasm::ValueType mark = i::wasm::kWasmVoid;
  serialized->set(index++, mark);
  for (const Type each : type.parameters) serialized->set(index++, ValueTypeOf(each));
  return serialized;
}

// Nothing where another type is among them.
template <typename Types>
std::optional<std::vector<Type>> TypesOf(const Types& types) {
  std::vector<Type> known;
  for (const i::wasm::ValueType type : types) {
    switch (type.kind()) {
      case i::wasm::kI32:
        known.push_back(Type::kI32);
        break;
      case i::wasm::kI64:
        known.push_back(Type::kI64);
        break;
      case i::wasm::kF64:
        known.push_back(Type::kF64);
        break;
      default:
        return std::nullopt;
    }
  }
  return known;
}

Memory MemoryOf(i::Object object) {
  if (!object.IsWasmMemoryObject()) return {};
  const i::JSArrayBuffer buffer = i::WasmMemoryObject::cast(object).array_buffer();
  return {static_cast<uint8_t*>(buffer.backing_store()), buffer.byte_length()};
}

}  // namespace

void Install(v8::Local<v8::Context> context) {
  auto* const isolate = reinterpret_cast<i::Isolate*>(context->GetIsolate());
  const i::HandleScope scope(isolate);
  i::WasmJs::Install(isolate, /*exposed_on_global_object=*/false);
}

v8::Local<v8::Function> MakeImport(v8::Local<v8::Context> context, Import import, void* data,
                                   const FunctionType& type) {
  auto* const isolate = reinterpret_cast<i::Isolate*>(context->GetIsolate());
  i::HandleScope scope(isolate);
  i::Factory* const factory = isolate->factory();
  const i::Handle<i::WasmCapiFunctionData> function_data = factory->NewWasmCapiFunctionData(
      i::ExternalReference::Create(reinterpret_cast<i::Address>(import)).address(),
      factory->NewForeign(reinterpret_cast<i::Address>(data)),
      BUILTIN_CODE(isolate, UnsupportedThrower), factory->wasm_internal_function_map(),
      Serialize(isolate, type));
  const i::Handle<i::JSFunction> function =
      i::Factory::JSFunctionBuilder{
          isolate, factory->NewSharedFunctionInfoForWasmCapiFunction(function_data),
          v8::Utils::OpenHandle(*context)}
          .Build();
  function_data->internal().set_external(*function);
  return v8::Utils::ToLocal(scope.CloseAndEscape(function));
}

Memory CallerMemory(v8::Isolate* v8_isolate) {
  auto* const isolate = reinterpret_cast<i::Isolate*>(v8_isolate);
  // The frame of V8's code between the caller and the Import, and behind it the caller's.
  const i::Address wrapper = *isolate->c_entry_fp_address();
  const auto caller =
      *reinterpret_cast<const i::Address*>(wrapper + i::CommonFrameConstants::kCallerFPOffset);
  const auto marker = *reinterpret_cast<const intptr_t*>(
      caller + i::CommonFrameConstants::kContextOrFrameTypeOffset);
  if (marker != i::StackFrame::TypeToMarker(i::StackFrame::WASM)) return {};
  const i::Object object(
      *reinterpret_cast<const i::Address*>(caller + i::WasmFrameConstants::kWasmInstanceOffset));
  if (!object.IsWasmInstanceObject()) return {};
  const auto instance = i::WasmInstanceObject::cast(object);
  return {instance.memory_start(), instance.memory_size()};
}

Memory MemoryOf(v8::Local<v8::Value> value) { return MemoryOf(*v8::Utils::OpenHandle(*value)); }

namespace {

// WebAssembly runs in no context, and what the isolate has in that place while code runs is not to
// be looked at: so it is not saved. It has none afterwards; whatever V8 calls next sets its own.
class EnteredContext {
 public:
  EnteredContext(i::Isolate* isolate, v8::Local<v8::Context> context) : isolate_(isolate) {
    isolate->set_context(*v8::Utils::OpenHandle(*context));
  }
  ~EnteredContext() { isolate_->set_context(i::Context()); }
  EnteredContext(const EnteredContext&) = delete;
  EnteredContext& operator=(const EnteredContext&) = delete;

 private:
  i::Isolate* const isolate_;
};

}  // namespace

uintptr_t Throw(v8::Local<v8::Context> context, ErrorType type, std::string_view message) {
  auto* const isolate = reinterpret_cast<i::Isolate*>(context->GetIsolate());
  const i::HandleScope scope(isolate);
  const EnteredContext entered(isolate, context);
  const i::Handle<i::String> text =
      isolate->factory()
          ->NewStringFromOneByte(v8::base::Vector<const uint8_t>(
              reinterpret_cast<const uint8_t*>(message.data()), message.size()))
          .ToHandleChecked();
  const i::Handle<i::JSFunction> constructor = type == ErrorType::kTypeError
                                                   ? isolate->type_error_function()
                                                   : isolate->range_error_function();
  // V8's code throws it on return, and goes on with the message that is made here.
  isolate->Throw(*isolate->factory()->NewError(constructor, text));
  const i::Object exception = isolate->pending_exception();
  isolate->clear_pending_exception();
  return exception.ptr();
}

uintptr_t Poll(v8::Local<v8::Context> context) {
  auto* const isolate = reinterpret_cast<i::Isolate*>(context->GetIsolate());
  if (V8_LIKELY(!i::InterruptPoll::Requested(isolate))) return 0;
  const i::HandleScope scope(isolate);
  const EnteredContext entered(isolate, context);
  if (!isolate->stack_guard()->HandleInterrupts().IsException(isolate)) return 0;
  const i::Object exception = isolate->pending_exception();
  isolate->clear_pending_exception();
  return exception.ptr();
}

std::optional<FunctionType> TypeOf(v8::Local<v8::Value> value) {
  const i::Handle<i::Object> object = v8::Utils::OpenHandle(*value);
  if (!i::WasmExportedFunction::IsWasmExportedFunction(*object)) return std::nullopt;
  const i::wasm::FunctionSig* signature = i::WasmExportedFunction::cast(*object).sig();
  auto parameters = TypesOf(signature->parameters());
  auto results = TypesOf(signature->returns());
  if (!parameters || !results) return std::nullopt;
  return FunctionType{std::move(*parameters), std::move(*results)};
}

Constructors ConstructorsOf(v8::Local<v8::Context> context) {
  auto* const isolate = reinterpret_cast<i::Isolate*>(context->GetIsolate());
  const i::Handle<i::Context> native = v8::Utils::OpenHandle(*context);
  const auto of = [isolate](i::JSFunction function) {
    return v8::Utils::ToLocal(i::handle(function, isolate));
  };
  return {.module = of(native->wasm_module_constructor()),
          .instance = of(native->wasm_instance_constructor()),
          .memory = of(native->wasm_memory_constructor()),
          .table = of(native->wasm_table_constructor()),
          .global = of(native->wasm_global_constructor()),
          .compile_error = of(native->wasm_compile_error_function()),
          .link_error = of(native->wasm_link_error_function()),
          .runtime_error = of(native->wasm_runtime_error_function())};
}

size_t KnownTypes() { return i::wasm::GetTypeCanonicalizer()->size(); }

size_t CodeBytes() { return i::wasm::GetWasmCodeManager()->committed_code_space(); }

}  // namespace shredder::wasm
