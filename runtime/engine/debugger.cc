#include "runtime/engine/debugger.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

using v8_inspector::StringBuffer;
using v8_inspector::StringView;

constexpr int kContextGroup = 1;
// Of those that interrupt; longer ones wait.
constexpr size_t kMaxInterruptingBytes = 16 * 1024;

StringView ViewOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string Utf8Of(v8::Isolate* isolate, StringView view) {
  // Of eight bits, it is ASCII: JSON's writer escapes the rest.
  if (view.is8Bit()) {
    return {reinterpret_cast<const char*>(view.characters8()), view.length()};
  }
  const v8::HandleScope scope(isolate);
  v8::Local<v8::String> string;
  if (!v8::String::NewFromTwoByte(isolate, view.characters16(), v8::NewStringType::kNormal,
                                  static_cast<int>(view.length()))
           .ToLocal(&string)) {
    return {};
  }
  return Utf8(isolate, string);
}

// Of which V8 allows that they come from an interrupt: they run no JavaScript.
bool MayInterrupt(std::string_view message) {
  static constexpr std::array<std::string_view, 14> kMethods = {
      "Debugger.enable",
      "Debugger.disable",
      "Debugger.getScriptSource",
      "Debugger.getPossibleBreakpoints",
      "Debugger.pause",
      "Debugger.removeBreakpoint",
      "Debugger.setBreakpoint",
      "Debugger.setBreakpointByUrl",
      "Debugger.setBreakpointsActive",
      "Debugger.setPauseOnExceptions",
      "Profiler.start",
      "Profiler.stop",
      "Runtime.enable",
      "Runtime.runIfWaitingForDebugger",
  };
  if (message.size() > kMaxInterruptingBytes) return false;
  const auto json = nlohmann::json::parse(message, nullptr, false);
  if (!json.is_object()) return false;
  const auto method = json.find("method");
  if (method == json.end() || !method->is_string()) return false;
  const auto& name = method->get_ref<const std::string&>();
  return std::find(kMethods.begin(), kMethods.end(), name) != kMethods.end();
}

}  // namespace

Debugger::Debugger(v8::Local<v8::Context> context, std::string base_url, std::function<bool()> wait)
    : isolate_(context->GetIsolate()),
      context_(isolate_, context),
      base_url_(std::move(base_url)),
      wait_(std::move(wait)),
      inspector_(v8_inspector::V8Inspector::create(isolate_, this)),
      heard_(std::chrono::steady_clock::now()) {
  v8_inspector::V8ContextInfo info(context, kContextGroup, ViewOf("tenant"));
  // Debuggers look for the one in which they evaluate.
  info.auxData = ViewOf(R"({"isDefault":true})");
  inspector_->contextCreated(info);
  session_ = inspector_->connect(kContextGroup, this, StringView(),
                                 v8_inspector::V8Inspector::kFullyTrusted);
}

Debugger::~Debugger() {
  const v8::HandleScope scope(isolate_);
  session_.reset();
  inspector_->contextDestroyed(context_.Get(isolate_));
}

void Debugger::Receive(std::string_view message) {
  heard_ = std::chrono::steady_clock::now();
  if (is_gone()) return;
  received_bytes_ += message.size();
  received_.emplace_back(message);
}

std::string Debugger::Next() {
  std::string message = std::move(received_.front());
  received_.pop_front();
  received_bytes_ -= message.size();
  return message;
}

void Debugger::Dispatch(const std::string& message) {
  const v8::HandleScope scope(isolate_);
  session_->dispatchProtocolMessage(ViewOf(message));
}

void Debugger::DispatchAll() {
  while (!received_.empty()) Dispatch(Next());
}

void Debugger::DispatchInterrupting() {
  while (!received_.empty() && MayInterrupt(received_.front())) Dispatch(Next());
}

void Debugger::BeforeCall(std::string_view function) {
  if (paused_function_.empty() || paused_function_ != function) return;
  session_->schedulePauseOnNextStatement(ViewOf("other"), ViewOf("{}"));
}

std::vector<std::string> Debugger::TakeMessages() {
  heard_ = std::chrono::steady_clock::now();
  untaken_bytes_ = 0;
  return std::exchange(untaken_, {});
}

bool Debugger::is_gone() const {
  return has_left_ || untaken_bytes_ > kMaxUntakenBytes || received_bytes_ > kMaxReceivedBytes ||
         std::chrono::steady_clock::now() - heard_ > kMaxSilence;
}

void Debugger::runMessageLoopOnPause(int) {
  // One that is paused evaluates, and what that runs may pause again.
  is_resumed_ = false;
  while (!is_resumed_ && !is_gone() && wait_()) DispatchAll();
  if (is_gone()) session_->setSkipAllPauses(true);
  is_resumed_ = false;
}

double Debugger::currentTimeMS() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::unique_ptr<StringBuffer> Debugger::resourceNameToUrl(const StringView& name) {
  const std::string library = Utf8Of(isolate_, name);
  if (library.empty()) return nullptr;
  return StringBuffer::create(ViewOf(base_url_ + library + ".js"));
}

v8::Local<v8::Context> Debugger::ensureDefaultContextInGroup(int) { return context_.Get(isolate_); }

void Debugger::sendResponse(int, std::unique_ptr<StringBuffer> message) {
  sendNotification(std::move(message));
}

void Debugger::sendNotification(std::unique_ptr<StringBuffer> message) {
  if (is_gone()) return;
  std::string text = Utf8Of(isolate_, message->string());
  // Before it was enabled, no pause could be asked for.
  if (text.starts_with(R"({"method":"Debugger.paused")")) paused_function_.clear();
  untaken_bytes_ += text.size();
  untaken_.push_back(std::move(text));
}

}  // namespace shredder::engine
