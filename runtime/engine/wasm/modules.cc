#include "runtime/engine/wasm/modules.h"

#include <optional>

#include "builtins-csa/builtins/wasm_embedding.h"
#include "runtime/engine/store_callbacks.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

// Of all modules of one tenant: the process keeps them, and has room for 32,768.
constexpr size_t kMaxTypes = 2048;

thread_local bool is_compiling = false;

// Reads an unsigned LEB128 and what is behind it; nothing where it is none of 32 bits.
std::optional<uint32_t> TakeUnsigned(std::span<const uint8_t>* bytes) {
  constexpr int kMaxShift = 28;
  uint32_t value = 0;
  for (int shift = 0; shift <= kMaxShift && !bytes->empty(); shift += 7) {
    const uint8_t byte = bytes->front();
    *bytes = bytes->subspan(1);
    value |= static_cast<uint32_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

// How many types a module says that it has; 0 where it is malformed, which V8 says.
size_t CountTypes(std::span<const uint8_t> bytes) {
  constexpr size_t kHeaderBytes = 8;
  constexpr uint8_t kTypeSection = 1;
  if (bytes.size() < kHeaderBytes) return 0;
  bytes = bytes.subspan(kHeaderBytes);
  while (!bytes.empty()) {
    const uint8_t id = bytes.front();
    bytes = bytes.subspan(1);
    const std::optional<uint32_t> size = TakeUnsigned(&bytes);
    if (!size || *size > bytes.size()) return 0;
    if (id == kTypeSection) return TakeUnsigned(&bytes).value_or(0);
    bytes = bytes.subspan(*size);
  }
  return 0;
}

bool MayCompile(v8::Local<v8::Context>, v8::Local<v8::String>) { return is_compiling; }

template <typename MakeError>
v8::MaybeLocal<v8::Object> Throw(v8::Isolate* isolate, MakeError make_error, const char* message) {
  isolate->ThrowException(make_error(AsciiString(isolate, message)));
  return {};
}

}  // namespace

bool LiveObjects::HasRoom(v8::Isolate* isolate) {
  const auto has_room = [this] {
    std::erase_if(objects_, [](const auto& object) { return object.IsEmpty(); });
    return objects_.size() < kMost;
  };
  if (has_room()) return true;
  isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kCritical);
  isolate->MemoryPressureNotification(v8::MemoryPressureLevel::kNone);
  return has_room();
}

void LiveObjects::Add(v8::Isolate* isolate, v8::Local<v8::Object> object) {
  objects_.emplace_back(isolate, object).SetWeak();
}

void BoundModules(v8::Isolate* isolate) { isolate->SetAllowWasmCodeGenerationCallback(MayCompile); }

v8::MaybeLocal<v8::Object> CompileModule(v8::Local<v8::Context> context, StoreModuleState* state,
                                         std::span<const uint8_t> bytes) {
  v8::Isolate* const isolate = context->GetIsolate();
  if (state->wasm_account == nullptr) {
    return Throw(isolate, v8::Exception::TypeError, kNoWebAssembly);
  }
  if (state->wasm_bytes_left == 0) {
    return Throw(isolate, v8::Exception::TypeError,
                 "a WebAssembly.Module can be made only while a library loads");
  }
  if (bytes.size() > state->wasm_bytes_left) {
    return Throw(isolate, v8::Exception::RangeError,
                 "WebAssembly modules are larger than the library that makes them");
  }
  if (state->wasm_account->known_types + CountTypes(bytes) > kMaxTypes) {
    return Throw(isolate, v8::Exception::RangeError,
                 "WebAssembly modules of this tenant have more than 2048 types of functions");
  }
  if (!state->wasm_modules.HasRoom(isolate)) {
    return Throw(isolate, v8::Exception::RangeError,
                 "a tenant has at most 64 WebAssembly modules at a time");
  }
  state->wasm_bytes_left -= bytes.size();
  wasm::Install(context);
  const size_t types_before = wasm::KnownTypes();
  is_compiling = true;
  v8::Local<v8::WasmModuleObject> module;
  const bool compiled =
      v8::WasmModuleObject::Compile(isolate, {bytes.data(), bytes.size()}).ToLocal(&module);
  is_compiling = false;
  state->wasm_account->known_types += wasm::KnownTypes() - types_before;
  if (!compiled) return {};
  state->wasm_modules.Add(isolate, module);
  return module;
}

v8::MaybeLocal<v8::Object> Instantiate(v8::Local<v8::Context> context, StoreModuleState* state,
                                       v8::Local<v8::Value> module, v8::Local<v8::Value> imports) {
  v8::Isolate* const isolate = context->GetIsolate();
  if (!state->wasm_instances.HasRoom(isolate)) {
    return Throw(isolate, v8::Exception::RangeError,
                 "a tenant has at most 64 WebAssembly instances at a time");
  }
  v8::Local<v8::Value> arguments[] = {module, imports};
  v8::Local<v8::Object> instance;
  // Where no JavaScript has called this, V8 gives an object although its start function has failed.
  v8::TryCatch caught(isolate);
  if (!wasm::ConstructorsOf(context)
           .instance->NewInstance(context, 2, arguments)
           .ToLocal(&instance) ||
      caught.HasCaught()) {
    caught.ReThrow();
    return {};
  }
  state->wasm_instances.Add(isolate, instance);
  return instance;
}

}  // namespace shredder::engine
