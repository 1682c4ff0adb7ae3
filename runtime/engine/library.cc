#include "runtime/engine/library.h"

#include <algorithm>
#include <iterator>

#include "runtime/engine/store_module.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

// More are refused: the loop over them cannot be terminated.
constexpr uint32_t kMaxFlags = 16;

// Where ResolveImport finds shredder:store while a library is linked.
thread_local v8::Local<v8::Module>* linked_store_module = nullptr;

v8::MaybeLocal<v8::Module> ResolveImport(v8::Local<v8::Context> context,
                                         v8::Local<v8::String> specifier, v8::Local<v8::FixedArray>,
                                         v8::Local<v8::Module>) {
  v8::Isolate* isolate = context->GetIsolate();
  const std::string name = Utf8(isolate, specifier);
  if (name == kStoreModuleName) return *linked_store_module;
  v8::Local<v8::String> message;
  if (StringFromUtf8(isolate, "Cannot find module '" + OneLine(name.substr(0, 128)) +
                                  "': a library imports shredder:store only, bundle the rest")
          .ToLocal(&message)) {
    isolate->ThrowException(v8::Exception::Error(message));
  }
  return {};
}

}  // namespace

bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
  });
}

bool ReadFunctionInfo(v8::Local<v8::Context> context, v8::Local<v8::Object> object,
                      FunctionInfo* info, std::string* error) {
  v8::Isolate* isolate = context->GetIsolate();
  v8::Local<v8::Value> description, flags;
  if (!object->Get(context, AsciiString(isolate, "description")).ToLocal(&description) ||
      !object->Get(context, AsciiString(isolate, "flags")).ToLocal(&flags)) {
    return false;
  }
  if (description->IsString()) {
    if (static_cast<size_t>(description.As<v8::String>()->Length()) > kMaxDescriptionCharacters) {
      *error = "ERR description of function " + info->name + " is longer than 4096 characters";
      return false;
    }
    info->description = Utf8(isolate, description.As<v8::String>());
  } else if (!description->IsUndefined()) {
    *error = "ERR description of function " + info->name + " must be a string";
    return false;
  }
  if (flags->IsUndefined()) return true;
  if (!flags->IsArray()) {
    *error = "ERR flags of function " + info->name + " must be an array of strings";
    return false;
  }
  const v8::Local<v8::Array> array = flags.As<v8::Array>();
  if (array->Length() > kMaxFlags) {
    *error = "ERR function " + info->name + " has more than 16 flags";
    return false;
  }
  for (uint32_t i = 0; i < array->Length(); ++i) {
    v8::Local<v8::Value> item;
    if (!array->Get(context, i).ToLocal(&item)) return false;
    const std::string flag = item->IsString() ? Utf8(isolate, item.As<v8::String>()) : "";
    if (std::find(std::begin(kKnownFlags), std::end(kKnownFlags), flag) == std::end(kKnownFlags)) {
      *error = "ERR unknown flag given for function " + info->name;
      return false;
    }
    if (std::find(info->flags.begin(), info->flags.end(), flag) == info->flags.end()) {
      info->flags.push_back(flag);
    }
  }
  return true;
}

std::optional<LibraryMetadata> ParseLibraryMetadata(std::string_view code, std::string* error) {
  if (code.substr(0, 2) != "#!") {
    *error = "ERR Missing library metadata";
    return std::nullopt;
  }
  const size_t line_end = code.find('\n');
  if (line_end == std::string_view::npos) {
    *error = "ERR Invalid library metadata";
    return std::nullopt;
  }
  std::string_view line = code.substr(2, line_end - 2);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  const auto next_word = [&line] {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    return word;
  };
  const std::string_view engine = next_word();
  LibraryMetadata metadata;
  if (engine == "wasm") {
    metadata.language = LibraryLanguage::kWebAssembly;
  } else if (engine != "js") {
    *error = "ERR Engine '" + OneLine(engine.substr(0, 64)) + "' not found";
    return std::nullopt;
  }
  for (std::string_view word = next_word(); !word.empty(); word = next_word()) {
    constexpr std::string_view kName = "name=";
    if (word.substr(0, kName.size()) != kName) {
      *error = "ERR Invalid metadata value given: " + OneLine(word.substr(0, 64));
      return std::nullopt;
    }
    if (!metadata.name.empty()) {
      *error = "ERR Invalid metadata value, name argument was given multiple times";
      return std::nullopt;
    }
    metadata.name = word.substr(kName.size());
    if (!IsName(metadata.name)) {
      *error =
          "ERR Library names can only contain letters, numbers, or underscores(_) and must be at "
          "least one character long";
      return std::nullopt;
    }
  }
  if (metadata.name.empty()) {
    *error = "ERR Library name was not given";
    return std::nullopt;
  }
  return metadata;
}

bool EvaluateLibrary(v8::Local<v8::Context> context, v8::Local<v8::Module> store_module,
                     StoreModuleState* state, LoadedLibrary* library, std::string* error) {
  if (library->info.language == LibraryLanguage::kWebAssembly) {
    library->wasm = WasmLibrary::Instantiate(context, state, library->text->code(), error);
    return library->wasm != nullptr;
  }
  v8::Isolate* isolate = context->GetIsolate();
  v8::Local<v8::String> code;
  if (!StringFromUtf8(isolate, library->text->code()).ToLocal(&code)) {
    *error = "ERR library is too long";
    return false;
  }
  const v8::ScriptOrigin origin(isolate, AsciiString(isolate, library->info.name), 0, 0, false, -1,
                                v8::Local<v8::Value>(), false, false, /*is_module=*/true);
  const std::span<const uint8_t> compiled = library->text->compiled();
  // The source owns this, and not the bytes. V8 compiles anew where it cannot use them.
  auto* const cache = compiled.empty() ? nullptr
                                       : new v8::ScriptCompiler::CachedData(
                                             compiled.data(), static_cast<int>(compiled.size()),
                                             v8::ScriptCompiler::CachedData::BufferNotOwned);
  v8::ScriptCompiler::Source source(code, origin, cache);
  v8::Local<v8::Module> module;
  if (!v8::ScriptCompiler::CompileModule(isolate, &source,
                                         cache != nullptr ? v8::ScriptCompiler::kConsumeCodeCache
                                                          : v8::ScriptCompiler::kNoCompileOptions)
           .ToLocal(&module)) {
    return false;
  }
  linked_store_module = &store_module;
  const bool linked = module->InstantiateModule(context, ResolveImport).FromMaybe(false);
  linked_store_module = nullptr;
  if (!linked) return false;

  v8::Local<v8::Value> evaluated;
  if (!module->Evaluate(context).ToLocal(&evaluated)) return false;
  context->GetMicrotaskQueue()->PerformCheckpoint(isolate);
  if (isolate->IsExecutionTerminating()) return false;
  const v8::Local<v8::Promise> promise = evaluated.As<v8::Promise>();
  if (promise->State() == v8::Promise::kRejected) {
    promise->MarkAsHandled();
    isolate->ThrowException(promise->Result());
    return false;
  }
  if (promise->State() == v8::Promise::kPending) {
    *error = "ERR library waits at its top level for a promise that nothing settles";
    return false;
  }
  library->module.Reset(isolate, module);
  return true;
}

bool ReadExports(v8::Local<v8::Context> context, WatchedSteps* steps, LoadedLibrary* library,
                 std::string* error) {
  if (library->wasm) return library->wasm->Describe(context, &library->info.functions, error);
  v8::Isolate* isolate = context->GetIsolate();
  const v8::Local<v8::Object> exports =
      library->module.Get(isolate)->GetModuleNamespace().As<v8::Object>();
  v8::Local<v8::Array> names;
  if (!exports
           ->GetOwnPropertyNames(
               context, static_cast<v8::PropertyFilter>(v8::ONLY_ENUMERABLE | v8::SKIP_SYMBOLS))
           .ToLocal(&names)) {
    return false;
  }
  for (uint32_t i = 0; i < names->Length(); ++i) {
    const v8::HandleScope scope(isolate);
    v8::Local<v8::Value> name, value;
    if (!steps->Step() || !names->Get(context, i).ToLocal(&name) ||
        !exports->Get(context, name).ToLocal(&value)) {
      return false;
    }
    FunctionInfo info;
    info.name = Utf8(isolate, name.As<v8::String>());
    if (!value->IsFunction() || info.name == "default") continue;
    if (!IsName(info.name)) {
      *error =
          "ERR Function names can only contain letters, numbers, or underscores(_) and must be at "
          "least one character long";
      return false;
    }
    if (library->functions.size() == kMaxFunctions) {
      *error = "ERR library exports more than 4096 functions";
      return false;
    }
    const v8::Local<v8::Function> function = value.As<v8::Function>();
    if (!ReadFunctionInfo(context, function, &info, error)) return false;
    library->functions.emplace_back(isolate, function);
    library->info.functions.push_back(std::move(info));
  }
  if (library->functions.empty()) {
    *error = "ERR No functions registered";
    return false;
  }
  return true;
}

bool FindExports(v8::Local<v8::Context> context, WatchedSteps* steps, LoadedLibrary* library) {
  // The same module always exports the same.
  if (library->wasm) return true;
  v8::Isolate* isolate = context->GetIsolate();
  const v8::Local<v8::Object> exports =
      library->module.Get(isolate)->GetModuleNamespace().As<v8::Object>();
  library->functions.resize(library->info.functions.size());
  for (size_t i = 0; i < library->functions.size(); ++i) {
    const v8::HandleScope scope(isolate);
    v8::Local<v8::String> name;
    v8::Local<v8::Value> value;
    if (!steps->Step() ||
        !StringFromUtf8(isolate, library->info.functions[i].name).ToLocal(&name) ||
        !exports->Get(context, name).ToLocal(&value)) {
      return false;
    }
    if (value->IsFunction()) library->functions[i].Reset(isolate, value.As<v8::Function>());
  }
  return true;
}

void KeepCompiled(v8::Isolate* isolate, LoadedLibrary* library) {
  if (library->module.IsEmpty() || !library->text->compiled().empty()) return;
  const v8::HandleScope scope(isolate);
  const std::unique_ptr<v8::ScriptCompiler::CachedData> compiled(
      v8::ScriptCompiler::CreateCodeCache(library->module.Get(isolate)->GetUnboundModuleScript()));
  if (compiled == nullptr) return;
  library->text->KeepCompiled({compiled->data, static_cast<size_t>(compiled->length)});
}

}  // namespace shredder::engine
