#include "runtime/engine/wasm/wasm_library.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "runtime/engine/library.h"
#include "runtime/engine/store_callbacks.h"
#include "runtime/engine/store_module.h"
#include "runtime/engine/v8_strings.h"
#include "runtime/engine/wasm/call_block.h"
#include "runtime/engine/wasm/modules.h"
#include "runtime/engine/wasm/store_imports.h"

namespace shredder::engine {

namespace {

constexpr const char* kMemory = "memory";
constexpr const char* kAlloc = "alloc";
constexpr const char* kFree = "free";
constexpr const char* kInitialize = "_initialize";
// A custom section with JSON.
constexpr const char* kDescriptions = "shredder";

bool IsType(const wasm::FunctionType& type, std::vector<wasm::Type> parameters,
            std::vector<wasm::Type> results) {
  return type.parameters == parameters && type.results == results;
}

bool IsFunctionType(const wasm::FunctionType& type) {
  const std::vector<wasm::Type>& parameters = type.parameters;
  return (parameters.empty() || (parameters.size() == 1 && parameters[0] == wasm::Type::kI32)) &&
         type.results.size() <= 1;
}

// What the section says of its functions: an object by name; nothing where there is none. False
// with an exception pending.
bool ReadDescriptions(v8::Local<v8::Context> context, v8::Local<v8::Object> module,
                      std::optional<v8::Local<v8::Object>>* descriptions, std::string* error) {
  v8::Isolate* const isolate = context->GetIsolate();
  v8::Local<v8::Value> custom_sections, sections, section, parsed, functions;
  v8::Local<v8::Value> arguments[] = {module, AsciiString(isolate, kDescriptions)};
  if (!wasm::ConstructorsOf(context)
           .module->Get(context, AsciiString(isolate, "customSections"))
           .ToLocal(&custom_sections) ||
      !custom_sections->IsFunction() ||
      !custom_sections.As<v8::Function>()
           ->Call(context, v8::Undefined(isolate), 2, arguments)
           .ToLocal(&sections) ||
      !sections->IsArray()) {
    return false;
  }
  if (sections.As<v8::Array>()->Length() == 0) return true;
  if (!sections.As<v8::Array>()->Get(context, 0).ToLocal(&section) || !section->IsArrayBuffer()) {
    return false;
  }
  const v8::Local<v8::ArrayBuffer> bytes = section.As<v8::ArrayBuffer>();
  v8::Local<v8::String> text;
  if (!StringFromUtf8(isolate, {static_cast<const char*>(bytes->Data()), bytes->ByteLength()})
           .ToLocal(&text) ||
      !v8::JSON::Parse(context, text).ToLocal(&parsed)) {
    return false;
  }
  if (!parsed->IsObject() ||
      !parsed.As<v8::Object>()
           ->Get(context, AsciiString(isolate, "functions"))
           .ToLocal(&functions) ||
      !functions->IsObject()) {
    *error = "ERR the module's section shredder is not JSON of the form {\"functions\": {...}}";
    return false;
  }
  *descriptions = functions.As<v8::Object>();
  return true;
}

}  // namespace

std::unique_ptr<WasmLibrary> WasmLibrary::Instantiate(v8::Local<v8::Context> context,
                                                      StoreModuleState* state,
                                                      std::string_view code, std::string* error) {
  v8::Isolate* const isolate = context->GetIsolate();
  const size_t line_end = code.find('\n');
  const std::string_view bytes = code.substr(line_end + 1);
  v8::Local<v8::Object> module;
  if (!CompileModule(context, state, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()})
           .ToLocal(&module)) {
    return nullptr;
  }
  const v8::Local<v8::Object> imports =
      v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
  if (!imports
           ->CreateDataProperty(context, AsciiString(isolate, kStoreModuleName),
                                MakeStoreImports(context, state))
           .FromMaybe(false)) {
    return nullptr;
  }
  v8::Local<v8::Object> instance;
  v8::Local<v8::Value> exports;
  if (!engine::Instantiate(context, state, module, imports).ToLocal(&instance) ||
      !instance->Get(context, AsciiString(isolate, "exports")).ToLocal(&exports) ||
      !exports->IsObject()) {
    return nullptr;
  }
  std::unique_ptr<WasmLibrary> library(new WasmLibrary);
  library->module_.Reset(isolate, module);
  if (!library->ReadExports(context, exports.As<v8::Object>(), error)) return nullptr;
  return library;
}

bool WasmLibrary::ReadExports(v8::Local<v8::Context> context, v8::Local<v8::Object> exports,
                              std::string* error) {
  v8::Isolate* const isolate = context->GetIsolate();
  v8::Local<v8::Array> names;
  if (!exports->GetOwnPropertyNames(context).ToLocal(&names)) return false;
  for (uint32_t i = 0; i < names->Length(); ++i) {
    const v8::HandleScope scope(isolate);
    v8::Local<v8::Value> name_value, value;
    if (!names->Get(context, i).ToLocal(&name_value) ||
        !exports->Get(context, name_value).ToLocal(&value)) {
      return false;
    }
    v8::Local<v8::String> name_text;
    if (!name_value->ToString(context).ToLocal(&name_text)) return false;
    const std::string name = Utf8(isolate, name_text);
    if (name == kMemory) memory_.Reset(isolate, value);
    if (!value->IsFunction()) continue;
    const v8::Local<v8::Function> function = value.As<v8::Function>();
    const std::optional<wasm::FunctionType> type = wasm::TypeOf(value);
    if (name == kAlloc) {
      if (!type || !IsType(*type, {wasm::Type::kI32}, {wasm::Type::kI32})) {
        *error = "ERR alloc must be of type (i32) -> i32";
        return false;
      }
      alloc_.Reset(isolate, function);
    } else if (name == kFree) {
      // A C library's own free is of this type as well.
      if (type && IsType(*type, {wasm::Type::kI32}, {})) free_.Reset(isolate, function);
    } else if (name == kInitialize) {
      if (function->Call(context, v8::Undefined(isolate), 0, nullptr).IsEmpty()) return false;
    } else if (!name.empty() && name[0] != '_') {
      if (!IsName(name)) {
        *error =
            "ERR Function names can only contain letters, numbers, or underscores(_) and must be "
            "at least one character long";
        return false;
      }
      if (!type || !IsFunctionType(*type)) {
        *error = "ERR function " + name +
                 " must take one i32 or nothing and return an i32, an i64, an f64 or nothing; "
                 "begin the name of what is no function of the store with _";
        return false;
      }
      if (functions_.size() == kMaxFunctions) {
        *error = "ERR library exports more than 4096 functions";
        return false;
      }
      Function& added = functions_.emplace_back();
      added.name = name;
      added.function.Reset(isolate, function);
      added.takes_call = !type->parameters.empty();
      if (!type->results.empty()) added.result = type->results[0];
    }
  }
  if (functions_.empty()) {
    *error = "ERR No functions registered";
    return false;
  }
  const bool takes_calls = std::any_of(functions_.begin(), functions_.end(),
                                       [](const Function& each) { return each.takes_call; });
  if (takes_calls && (memory_.IsEmpty() || alloc_.IsEmpty())) {
    *error = "ERR a module whose functions take a call must export memory and alloc";
    return false;
  }
  return true;
}

bool WasmLibrary::Describe(v8::Local<v8::Context> context, std::vector<FunctionInfo>* functions,
                           std::string* error) const {
  v8::Isolate* const isolate = context->GetIsolate();
  std::optional<v8::Local<v8::Object>> descriptions;
  if (!ReadDescriptions(context, module_.Get(isolate), &descriptions, error)) return false;
  for (const Function& function : functions_) {
    const v8::HandleScope scope(isolate);
    FunctionInfo& info = functions->emplace_back();
    info.name = function.name;
    if (!descriptions) continue;
    v8::Local<v8::String> name;
    v8::Local<v8::Value> description;
    if (!StringFromUtf8(isolate, function.name).ToLocal(&name) ||
        !(*descriptions)->Get(context, name).ToLocal(&description)) {
      return false;
    }
    if (description->IsObject() &&
        !ReadFunctionInfo(context, description.As<v8::Object>(), &info, error)) {
      return false;
    }
  }
  return true;
}

wasm::Memory WasmLibrary::memory(v8::Isolate* isolate) const {
  return memory_.IsEmpty() ? wasm::Memory() : wasm::MemoryOf(memory_.Get(isolate));
}

std::optional<uint32_t> WasmLibrary::WriteCall(v8::Local<v8::Context> context,
                                               std::span<const std::string_view> keys,
                                               std::span<const std::string_view> args,
                                               std::string* error) {
  v8::Isolate* const isolate = context->GetIsolate();
  const uint64_t bytes = CallBlockBytes(keys, args);
  if (bytes > std::numeric_limits<uint32_t>::max()) {
    *error = "ERR arguments are larger than a WebAssembly memory";
    return std::nullopt;
  }
  v8::Local<v8::Value> size = v8::Integer::NewFromUnsigned(isolate, static_cast<uint32_t>(bytes));
  v8::Local<v8::Value> allocated;
  if (!alloc_.Get(isolate)->Call(context, v8::Undefined(isolate), 1, &size).ToLocal(&allocated)) {
    return std::nullopt;
  }
  const auto address = static_cast<uint32_t>(allocated.As<v8::Int32>()->Value());
  uint8_t* const at = memory(isolate).At(address, bytes);
  if (address == 0 || at == nullptr) {
    *error =
        "ERR alloc of the module gave no memory for a call of " + std::to_string(bytes) + " bytes";
    return std::nullopt;
  }
  WriteCallBlock(keys, args, address, at);
  return address;
}

bool WasmLibrary::ReadResult(v8::Local<v8::Context> context, const Function& function,
                             v8::Local<v8::Value> returned, uint32_t block, WatchedSteps* steps,
                             uint64_t max_reply_bytes, Value* result, std::string* error) const {
  if (function.result) {
    switch (*function.result) {
      case wasm::Type::kI32:
        // To typed clients a number, where an i64 is a bigint.
        result->data = static_cast<double>(returned.As<v8::Int32>()->Value());
        return true;
      case wasm::Type::kI64:
        result->data = returned.As<v8::BigInt>()->Int64Value();
        return true;
      case wasm::Type::kF64:
        result->data = returned.As<v8::Number>()->Value();
        return true;
    }
  }
  result->data = Null{};
  if (!function.takes_call) return true;
  const wasm::Memory memory = this->memory(context->GetIsolate());
  // It was there before the call, and memories only grow.
  uint32_t reply;
  std::memcpy(&reply, memory.At(block, kCallHeaderBytes) + kReplyOffset, sizeof reply);
  std::string reason;
  switch (ReadReply(memory, reply, steps, max_reply_bytes, result, &reason)) {
    case ReplyOutcome::kRead:
      return true;
    case ReplyOutcome::kInvalid:
      *error = "ERR TypeError: " + reason;
      return false;
    case ReplyOutcome::kEnded:
      return false;
  }
  return false;
}

bool WasmLibrary::Call(v8::Local<v8::Context> context, size_t index,
                       std::span<const std::string_view> keys,
                       std::span<const std::string_view> args, WatchedSteps* steps,
                       uint64_t max_reply_bytes, Value* result, std::string* error) {
  v8::Isolate* const isolate = context->GetIsolate();
  const Function& function = functions_[index];
  uint32_t block = 0;
  v8::Local<v8::Value> argument;
  if (function.takes_call) {
    const std::optional<uint32_t> written = WriteCall(context, keys, args, error);
    if (!written) return false;
    block = *written;
    argument = v8::Integer::NewFromUnsigned(isolate, block);
  }
  v8::Local<v8::Value> returned;
  if (!function.function.Get(isolate)
           ->Call(context, v8::Undefined(isolate), function.takes_call ? 1 : 0, &argument)
           .ToLocal(&returned) ||
      !ReadResult(context, function, returned, block, steps, max_reply_bytes, result, error)) {
    return false;
  }
  if (!function.takes_call || free_.IsEmpty()) return true;
  return !free_.Get(isolate)->Call(context, v8::Undefined(isolate), 1, &argument).IsEmpty();
}

}  // namespace shredder::engine
