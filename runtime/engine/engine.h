// V8 for one shard: a tenant's functions, and their invocation on the tenant's store.
//
// Thread: an Engine and everything made from it belong to the shard's thread, RequestKill apart.
// Knows no sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/deadlines.h"
#include "runtime/engine/value.h"
#include "runtime/store/store.h"

namespace shredder::engine {

class RunClock;

// What the reply of a function may take at most.
inline constexpr uint64_t kMaxFunctionReplyBytes = 64ull << 20;

// What a tenant's functions may take.
struct HostLimits {
  // An invocation's deadline: of CPU time of the shard's thread (1 to kMaxDeadlineMs), and of wall
  // time (at least as much; DefaultWallDeadlineMs where absent). What on_yield takes counts for
  // neither. watchdog.h says how exact they are.
  uint64_t deadline_ms = 50;
  std::optional<uint64_t> wall_deadline_ms;
  // A library's, for its top level.
  uint64_t load_deadline_ms = 500;
  std::optional<uint64_t> load_wall_deadline_ms;
  uint64_t heap_limit_mb = 64;  // the JavaScript heap, 8 to 4096
  // The contents of its ArrayBuffers; as heap_limit_mb where absent.
  std::optional<uint64_t> array_buffer_limit_mb;
  // A reply as it is held before it is encoded; at most kMaxFunctionReplyBytes count.
  uint64_t max_reply_bytes = kMaxFunctionReplyBytes;
  // Its libraries, and their code together. What has more keeps it, and gets no more.
  uint64_t max_libraries = 256;
  uint64_t library_bytes = 64ull << 20;
  // One isolate, and so its heap, for several hosts of which this is true: each has a context of
  // its own there. What fills the heap ends the JavaScript of them all.
  bool shares_isolate = false;
  // Whether there is WebAssembly: libraries of that language, and the global of that name.
  bool wasm = true;

  uint64_t array_buffer_bytes() const {
    return array_buffer_limit_mb.value_or(heap_limit_mb) * 1024 * 1024;
  }
  bool operator==(const HostLimits&) const = default;
};

// The CPU time of an invocation that is being debugged.
inline constexpr uint64_t kDebugDeadlineMs = 60'000;

// Its limits are those of hosts that are made without limits of their own.
struct EngineOptions : HostLimits {
  bool callback_builtins = false;  // adds DBGet and its like to shredder:store, for comparison
  // Called on the shard's thread from inside an invocation, about every `yield_interval_ms` once it
  // has run that long; must not call into the Engine or write the running tenant's store: optimised
  // code keeps what it knows of objects, of values and of views across it. Such a write ends the
  // process.
  std::function<void()> on_yield;
  uint64_t yield_interval_ms = 5;
  // Called again and again while a debugger has paused an invocation, as on_yield is; is to wait a
  // little where there is nothing to do.
  std::function<void()> on_pause;
  // What the deadlines are measured with, and outlives the Engine; the machine's clocks where null.
  const RunClock* clock = nullptr;
  // Hosts whose JavaScript has not run for so long give it up.
  uint64_t idle_after_ms = 10'000;
  // Where hosts have so many, those that have not run for the longest time give up their JavaScript
  // for another's. Each takes six mappings and one for each 256 KiB of its heap, of the 65,530 that
  // a process may have, as do memories and code of WebAssembly, some 12,000 together; where calls
  // go to more hosts in turn, each finds its JavaScript gone.
  size_t max_isolates = 5632;
  // Isolates that are kept in store for hosts that need one next.
  size_t spares = 8;
};

struct FunctionInfo {
  std::string name;
  std::string description;         // empty where the function has none
  std::vector<std::string> flags;  // of kKnownFlags, as the function set them
};

enum class LibraryLanguage : uint8_t { kJavaScript, kWebAssembly };

struct LibraryInfo {
  LibraryLanguage language = LibraryLanguage::kJavaScript;
  std::string name;
  std::string_view
      code;  // as it was loaded, metadata line included; lies where the library is kept
  std::vector<FunctionInfo> functions;
};

class Engine;
class FunctionLog;
struct LoadedLibrary;

// What a call's arguments and its result are.
enum class CallForm {
  kPlain,
  // At most one argument, JSON: what a function with the property `typed` takes as it is, and else
  // an array of texts. The result is a Text of typed JSON, or an Error.
  kTyped,
};

// Where a host has a function, until its libraries change.
struct FunctionRef {
  const FunctionInfo* info = nullptr;
  LoadedLibrary* library = nullptr;
  explicit operator bool() const { return info != nullptr; }
};

// A tenant's functions. Their JavaScript, a context of the tenant's own in an isolate, is made when
// a library is loaded or a function called, and given up where it was not used for long or its heap
// is full: libraries stay, and each is evaluated again, its module's variables anew, before
// the next call of a function of it. Must not outlive its Engine or its store.
class FunctionHost {
 public:
  ~FunctionHost();

  // Loads the library in `code`, whose first line is `#!js name=<library>`, or `#!wasm
  // name=<library>` before the bytes of a module, and returns its name; or an Error, and nothing
  // has changed. See docs/functions.md and docs/wasm.md for what a library is. With
  // `replace`, an existing library of that name is replaced.
  Value Load(std::string_view code, bool replace);
  // Takes a library as another process has loaded it: no JavaScript is made for it. False where
  // there is one of that name.
  bool Restore(const LibraryInfo& library);
  bool Delete(std::string_view library);  // false where there is none of that name
  void Flush();

  // In the order of their names; until the libraries change.
  std::vector<const LibraryInfo*> libraries() const;
  size_t library_count() const;
  size_t function_count() const;
  FunctionRef Find(std::string_view function) const;  // empty where there is none

  // Whether the next call of it needs its library evaluated first, which has a deadline of its own.
  bool NeedsEvaluation(const FunctionRef& function) const;
  // Runs a function as one transaction on the store: its writes are kept when it returns, and
  // undone when it throws or is terminated. `read_only` refuses functions without the flag
  // no-writes. The store's clock must have been set.
  Value Call(const FunctionRef& function, std::span<const std::string_view> keys,
             std::span<const std::string_view> args, bool read_only,
             CallForm form = CallForm::kPlain);

  // Of the next run on. Not while a function runs.
  void SetLimits(const HostLimits& limits);
  // Gives the JavaScript up: what it knows of the store's base no longer holds, say. Not while a
  // function runs.
  void GiveUp();

  // Has the processor's cache ask for what a call will touch, each step for what the one before has
  // made known, up to kPrefetchSteps. Changes nothing.
  static constexpr size_t kPrefetchSteps = 10;
  void Prefetch(size_t step) const;

  bool has_isolate() const;  // its own, or a part in one
  // Of the whole isolate; 0 without one.
  uint64_t heap_used_bytes() const;

  // What the functions have written to their console.
  const FunctionLog& log() const;

  // Lets a debugger see and stop the functions, which have kDebugDeadlineMs from then on, and no
  // deadline of wall time. Scripts are called `<base_url><library>.js`. The next call of the
  // function `pause_at` is stopped at its first statement; of none where it is empty. Empty, or an
  // error's line. Not while a function runs. It ends with the JavaScript that it sees, when it has
  // said nothing for a while (debugger.h), or with CloseDebugger.
  std::string OpenDebugger(std::string_view base_url, std::string_view pause_at = {});
  bool has_debugger() const;
  // What the debugger says, in messages of the DevTools protocol, and what it is told since it was
  // last asked. Where JavaScript may not run now (`may_run`), or does, some are dispatched later.
  std::vector<std::string> ExchangeDebug(std::span<const std::string_view> messages, bool may_run);
  void CloseDebugger();

 private:
  friend class Engine;
  friend struct EngineState;
  class Impl;
  explicit FunctionHost(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class Engine {
 public:
  // Call once a process, before the first Engine. `v8_flags` are V8's own ("--max-lazy"); false
  // with a one-line reason where V8 knows one not.
  static bool InitializeProcess(const std::vector<std::string>& v8_flags, std::string* error);
  static std::string_view V8Version();

  explicit Engine(EngineOptions options);
  ~Engine();

  std::unique_ptr<FunctionHost> CreateHost(store::Store* store);
  std::unique_ptr<FunctionHost> CreateHost(store::Store* store, const HostLimits& limits);

  // To be called every now and then, between runs: gives up what has been idle for long, or, where
  // memory `is_short`, what has been for the longest time, a few at a time. `now_ms` is of any
  // clock. Returns when it has something to do next: kNever where that takes a run or a change of
  // settings first.
  uint64_t Tick(uint64_t now_ms, bool is_short = false);
  static constexpr uint64_t kNever = UINT64_MAX;
  void SetIdleAfter(uint64_t ms);
  // Whether a host has taken an isolate since this was last asked, or none was ever made: there is
  // work for AddSpare.
  bool TakeSpareWish();
  // Makes an isolate for a host that needs one next, between runs: half a millisecond. False where
  // EngineOptions::spares wants no more after it, or memory runs out.
  bool AddSpare();
  size_t isolate_count() const;  // of hosts

  // Terminates the running invocation; false where none runs. From any thread; its caller gets the
  // Error "ERR ... killed by FUNCTION KILL".
  bool RequestKill();

 private:
  friend class FunctionHost;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The flags of Redis Functions that a function may carry.
inline constexpr std::string_view kKnownFlags[] = {"no-writes", "allow-oom", "allow-stale",
                                                   "no-cluster", "allow-cross-slot-keys"};

}  // namespace shredder::engine
