// V8's inspector for one context: what a debugger or a profiler asks of it, and is told, in
// messages of the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/v8/), JSON
// in UTF-8.
//
// Thread: the shard's, with the isolate entered where JavaScript may run.
#pragma once

#include <v8-inspector.h>
#include <v8.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shredder::engine {

class Debugger final : private v8_inspector::V8InspectorClient,
                       private v8_inspector::V8Inspector::Channel {
 public:
  // Who says nothing for so long is gone: what it has stopped goes on.
  static constexpr std::chrono::seconds kMaxSilence{10};
  // What waits for it to be taken, and what it has said and has not been dispatched; who lets more
  // come is gone, too.
  static constexpr size_t kMaxUntakenBytes = size_t{64} << 20;
  static constexpr size_t kMaxReceivedBytes = size_t{64} << 20;
  static constexpr size_t kMaxBaseUrlBytes = 4096;

  // Of a context that has the isolate for itself. Scripts are called `<base_url><library>.js`.
  // `wait` is called again and again while JavaScript is paused; false: it is to be ended.
  Debugger(v8::Local<v8::Context> context, std::string base_url, std::function<bool()> wait);
  ~Debugger() override;
  Debugger(const Debugger&) = delete;
  Debugger& operator=(const Debugger&) = delete;

  // What the debugger says, for one of the next three to dispatch.
  void Receive(std::string_view message);
  // Between runs, or in a pause: all of it. May run JavaScript: call under the watchdog.
  void DispatchAll();
  // From inside JavaScript that has been interrupted: what only watches or stops it. The rest
  // stays.
  void DispatchInterrupting();
  bool has_received() const { return !received_.empty(); }

  // The next call of that function is to be stopped at its first statement. Once a debugger has
  // enabled that.
  void PauseAtCallOf(std::string_view function) { paused_function_ = function; }
  // Before a call, under the watchdog.
  void BeforeCall(std::string_view function);

  // What it is told since the last time.
  std::vector<std::string> TakeMessages();

  // It has left, or is taken to have: nothing is paused any more. To be destroyed between runs.
  bool is_gone() const;
  void Leave() { has_left_ = true; }

 private:
  void runMessageLoopOnPause(int context_group) override;
  void quitMessageLoopOnPause() override { is_resumed_ = true; }
  double currentTimeMS() override;
  std::unique_ptr<v8_inspector::StringBuffer> resourceNameToUrl(
      const v8_inspector::StringView& name) override;
  v8::Local<v8::Context> ensureDefaultContextInGroup(int context_group) override;

  void sendResponse(int call, std::unique_ptr<v8_inspector::StringBuffer> message) override;
  void sendNotification(std::unique_ptr<v8_inspector::StringBuffer> message) override;
  void flushProtocolNotifications() override {}

  void Dispatch(const std::string& message);
  std::string Next();  // of what was received

  v8::Isolate* const isolate_;
  const v8::Global<v8::Context> context_;
  const std::string base_url_;
  const std::function<bool()> wait_;
  std::unique_ptr<v8_inspector::V8Inspector> inspector_;
  std::unique_ptr<v8_inspector::V8InspectorSession> session_;
  std::string paused_function_;  // empty: none
  std::deque<std::string> received_;
  size_t received_bytes_ = 0;
  std::vector<std::string> untaken_;
  size_t untaken_bytes_ = 0;
  std::chrono::steady_clock::time_point heard_;
  bool has_left_ = false;
  bool is_resumed_ = false;
};

}  // namespace shredder::engine
