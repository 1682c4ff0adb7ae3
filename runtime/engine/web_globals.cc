#include "runtime/engine/web_globals.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "runtime/engine/exception.h"
#include "runtime/engine/v8_strings.h"
#include "runtime/engine/web_natives.h"

namespace shredder::engine {

namespace {

constexpr char kConsoleText[] = {
#embed "web/console.js"
};
constexpr char kEventsText[] = {
#embed "web/events.js"
};
constexpr char kMiscText[] = {
#embed "web/misc.js"
};
constexpr char kTextText[] = {
#embed "web/text.js"
};
// Bundled of web/url/ and an npm package, by `shredder build`.
constexpr char kUrlText[] = {
#embed "url.js"
};

template <size_t size>
constexpr std::string_view TextOf(const char (&bytes)[size]) {
  return {bytes, size};
}

struct WebScript {
  std::string_view name;
  std::string_view text;
};
// So that code which looks at a stack trace finds no function of theirs there.
constexpr char kStrict[] = "'use strict';";
constexpr WebScript kScripts[] = {{"console", TextOf(kConsoleText)},
                                  {"events", TextOf(kEventsText)},
                                  {"misc", TextOf(kMiscText)},
                                  {"text", TextOf(kTextText)},
                                  {"url", TextOf(kUrlText)}};
constexpr size_t kMaxNameUnits = 32;
enum ScriptIndex : uint8_t { kConsole, kEvents, kMisc, kText, kUrl };

struct WebGlobal {
  std::string_view name;
  ScriptIndex script;
};
// By name.
constexpr WebGlobal kGlobals[] = {{"AbortController", kEvents},
                                  {"AbortSignal", kEvents},
                                  {"Crypto", kMisc},
                                  {"DOMException", kEvents},
                                  {"Event", kEvents},
                                  {"EventTarget", kEvents},
                                  {"Performance", kMisc},
                                  {"TextDecoder", kText},
                                  {"TextEncoder", kText},
                                  {"URL", kUrl},
                                  {"URLSearchParams", kUrl},
                                  {"atob", kText},
                                  {"btoa", kText},
                                  {"console", kConsole},
                                  {"crypto", kMisc},
                                  {"performance", kMisc},
                                  {"queueMicrotask", kMisc},
                                  {"structuredClone", kMisc}};
static_assert(std::is_sorted(std::begin(kGlobals), std::end(kGlobals),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));

const WebGlobal* Find(std::string_view name) {
  const auto* const found = std::lower_bound(
      std::begin(kGlobals), std::end(kGlobals), name,
      [](const WebGlobal& global, std::string_view wanted) { return global.name < wanted; });
  return found != std::end(kGlobals) && found->name == name ? found : nullptr;
}

// What V8 has made of a script, for the contexts after the one that first ran it.
std::vector<uint8_t>* CodeOf(ScriptIndex script) {
  static std::array<std::vector<uint8_t>, std::size(kScripts)> code;
  return &code[script];
}

// A script's text, which isolates read where it is: their heaps have none of it.
class ScriptText final : public v8::String::ExternalOneByteStringResource {
 public:
  explicit ScriptText(std::string_view text) : text_(std::string(kStrict) += text) {}

  const char* data() const override { return text_.data(); }
  size_t length() const override { return text_.size(); }

 protected:
  // Where an isolate reads it no longer, the next one may.
  void Dispose() override {}

 private:
  const std::string text_;
};

v8::MaybeLocal<v8::String> SourceOf(v8::Isolate* isolate, ScriptIndex index) {
  // As long as the process, for isolates may be disposed of at its end.
  static std::array<ScriptText*, std::size(kScripts)> texts;
  if (texts[index] == nullptr) texts[index] = new ScriptText(kScripts[index].text);
  return v8::String::NewExternalOneByte(isolate, texts[index]);
}

v8::MaybeLocal<v8::Function> Compile(v8::Local<v8::Context> context, ScriptIndex index) {
  v8::Isolate* isolate = context->GetIsolate();
  const WebScript& script = kScripts[index];
  std::vector<uint8_t>* code = CodeOf(index);
  const v8::ScriptOrigin origin(
      isolate,
      AsciiString(isolate, std::string(kOwnScriptPrefix) + "web/" + std::string(script.name)));
  v8::Local<v8::String> text;
  if (!SourceOf(isolate, index).ToLocal(&text)) return {};
  v8::ScriptCompiler::Source source(
      text, origin,
      code->empty()
          ? nullptr
          : new v8::ScriptCompiler::CachedData(code->data(), static_cast<int>(code->size())));
  v8::Local<v8::Script> compiled;
  v8::Local<v8::Value> made;
  if (!v8::ScriptCompiler::Compile(context, &source,
                                   code->empty() ? v8::ScriptCompiler::kNoCompileOptions
                                                 : v8::ScriptCompiler::kConsumeCodeCache)
           .ToLocal(&compiled) ||
      !compiled->Run(context).ToLocal(&made)) {
    return {};
  }
  if (code->empty()) {
    const std::unique_ptr<v8::ScriptCompiler::CachedData> cache(
        v8::ScriptCompiler::CreateCodeCache(compiled->GetUnboundScript()));
    if (cache != nullptr) code->assign(cache->data, cache->data + cache->length);
  }
  return made.As<v8::Function>();
}

v8::MaybeLocal<v8::Value> Make(v8::Local<v8::Context> context, v8::Local<v8::Value> state,
                               const WebGlobal& global);

// web(name): another of the globals, for the scripts.
void GetForScript(const v8::FunctionCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!info[0]->IsString()) return;
  const WebGlobal* global = Find(Utf8Prefix(isolate, info[0].As<v8::String>(), kMaxNameUnits));
  v8::Local<v8::Value> value;
  if (global != nullptr &&
      Make(isolate->GetCurrentContext(), info.Data(), *global).ToLocal(&value)) {
    info.GetReturnValue().Set(value);
  }
}

// What a script has made, as long as the context lives.
v8::MaybeLocal<v8::Object> RunScript(v8::Local<v8::Context> context, v8::Local<v8::Value> state,
                                     ScriptIndex index) {
  v8::Isolate* isolate = context->GetIsolate();
  auto* const made = &static_cast<StoreModuleState*>(state.As<v8::External>()->Value())->web[index];
  if (!made->IsEmpty()) return made->Get(isolate);
  v8::Local<v8::Function> script, web;
  v8::Local<v8::Object> natives;
  v8::Local<v8::Value> exports;
  if (!Compile(context, index).ToLocal(&script) ||
      !MakeWebNatives(context, state).ToLocal(&natives) ||
      !v8::Function::New(context, GetForScript, state, 1, v8::ConstructorBehavior::kThrow)
           .ToLocal(&web)) {
    return {};
  }
  v8::Local<v8::Value> arguments[] = {natives, web};
  if (!script->Call(context, v8::Undefined(isolate), 2, arguments).ToLocal(&exports)) return {};
  made->Reset(isolate, exports.As<v8::Object>());
  return exports.As<v8::Object>();
}

v8::MaybeLocal<v8::Value> Make(v8::Local<v8::Context> context, v8::Local<v8::Value> state,
                               const WebGlobal& global) {
  v8::Local<v8::Object> exports;
  if (!RunScript(context, state, global.script).ToLocal(&exports)) return {};
  return exports->Get(context, AsciiString(context->GetIsolate(), global.name));
}

// The getter of a global that nobody has asked for yet.
void GetGlobal(v8::Local<v8::Name> name, const v8::PropertyCallbackInfo<v8::Value>& info) {
  v8::Isolate* isolate = info.GetIsolate();
  const WebGlobal* global = Find(Utf8(isolate, name.As<v8::String>()));
  v8::Local<v8::Value> value;
  if (global != nullptr &&
      Make(isolate->GetCurrentContext(), info.Data(), *global).ToLocal(&value)) {
    info.GetReturnValue().Set(value);
  }
}

constexpr auto kNames = [] {
  std::array<std::string_view, std::size(kGlobals)> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kGlobals[i].name;
  return names;
}();

}  // namespace

std::span<const std::string_view> WebGlobalNames() { return kNames; }

bool InstallWebGlobals(v8::Local<v8::Context> context, StoreModuleState* state) {
  static_assert(std::size(kScripts) == StoreModuleState::kWebScripts);
  v8::Isolate* isolate = context->GetIsolate();
  const v8::Local<v8::Object> global = context->Global();
  const v8::Local<v8::Value> data = v8::External::New(isolate, state);
  for (const std::string_view name : kNames) {
    if (!global
             ->SetLazyDataProperty(context, AsciiString(isolate, name), GetGlobal, data,
                                   v8::DontEnum)
             .FromMaybe(false)) {
      return false;
    }
  }
  // The names that packages know the global object by.
  for (const std::string_view name : {"self", "global"}) {
    if (!global->DefineOwnProperty(context, AsciiString(isolate, name), global, v8::DontEnum)
             .FromMaybe(false)) {
      return false;
    }
  }
  return true;
}

}  // namespace shredder::engine
