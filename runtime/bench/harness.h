// What the microbenchmarks share: a tenant with a store of its own, loops in JavaScript of which
// each is optimised code by itself, and measurement in turns.
//
// Thread: all of it belongs to one thread. Errors end the process with one line on standard error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/store/store.h"

namespace shredder::bench {

[[noreturn]] void Fail(const std::string& message);
void Note(const std::string& message);  // a line on standard error

// Initialises V8 so that loops can be optimised on demand, and its flags can change from loop to
// loop. Once a process.
void InitializeV8();

// Whether this V8 can inline lookups, and so has the flag that switches it.
bool CanInline();

// A store, and the host of functions that run in it. Must not outlive its Engine.
class BenchTenant {
 public:
  explicit BenchTenant(engine::Engine* engine);

  store::Store& store() const { return *store_; }
  void Set(const store::Key& key, std::string_view value);
  // Loads a library.
  void Load(const std::string& name, std::string_view code);
  // The same, of code as FUNCTION LOAD takes it, in any language.
  void LoadLibrary(const std::string& library);
  bool HasFunction(std::string_view function) const;
  // Calls a function; 0 where it returns no number.
  double Call(std::string_view function, const std::vector<std::string_view>& args = {});
  // Calls a function without arguments; what it returns. An Error ends the process.
  engine::Value CallWithKeys(std::string_view function, const std::vector<std::string_view>& keys);

 private:
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<engine::FunctionHost> host_;
};

// An engine whose budgets no measurement reaches, with the C++ callbacks that lookups are compared
// with.
engine::EngineOptions BenchEngineOptions();

// A loop: a function(keys, argument) that returns a number.
struct LoopSource {
  std::string name;            // of its library: letters, digits, underscores; unique in its tenant
  std::string_view file_text;  // JavaScript that has the function, not exported
  std::string function;
  bool writes = false;  // whether it may write the store
  double sample_argument = 1;
};

// A loop in a library of its own, so that feedback and code are its own too, compiled by TurboFan
// before it is measured. It runs over `globalThis.bench`, which must be there when the loop is
// made: `sample`, keys to collect feedback from, with the argument `sample_argument`; `all`, keys;
// `batches`, an array of keys.
class CompiledLoop {
 public:
  enum class Lookups { kInlined, kCalled };

  // Where this V8 cannot inline, all lookups are called.
  CompiledLoop(BenchTenant* tenant, const LoopSource& source, Lookups lookups);

  // Compiles again; with what was learnt since, where the last code did not last.
  void Optimize();
  // Before a run: V8 may compile the loop by itself, too, and then goes by its flags of that time.
  void SelectLookups() const;
  bool IsOptimized();
  // Whether the lookups since the builtins' count was `count` were what they are to be. Inlined
  // ones are not counted.
  bool LookedUpAsItShould(uint64_t count) const;
  uint64_t counted_lookups() const;
  double RunAll(double argument = 0);
  double RunBatch(size_t batch, double argument = 0);

 private:
  BenchTenant* tenant_;
  Lookups lookups_;
  std::string run_;
  std::string optimize_;
  std::string is_optimized_;
};

// One way to do some work, repeated.
struct Case {
  std::string name;
  std::function<double()> run;        // one repetition
  std::function<void(double)> check;  // of the result of each, not timed; may be empty
  CompiledLoop* loop = nullptr;  // which must be optimised code throughout; null for native work
  std::vector<double> ns;        // wall time of each measured repetition
};

// Runs one repetition of each case, then the next of each, so that a machine's slow spell meets
// them all.
void RunInTurns(std::vector<Case>* cases, int warm_ups, int repetitions);

// Does work within a case's run that is no part of what the case measures.
void Untimed(const std::function<void()>& work);

struct Spread {
  double median;
  double min;
  double max;
};
Spread SpreadOf(std::vector<double> samples);  // which must not be empty

}  // namespace shredder::bench
