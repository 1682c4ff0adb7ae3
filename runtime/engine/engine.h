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

struct EngineOptions {
  // An invocation's deadline: of CPU time of the shard's thread (1 to kMaxDeadlineMs), and of wall
  // time (at least as much; DefaultWallDeadlineMs where absent). What on_yield takes counts for
  // neither. watchdog.h says how exact they are.
  uint64_t deadline_ms = 50;
  std::optional<uint64_t> wall_deadline_ms;
  // A library's, for its top level.
  uint64_t load_deadline_ms = 500;
  std::optional<uint64_t> load_wall_deadline_ms;
  uint64_t heap_limit_mb = 64;     // a tenant's JavaScript heap, 8 to 4096
  bool callback_builtins = false;  // adds DBGet and its like to shredder:store, for comparison
  // Called on the shard's thread from inside an invocation, about every `yield_interval_ms` once it
  // has run that long; must not call into the Engine or write the running tenant's store: optimised
  // code keeps what it knows of objects, of values and of views across it. Such a write ends the
  // process.
  std::function<void()> on_yield;
  uint64_t yield_interval_ms = 5;
  // What the deadlines are measured with, and outlives the Engine; the machine's clocks where null.
  const RunClock* clock = nullptr;
};

struct FunctionInfo {
  std::string name;
  std::string description;         // empty where the function has none
  std::vector<std::string> flags;  // of kKnownFlags, as the function set them
};

struct LibraryInfo {
  std::string name;
  std::string code;  // as it was loaded, metadata line included
  std::vector<FunctionInfo> functions;
};

class Engine;

// A tenant's functions: an isolate and a context of their own, made on the first load. Must not
// outlive its Engine or its store.
class FunctionHost {
 public:
  ~FunctionHost();

  // Loads the library in `code`, whose first line is `#!js name=<library>`, and returns its name;
  // or an Error, and nothing has changed. See docs/functions.md for what a library is. With
  // `replace`, an existing library of that name is replaced.
  Value Load(std::string_view code, bool replace);
  bool Delete(std::string_view library);  // false where there is none of that name
  void Flush();

  const std::vector<LibraryInfo>& libraries() const;          // in the order of their names
  const FunctionInfo* Find(std::string_view function) const;  // null where there is none

  // Runs a function as one transaction on the store: its writes are kept when it returns, and
  // undone when it throws or is terminated. `read_only` refuses functions without the flag
  // no-writes. The store's clock must have been set.
  Value Call(std::string_view function, std::span<const std::string_view> keys,
             std::span<const std::string_view> args, bool read_only);

  uint64_t heap_used_bytes() const;  // 0 before the first load

 private:
  friend class Engine;
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
