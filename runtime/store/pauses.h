// Lets others work while a call of the store takes long: what loops over much says how much it has
// done, and now and then a function is called, in which nobody may touch this store.
//
// Thread: the shard's own.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace shredder::store {

class Pauses {
 public:
  // A step is a microsecond of work or less. So many are between two calls of the function.
  static constexpr uint64_t kSteps = 256;
  // Short calls do not count what they do: loops count so many rounds at once.
  static constexpr uint64_t kRounds = 64;
  // Copied to memory that is not there yet, for which the kernel takes 10 us and more a page.
  static constexpr uint64_t kBytesPerStep = 256;
  // Bytes that are copied at once.
  static constexpr uint64_t kPieceBytes = 256 * 1024;
  // Of a value from this size on, bytes count.
  static constexpr uint64_t kMinCountedBytes = 16 * 1024;

  void SetFunction(std::function<void()> function) { function_ = std::move(function); }
  // Between the two the function is not called.
  void Suspend() { is_suspended_ = true; }
  void Resume() { is_suspended_ = false; }

  void Add(uint64_t steps) {
    steps_ += steps;
    if (steps_ >= kSteps) [[unlikely]]
      Pause();
  }
  // At the end of round `i` of a loop, counted from 0.
  void AddRound(uint64_t i) {
    if (i % kRounds == kRounds - 1) Add(kRounds);
  }
  void AddBytes(uint64_t bytes) { Add(bytes / kBytesPerStep); }

 private:
  void Pause() {
    steps_ = 0;
    if (function_ && !is_suspended_) function_();
  }

  std::function<void()> function_;
  bool is_suspended_ = false;
  uint64_t steps_ = 0;
};

}  // namespace shredder::store
