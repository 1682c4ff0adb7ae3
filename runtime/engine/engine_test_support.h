// Shared by the engine's tests: a tenant in a few words, and replies as text.
//
// V8 is initialised once, by engine_test_main.cc, with --allow-natives-syntax: tests reach string
// representations, detached buffers and the optimising compiler through V8's %Functions.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/engine/run_clock.h"
#include "runtime/store/store.h"
#include "runtime/store/store_test_support.h"

namespace shredder::engine {

inline constexpr uint64_t kNowMs = 1'700'000'000'000;

// A reply as text: null, true, 1.5, 7n, "bytes", [..], set[..], {key: value, ..}, or an error's
// line after `!`.
std::string Show(const Value& value);

// Whether V8 makes lookups part of optimised code, which then does not count them:
// SHREDDER_TEST_V8_FLAGS may switch it off.
bool InlinesLookups();

// The number that an environment variable gives, such as SHREDDER_TEST_SEED.
uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise);

inline bool IsError(const Value& value) { return std::holds_alternative<Error>(value.data); }

// The milliseconds since `start`.
inline double MsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// `code` as the library `name`: after the metadata line come the imports, so `code` starts on
// line 3.
std::string Library(std::string_view name, std::string_view code);

// A store and the functions of its tenant.
class Tenant {
 public:
  explicit Tenant(Engine* engine, uint64_t quota_bytes = 64 << 20, uint64_t seed = 1);

  // Loads Library("lib", code) in place of any that was there; the reply as text.
  std::string Load(std::string_view code);
  // As Load, and fails the test where the library is refused.
  void MustLoad(std::string_view code);

  Value Call(std::string_view function, const std::vector<std::string>& keys = {},
             const std::vector<std::string>& args = {}, bool read_only = false,
             CallForm form = CallForm::kPlain);
  std::string ShowCall(std::string_view function, const std::vector<std::string>& keys = {},
                       const std::vector<std::string>& args = {}) {
    return Show(Call(function, keys, args));
  }

  store::Store& store() { return *store_; }
  FunctionHost& host() { return *host_; }
  // The value of a key; "(absent)" where there is none.
  std::string Get(std::string_view key) const;
  void Set(std::string_view key, std::string_view value);
  uint64_t builtin_lookups() const { return store_->header()->builtin_lookups; }

 private:
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<FunctionHost> host_;
};

// Time that passes only as a test lets it: a millisecond at each reading, of which the watchdog
// does one a tick.
class TickClock : public RunClock {
 public:
  // From now on so much time passes, and then no more.
  void Let(int cpu_ms, int wall_ms);
  // So much time passes at once.
  void Skip(std::chrono::milliseconds time);
  // How often the CPU time has been read.
  uint64_t readings() const;

  std::chrono::nanoseconds Wall() const override;
  std::chrono::nanoseconds Cpu() const override;

 private:
  struct Time {
    std::chrono::milliseconds now{0};
    int left_ms = 0;
    uint64_t readings = 0;
  };
  std::chrono::nanoseconds Read(Time* time) const;

  mutable std::mutex mutex_;
  mutable Time cpu_;
  mutable Time wall_;
};

// Time enough for anything that ends, on any machine: what tests that are not about deadlines run
// with.
inline EngineOptions Patient() {
  EngineOptions options;
  options.deadline_ms = 180'000;
  options.load_deadline_ms = 180'000;
  return options;
}

// An engine and one tenant.
class TenantTest : public testing::Test {
 protected:
  explicit TenantTest(const EngineOptions& options = Patient())
      : engine_(options), tenant_(&engine_) {}

  Engine engine_;
  Tenant tenant_;
};

}  // namespace shredder::engine
