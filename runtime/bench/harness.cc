#include "runtime/bench/harness.h"

#include <v8.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "runtime/bench/javascript.h"

namespace shredder::bench {

namespace {

constexpr uint64_t kQuotaBytes = 4ull << 30;
constexpr uint64_t kForeverMs = 3'600'000;
constexpr char kInlineFlag[] = "--shredder-inline";
constexpr char kCallFlag[] = "--no-shredder-inline";

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::chrono::duration<double, std::nano>;

bool can_inline = false;
// In this repetition of a case.
Nanoseconds untimed{0};

// V8 takes what it knows out of the list. Before it is initialised only: the flag is set by this.
bool HasFlag(std::string flag) {
  std::string program = "shredder-bench";
  char* argv[] = {program.data(), flag.data()};
  int argc = 2;
  v8::V8::SetFlagsFromCommandLine(&argc, argv, true);
  return argc == 1;
}

}  // namespace

void Fail(const std::string& message) {
  std::cerr << "shredder-bench: " << message << "\n";
  std::exit(1);
}

void Note(const std::string& message) { std::cerr << message << "\n"; }

void InitializeV8() {
  can_inline = HasFlag(kInlineFlag);
  std::string error;
  // What V8 compiles by itself, it compiles at once: under the flag of the case that runs.
  if (!engine::Engine::InitializeProcess({"--allow-natives-syntax", "--no-freeze-flags-after-init",
                                          "--no-concurrent-recompilation"},
                                         &error)) {
    Fail(error);
  }
}

bool CanInline() { return can_inline; }

engine::EngineOptions BenchEngineOptions() {
  engine::EngineOptions options;
  options.deadline_ms = kForeverMs;
  options.load_deadline_ms = kForeverMs;
  options.heap_limit_mb = 4096;
  options.callback_builtins = true;
  return options;
}

BenchTenant::BenchTenant(engine::Engine* engine) {
  std::string error;
  store::StoreOptions options;
  options.quota_bytes = kQuotaBytes;
  store_ = store::Store::Create(options, &error);
  if (store_ == nullptr) Fail(error);
  store_->SetNow(1);
  host_ = engine->CreateHost(store_.get());
}

void BenchTenant::Set(const store::Key& key, std::string_view value) {
  if (store_->Set(key, value) != store::WriteStatus::kOk) Fail("the store's memory is used up");
}

void BenchTenant::Load(const std::string& name, std::string_view code) {
  LoadLibrary("#!js name=" + name + "\n" + std::string(code));
}

void BenchTenant::LoadLibrary(const std::string& library) {
  const engine::Value value = host_->Load(library, false);
  if (const engine::Error* error = std::get_if<engine::Error>(&value.data)) {
    // A module's bytes say nothing; the line before them does.
    const bool is_text = library.starts_with("#!js");
    Fail(error->message + " in\n" + (is_text ? library : library.substr(0, library.find('\n'))));
  }
}

bool BenchTenant::HasFunction(std::string_view function) const {
  return static_cast<bool>(host_->Find(function));
}

double BenchTenant::Call(std::string_view function, const std::vector<std::string_view>& args) {
  const engine::Value value = host_->Call(host_->Find(function), {}, args, false);
  if (const engine::Error* error = std::get_if<engine::Error>(&value.data)) Fail(error->message);
  if (const bool* boolean = std::get_if<bool>(&value.data)) return *boolean ? 1 : 0;
  const double* number = std::get_if<double>(&value.data);
  return number == nullptr ? 0 : *number;
}

engine::Value BenchTenant::CallWithKeys(std::string_view function,
                                        const std::vector<std::string_view>& keys) {
  engine::Value value = host_->Call(host_->Find(function), keys, {}, false);
  if (const engine::Error* error = std::get_if<engine::Error>(&value.data)) Fail(error->message);
  return value;
}

CompiledLoop::CompiledLoop(BenchTenant* tenant, const LoopSource& source, Lookups lookups)
    : tenant_(tenant),
      lookups_(lookups),
      run_(source.name + "_run"),
      optimize_(source.name + "_optimize"),
      is_optimized_(source.name + "_isOptimized") {
  std::string code(source.file_text);
  code += "const loop = " + source.function + ";\n";
  code += "const sampleArgument = " + std::to_string(source.sample_argument) + ";\n";
  code += kCompiledLoopJs;
  if (!source.writes) code += "run.flags = optimize.flags = ['no-writes'];\n";
  code += "export { run as " + run_ + ", optimize as " + optimize_ + ", isOptimized as " +
          is_optimized_ + " };\n";
  tenant->Load(source.name, code);
  Optimize();
}

void CompiledLoop::SelectLookups() const {
  if (!can_inline) return;
  v8::V8::SetFlagsFromString(lookups_ == Lookups::kInlined ? kInlineFlag : kCallFlag);
}

void CompiledLoop::Optimize() {
  SelectLookups();
  tenant_->Call(optimize_);
}

uint64_t CompiledLoop::counted_lookups() const {
  return tenant_->store().header()->builtin_lookups;
}

bool CompiledLoop::LookedUpAsItShould(uint64_t count) const {
  return !can_inline || lookups_ == Lookups::kCalled || counted_lookups() == count;
}

bool CompiledLoop::IsOptimized() { return tenant_->Call(is_optimized_) == 1; }

double CompiledLoop::RunAll(double argument) {
  return tenant_->Call(run_, {"all", std::to_string(argument)});
}

double CompiledLoop::RunBatch(size_t batch, double argument) {
  return tenant_->Call(run_, {std::to_string(batch), std::to_string(argument)});
}

void RunInTurns(std::vector<Case>* cases, int warm_ups, int repetitions) {
  for (int turn = -warm_ups; turn < repetitions; ++turn) {
    for (Case& one : *cases) {
      if (one.loop != nullptr) one.loop->SelectLookups();
      const uint64_t counted = one.loop == nullptr ? 0 : one.loop->counted_lookups();
      untimed = Nanoseconds{0};
      const auto start = Clock::now();
      const double result = one.run();
      const Nanoseconds elapsed = Clock::now() - start - untimed;
      if (one.check) one.check(result);
      if (turn >= 0) one.ns.push_back(elapsed.count());
      if (one.loop == nullptr ||
          (one.loop->IsOptimized() && one.loop->LookedUpAsItShould(counted))) {
        continue;
      }
      if (turn >= 0) Fail(one.name + " did not stay the code that it is to be");
      one.loop->Optimize();
    }
  }
}

void Untimed(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  untimed += Clock::now() - start;
}

Spread SpreadOf(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  const size_t half = samples.size() / 2;
  const double median =
      samples.size() % 2 == 1 ? samples[half] : (samples[half - 1] + samples[half]) / 2;
  return {median, samples.front(), samples.back()};
}

}  // namespace shredder::bench
