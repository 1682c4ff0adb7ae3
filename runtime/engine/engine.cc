#include "runtime/engine/engine.h"

#include <malloc.h>
#include <sys/random.h>
#include <v8.h>

#include <cerrno>
#include <chrono>
#include <mutex>
#include <utility>

#include "runtime/engine/function_host.h"
#include "runtime/engine/icu.h"
#include "runtime/engine/platform.h"

namespace shredder::engine {

namespace {

// What one tick may take to give isolates up, the last of them apart.
constexpr std::chrono::milliseconds kMaxTick{3};

// V8's process-wide state lives as long as the process.
Platform* platform = nullptr;

// What no tenant may have: shared or resizable memory, code of other kinds, memory that outlives
// an invocation; bytecode that is made anew, differently from what optimised code and inner
// functions were made for; work on a pattern's bytecode that takes no look at the deadline; and
// random numbers that are alike; and what a module in WebAssembly may have at most, which
// must be made where a tenant's own global of that name (wasm/web_assembly.h) and its limits allow.
// docs/security.md says what each costs.
constexpr const char* kFixedFlags[] = {"--no-expose-wasm",
                                       "--no-validate-asm",
                                       "--no-harmony-rab-gsab",
                                       "--no-harmony-shadow-realm",
                                       "--no-flush-bytecode",
                                       "--no-regexp-peephole-optimization",
                                       "--random-seed=0",
                                       "--wasm-max-module-size=4194304",
                                       "--max-wasm-functions=16000",
                                       "--no-experimental-wasm-return-call",
                                       "--wasm-max-table-size=50000"};

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

// V8 would open a file for the seeds of each isolate, which takes long, and which a locked up
// process cannot.
bool KernelRandom(unsigned char* buffer, size_t length) {
  while (length > 0) {
    const ssize_t got = getrandom(buffer, length, 0);
    if (got < 0 && errno != EINTR) return false;
    if (got <= 0) continue;
    buffer += got;
    length -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

void DisposeIsolate(v8::Isolate* isolate) {
  // The platform holds tasks for each isolate; they must not be another's that gets the same
  // address.
  platform->NotifyIsolateShutdown(isolate);
  isolate->Dispose();
}

class Engine::Impl {
 public:
  explicit Impl(EngineOptions options) {
    state.options = std::move(options);
    const EngineOptions& set = state.options;
    state.last_heap_limit_mb = set.heap_limit_mb;
    std::function<void()> on_yield;
    if (set.on_yield) on_yield = [this] { Yield(); };
    state.watchdog = std::make_unique<Watchdog>(
        std::chrono::milliseconds(set.yield_interval_ms), std::move(on_yield),
        set.clock != nullptr ? *set.clock : state.system_clock);
  }

  EngineState state;

 private:
  void Yield() {
    {
      const store::Store::ReadOnlyScope scope(state.running_store);
      state.options.on_yield();
    }
    state.running_host->DispatchInterrupting();
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
  if (!InitializeIcu(error)) return false;
  // One thread besides the shard's, for optimised code and garbage.
  platform = std::make_unique<Platform>(1).release();
  v8::V8::SetEntropySource(KernelRandom);
  v8::V8::InitializePlatform(platform);
  v8::V8::Initialize();
  return true;
}

std::string_view Engine::V8Version() { return v8::V8::GetVersion(); }

Engine::Engine(EngineOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Engine::~Engine() = default;

std::unique_ptr<FunctionHost> Engine::CreateHost(store::Store* store) {
  return CreateHost(store, impl_->state.options);
}

std::unique_ptr<FunctionHost> Engine::CreateHost(store::Store* store, const HostLimits& limits) {
  return std::unique_ptr<FunctionHost>(
      new FunctionHost(std::make_unique<FunctionHost::Impl>(&impl_->state, store, limits)));
}

uint64_t Engine::Tick(uint64_t now_ms, bool is_short) {
  EngineState& state = impl_->state;
  // What ran before it was known what time it is has run just now.
  if (state.now_ms == 0) {
    for (FunctionHost::Impl* host : state.with_isolate) host->set_last_run_ms(now_ms);
  }
  state.now_ms = now_ms;
  const auto start = std::chrono::steady_clock::now();
  bool has_given_up = false;
  const auto is_due = [&](const FunctionHost::Impl& host) {
    return is_short || now_ms - host.last_run_ms() >= state.options.idle_after_ms;
  };
  for (FunctionHost::Impl* host : state.with_isolate) host->ReapDebugger();
  while (!state.with_isolate.empty() && is_due(*state.with_isolate.front())) {
    // What is looked at stays as it is.
    if (state.with_isolate.front()->has_debugger()) break;
    state.with_isolate.front()->GiveUp();
    has_given_up = true;
    if (std::chrono::steady_clock::now() - start > kMaxTick) break;
  }
  if (has_given_up) {
    state.CollectRemovedContexts();
    // Half of what an isolate takes is not V8's own pages, and the allocator would keep it.
    malloc_trim(0);
  }
  if (state.with_isolate.empty()) return kNever;
  if (is_short) return now_ms;
  return state.with_isolate.front()->last_run_ms() + state.options.idle_after_ms;
}

bool Engine::TakeSpareWish() { return std::exchange(impl_->state.wishes_spare, false); }

bool Engine::AddSpare() { return impl_->state.AddSpare() && impl_->state.NeedsSpare(); }

void Engine::SetIdleAfter(uint64_t ms) { impl_->state.options.idle_after_ms = ms; }

size_t Engine::isolate_count() const { return impl_->state.isolate_count; }

bool Engine::RequestKill() { return impl_->state.watchdog->RequestKill(); }

}  // namespace shredder::engine
