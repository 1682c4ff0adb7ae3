// A small network that lies in the store classifies pictures that lie there: in C++, and by
// functions of libraries, in one process over one store.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "builtins-csa/layout/table_lookup.h"
#include "runtime/bench/files.h"
#include "runtime/bench/harness.h"
#include "runtime/bench/inference_forward.h"
#include "runtime/bench/suites.h"

namespace shredder::bench {

namespace {

constexpr char kHiddenKey[] = "hidden";
constexpr char kOutputKey[] = "output";

// What C++ is asked for by; any other name is a function's.
constexpr char kNativeO2[] = "native-o2";
constexpr char kNativeO3[] = "native-o3";

const StoredFloat* FloatsOf(std::string_view bytes) {
  return reinterpret_cast<const StoredFloat*>(bytes.data());
}

class Inference {
 public:
  Inference(engine::Engine* engine, const std::string& folder, size_t picture_bytes)
      : tenant_(engine) {
    const std::string pictures = ReadFile(folder + "/pictures");
    if (picture_bytes == 0 || pictures.empty() || pictures.size() % picture_bytes != 0) {
      Fail(folder + "/pictures does not consist of pictures of " + std::to_string(picture_bytes) +
           " bytes");
    }
    count_ = pictures.size() / picture_bytes;
    for (size_t n = 0; n < count_; ++n) {
      tenant_.Set(store::Key::FromInteger(n),
                  std::string_view(pictures).substr(n * picture_bytes, picture_bytes));
      names_.push_back(std::to_string(n));
    }
    tenant_.Set(*store::Key::FromBytes(kHiddenKey), ReadFile(folder + "/hidden"));
    tenant_.Set(*store::Key::FromBytes(kOutputKey), ReadFile(folder + "/output"));
    for (const auto& library : std::filesystem::directory_iterator(folder + "/libraries")) {
      tenant_.LoadLibrary(ReadFile(library.path()));
    }
  }

  bool Knows(const std::string& name) const {
    return name == kNativeO2 || name == kNativeO3 || tenant_.HasFunction(name);
  }

  // Classifies `batch` pictures a call, from picture `first` on and, behind the last one, from 0
  // on. The digits, and the nanoseconds of a call on average.
  std::string Answer(const std::string& name, size_t first, size_t batch, size_t calls) {
    std::vector<std::vector<size_t>> batches(calls);
    std::vector<std::vector<std::string_view>> keys(calls);
    for (size_t call = 0; call < calls; ++call) {
      for (size_t i = 0; i < batch; ++i) {
        batches[call].push_back((first + call * batch + i) % count_);
        keys[call].push_back(names_[batches[call].back()]);
      }
    }
    digits_.clear();
    const auto start = std::chrono::steady_clock::now();
    for (size_t call = 0; call < calls; ++call) {
      if (name == kNativeO2) {
        Classify(batches[call], ForwardScalar);
      } else if (name == kNativeO3) {
        Classify(batches[call], ForwardO3);
      } else {
        ClassifyByFunction(name, keys[call]);
      }
    }
    const std::chrono::nanoseconds elapsed = std::chrono::steady_clock::now() - start;
    return digits_ + " " + std::to_string(elapsed.count() / static_cast<int64_t>(calls));
  }

  size_t count() const { return count_; }

 private:
  std::string_view Find(const store::Key& key) const {
    const auto value = store::LookupValue(tenant_.store().header(), key);
    if (!value) Fail("a value is not in the store");
    return *value;
  }

  void Classify(const std::vector<size_t>& pictures, Forward forward) {
    const std::string_view hidden = Find(hidden_key_);
    const std::string_view output = Find(output_key_);
    for (const size_t picture : pictures) {
      const std::string_view pixels = Find(store::Key::FromInteger(picture));
      const size_t inputs = pixels.size() / sizeof(float);
      units_.resize(hidden.size() / sizeof(float) / (1 + inputs));
      scores_.resize(output.size() / sizeof(float) / (1 + units_.size()));
      forward(FloatsOf(hidden), FloatsOf(pixels), inputs, units_.size(), units_.data());
      for (float& unit : units_) unit = std::max(unit, 0.0f);
      forward(FloatsOf(output), units_.data(), units_.size(), scores_.size(), scores_.data());
      const auto best = std::max_element(scores_.begin(), scores_.end());
      digits_ += static_cast<char>('0' + (best - scores_.begin()));
    }
  }

  void ClassifyByFunction(const std::string& function, const std::vector<std::string_view>& keys) {
    const engine::Value value = tenant_.CallWithKeys(function, keys);
    const auto* digits = std::get_if<engine::Array>(&value.data);
    if (digits == nullptr || digits->items.size() != keys.size()) {
      Fail(function + " returns no digit for each picture");
    }
    for (const engine::Value& digit : digits->items) {
      // A number of JavaScript's, or an integer of WebAssembly's.
      const auto* number = std::get_if<double>(&digit.data);
      const auto* integer = std::get_if<int64_t>(&digit.data);
      if (number == nullptr && integer == nullptr) Fail(function + " returns what is no digit");
      digits_ += static_cast<char>(
          '0' + (number != nullptr ? static_cast<int>(*number) : static_cast<int>(*integer)));
    }
  }

  BenchTenant tenant_;
  size_t count_ = 0;
  std::vector<std::string> names_;
  const store::Key hidden_key_ = *store::Key::FromBytes(kHiddenKey);
  const store::Key output_key_ = *store::Key::FromBytes(kOutputKey);
  std::vector<float> units_;
  std::vector<float> scores_;
  std::string digits_;
};

}  // namespace

void ServeInference(const std::string& folder, uint64_t picture_bytes) {
  engine::Engine engine(BenchEngineOptions());
  Inference inference(&engine, folder, picture_bytes);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream request(line);
    std::string name;
    size_t first = 0;
    size_t batch = 0;
    size_t calls = 0;
    if (!(request >> name >> first >> batch >> calls) || batch < 1 || calls < 1 ||
        first >= inference.count() || !inference.Knows(name)) {
      Fail("\"" + line +
           "\" is no request; write \"<native-o2|native-o3|function> <first> <batch> <calls>\"");
    }
    std::cout << inference.Answer(name, first, batch, calls) << std::endl;
  }
}

}  // namespace shredder::bench
