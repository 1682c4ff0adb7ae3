// What shards tell all processes of the server by writing it into memory that they share: whether
// they are alive, what they run, how many clients they have. Readable after a shard has died.
//
// Thread: a shard writes its own ShardStatus, the supervisor clears it between two processes of one
// shard; all read all. Each field by itself is whole; several need not be of one moment.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/net/socket.h"

namespace shredder::control {

inline constexpr uint32_t kMaxShards = 1024;
inline constexpr size_t kMaxNameBytes = 64;

// A name that may be read while it is being written: what is read then is some bytes of both.
class SharedName {
 public:
  void Set(std::string_view name);  // its first kMaxNameBytes - 1 bytes
  std::string Get() const;

 private:
  std::array<std::atomic<char>, kMaxNameBytes> bytes_;
};

struct ShardStatus {
  std::atomic<uint64_t> heartbeat_ns;  // CLOCK_MONOTONIC, of the loop's last turn
  // Of the invocation or load that runs; 0 where none does.
  std::atomic<uint64_t> running_since_ns;  // CLOCK_MONOTONIC
  std::atomic<uint64_t> cpu_deadline_ms;
  std::atomic<uint64_t> wall_deadline_ms;
  SharedName tenant;
  SharedName function;
  std::atomic<uint32_t> clients;          // authenticated connections
  std::atomic<uint32_t> unauthenticated;  // those that are not yet
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

struct StatusPage {
  std::atomic<uint64_t> last_connection_id;
  std::atomic<uint32_t> shard_count;  // of those below, how many have ever been; the supervisor's
  std::array<ShardStatus, kMaxShards> shards;

  uint64_t clients() const;
  uint64_t unauthenticated() const;
};

// The page's memory. Of a new one, all is 0.
class StatusMemory {
 public:
  // Null with a one-line reason in *error. The second maps what another process has made.
  static std::optional<StatusMemory> Create(std::string* error);
  static std::optional<StatusMemory> Attach(net::UniqueFd fd, std::string* error);
  ~StatusMemory();
  StatusMemory(StatusMemory&& other) noexcept;
  StatusMemory& operator=(StatusMemory&&) = delete;

  int fd() const { return fd_.get(); }
  StatusPage& page() const { return *page_; }

 private:
  StatusMemory(net::UniqueFd fd, StatusPage* page) : fd_(std::move(fd)), page_(page) {}

  net::UniqueFd fd_;
  StatusPage* page_;
};

// Makes the status that of a process that has just begun.
void Clear(ShardStatus* status);

uint64_t MonotonicNs();
// CPU time of another process; nothing where it is gone.
std::optional<uint64_t> ProcessCpuNs(int pid);

}  // namespace shredder::control
