#include "runtime/engine/engine.h"

#include <libplatform/libplatform.h>
#include <v8.h>

#include <chrono>
#include <mutex>
#include <utility>

#include "runtime/engine/function_host.h"

namespace shredder::engine {

namespace {

// V8's process-wide state lives as long as the process.
v8::Platform* platform = nullptr;

// What no tenant may have: shared or resizable memory, code of another kind, memory that outlives
// an invocation; and bytecode that is made anew, differently from what optimised code and inner
// functions were made for. docs/security.md says what each costs.
constexpr const char* kFixedFlags[] = {
    "--no-expose-wasm",          "--no-harmony-rab-gsab",
    "--no-harmony-shadow-realm", "--no-harmony-sharedarraybuffer",
    "--no-harmony-atomics",      "--no-flush-bytecode"};

// V8 passes over what it does not know when flags come as one string, so each must be gone from the
// list afterwards.
bool SetFlags(const std::vector<std::string>& flags, std::string* error) {
  std::vector<std::string> copies = {"shredderd"};
  copies.insert(copies.end(), flags.begin(), flags.end());
  std::vector<char*> argv;
  for (std::string& flag : copies) argv.push_back(flag.data());
  int argc = static_cast<int>(argv.size());
  v8::V8::SetFlagsFromCommandLine(&argc, argv.data(), true);
  if (argc > 1) {
    *error =
        std::string("V8 flag ") + argv[1] + " is unknown; see --v8-flags=--help for V8's flags";
    return false;
  }
  return true;
}

Watchdog::Budget MakeBudget(uint64_t cpu_ms, std::optional<uint64_t> wall_ms) {
  return {.cpu = std::chrono::milliseconds(cpu_ms),
          .wall = std::chrono::milliseconds(wall_ms.value_or(DefaultWallDeadlineMs(cpu_ms)))};
}

}  // namespace

void DisposeIsolate(v8::Isolate* isolate) {
  // The platform holds tasks for each isolate; they must not be another's that gets the same
  // address.
  v8::platform::NotifyIsolateShutdown(platform, isolate);
  isolate->Dispose();
}

class Engine::Impl {
 public:
  explicit Impl(EngineOptions options) {
    state.options = std::move(options);
    const EngineOptions& set = state.options;
    state.call_budget = MakeBudget(set.deadline_ms, set.wall_deadline_ms);
    state.load_budget = MakeBudget(set.load_deadline_ms, set.load_wall_deadline_ms);
    std::function<void()> on_yield;
    if (set.on_yield) on_yield = [this] { Yield(); };
    state.watchdog = std::make_unique<Watchdog>(
        std::chrono::milliseconds(set.yield_interval_ms), std::move(on_yield),
        set.clock != nullptr ? *set.clock : state.system_clock);
  }

  EngineState state;

 private:
  void Yield() {
    const store::Store::ReadOnlyScope scope(state.running_store);
    state.options.on_yield();
  }
};

bool Engine::InitializeProcess(const std::vector<std::string>& v8_flags, std::string* error) {
  if (platform != nullptr) {
    *error = "V8 is already initialised in this process";
    return false;
  }
  std::vector<std::string> flags(v8_flags);
  flags.insert(flags.end(), std::begin(kFixedFlags), std::end(kFixedFlags));
  if (!SetFlags(flags, error)) return false;
  // One thread besides the shard's, for optimised code and garbage.
  platform = v8::platform::NewDefaultPlatform(1).release();
  v8::V8::InitializePlatform(platform);
  v8::V8::Initialize();
  return true;
}

std::string_view Engine::V8Version() { return v8::V8::GetVersion(); }

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Engine::~Engine() = default;

std::unique_ptr<FunctionHost> Engine::CreateHost(store::Store* store) {
  return std::unique_ptr<FunctionHost>(
      new FunctionHost(std::make_unique<FunctionHost::Impl>(&impl_->state, store)));
}

bool Engine::RequestKill() { return impl_->state.watchdog->RequestKill(); }

}  // namespace shredder::engine
