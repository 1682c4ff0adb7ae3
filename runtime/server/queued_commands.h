// The commands that a session has queued since MULTI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/server/command.h"

namespace shredder::server {

class QueuedCommands {
 public:
  // Bounds on one transaction. Each command and each argument counts a few words beside its bytes.
  static constexpr size_t kMaxCommands = 100'000;
  static constexpr size_t kMaxBytes = 512ull << 20;

  struct Item {
    const Command* command;
    std::span<const std::string_view> args;
  };

  enum class Status { kOk, kTooMany, kTooLarge };

  // Copies the arguments, which may go; `on_piece` is called after each piece of so many bytes at
  // most. After Abort nothing is kept, and nothing refused.
  Status Add(const Command& command, std::span<const std::string_view> args,
             const std::function<void(size_t bytes)>& on_piece);

  // EXEC is to be refused: what was queued is forgotten.
  void Abort();
  bool aborted() const { return aborted_; }

  size_t count() const { return count_; }    // those before Abort included
  uint32_t flags() const { return flags_; }  // of all that are to be executed
  std::span<const Item> items() const { return items_; }

 private:
  std::vector<Item> items_;
  // All arguments, in few blocks: forgetting very many commands takes no longer than few.
  std::pmr::monotonic_buffer_resource memory_;
  size_t count_ = 0;
  size_t bytes_ = 0;
  uint32_t flags_ = 0;
  bool aborted_ = false;
};

}  // namespace shredder::server
