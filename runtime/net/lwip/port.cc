#include "runtime/net/lwip/port.h"

#include <malloc.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>

#include "lwip/ip_addr.h"
#include "lwip/sys.h"
#include "runtime/net/lwip/arch/cc.h"
#include "runtime/net/lwip/hooks.h"
#include "runtime/net/lwip/lwipopts.h"

namespace shredder::net::lwip {
namespace {

uint64_t clock_ms = 0;
size_t memory_limit = SIZE_MAX;
size_t memory_used = 0;
SipKey sequence_key{};
SipKey connection_key{};

// Small blocks that were freed, for the next of their size: segments are freed by a burst of
// acknowledgments and made again by the replies to it, more of them than the C library keeps at
// hand, which otherwise joins and splits blocks whose neighbours are in no cache.
class FreeBlocks {
 public:
  // Null where there is none that has so many bytes and hardly more.
  void* Take(size_t bytes) {
    if (bytes > kMaxBytes) return nullptr;
    const size_t size = std::max(kLeast, (bytes + kRecord + kStep - 1) / kStep * kStep - kRecord);
    List& list = lists_[size / kStep];
    Block* const block = list.first;
    if (block == nullptr) return nullptr;
    list.first = block->next;
    list.bytes -= size;
    bytes_ -= size;
    return block;
  }

  // Of so many bytes, as the C library has it; false where it is to be freed.
  bool Keep(void* memory, size_t usable) {
    // No C library's that this knows: a checker's, say.
    if (usable < kLeast || usable % kStep != kStep - kRecord) return false;
    if (usable > kMaxBytes || usable + bytes_ > kMaxKeptBytes) return false;
    List& list = lists_[usable / kStep];
    if (usable + list.bytes > kMaxListBytes) return false;
    list.first = new (memory) Block{list.first};
    list.bytes += usable;
    bytes_ += usable;
    return true;
  }

 private:
  struct Block {
    Block* next;
  };
  struct List {
    Block* first = nullptr;
    size_t bytes = 0;
  };

  // What the C library makes of a size: a multiple of 16 bytes, of which its own record takes 8.
  static constexpr size_t kStep = 16, kRecord = 8, kLeast = 24;
  static constexpr size_t kMaxBytes = 2048;
  // Of a size: what many connections leave that end at once is not to take the place of the others.
  static constexpr size_t kMaxListBytes = 64 << 10;
  static constexpr size_t kMaxKeptBytes = 1 << 20;

  std::array<List, kMaxBytes / kStep + 1> lists_{};
  size_t bytes_ = 0;
};

FreeBlocks free_blocks;
// Not where each access to freed memory is to be found.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHREDDER_LWIP_FREES_AT_ONCE
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SHREDDER_LWIP_FREES_AT_ONCE
#endif

// Fills memory from the kernel's generator. There is nothing to do without one, and no sensible
// stack either.
void FillRandom(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::perror("getrandom");
      std::abort();
    }
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

// The addresses and ports of a connection in words.
class Tuple {
 public:
  Tuple(const ip_addr_t& local_ip, uint16_t local_port, const ip_addr_t& remote_ip,
        uint16_t remote_port) {
    // The last bit keeps apart what has the same words otherwise.
    Push(uint64_t{local_port} << 32 | uint64_t{remote_port} << 16 | IP_IS_V6_VAL(local_ip));
    if (IP_IS_V6_VAL(local_ip)) {
      PushAddress(*ip_2_ip6(&local_ip));
      PushAddress(*ip_2_ip6(&remote_ip));
    } else {
      Push(uint64_t{ip_2_ip4(&local_ip)->addr} << 32 | ip_2_ip4(&remote_ip)->addr);
    }
  }
  std::span<const uint64_t> words() const { return {words_.data(), size_}; }

 private:
  void Push(uint64_t word) { words_[size_++] = word; }
  void PushAddress(const ip6_addr_t& address) {
    Push(uint64_t{address.addr[0]} << 32 | address.addr[1]);
    Push(uint64_t{address.addr[2]} << 32 | address.addr[3]);
  }

  std::array<uint64_t, 5> words_{};
  size_t size_ = 0;
};

}  // namespace

void SetClock(uint64_t milliseconds) { clock_ms = milliseconds; }
uint64_t Clock() { return clock_ms; }

void SetMemoryLimit(size_t bytes) { memory_limit = bytes; }
size_t MemoryUsed() { return memory_used; }

void DrawKeys() {
  FillRandom(std::as_writable_bytes(std::span(sequence_key)));
  FillRandom(std::as_writable_bytes(std::span(connection_key)));
}

void SetKeys(const SipKey& sequence_numbers, const SipKey& connections) {
  sequence_key = sequence_numbers;
  connection_key = connections;
}

}  // namespace shredder::net::lwip

namespace port = shredder::net::lwip;

extern "C" {

u32_t sys_now(void) { return static_cast<u32_t>(port::clock_ms); }

uint32_t shredder_lwip_random(void) {
  // The kernel's generator costs a system call, and lwIP asks for a few bytes at a time.
  static std::array<uint32_t, 64> drawn;
  static size_t left = 0;
  if (left == 0) {
    port::FillRandom(std::as_writable_bytes(std::span(drawn)));
    left = drawn.size();
  }
  return drawn[--left];
}

void* shredder_lwip_malloc(size_t bytes) {
  if (port::memory_used > port::memory_limit || bytes > port::memory_limit - port::memory_used) {
    return nullptr;
  }
  void* memory = port::free_blocks.Take(bytes);
  if (memory == nullptr) memory = std::malloc(bytes);
  if (memory != nullptr) port::memory_used += malloc_usable_size(memory);
  return memory;
}

void* shredder_lwip_calloc(size_t count, size_t bytes) {
  if (bytes != 0 && count > SIZE_MAX / bytes) return nullptr;
  void* const memory = shredder_lwip_malloc(count * bytes);
  if (memory != nullptr) std::memset(memory, 0, count * bytes);
  return memory;
}

void shredder_lwip_free(void* memory) {
  if (memory == nullptr) return;
  const size_t bytes = malloc_usable_size(memory);
  port::memory_used -= bytes;
#ifndef SHREDDER_LWIP_FREES_AT_ONCE
  if (port::free_blocks.Keep(memory, bytes)) return;
#endif
  std::free(memory);
}

void shredder_lwip_assert_failed(const char* what, const char* file, int line) {
  std::fprintf(stderr, "lwIP: %s (%s:%d)\n", what, file, line);
  std::abort();
}

u32_t shredder_lwip_isn(const ip_addr_t* local_ip, u16_t local_port, const ip_addr_t* remote_ip,
                        u16_t remote_port) {
  const port::Tuple tuple(*local_ip, local_port, *remote_ip, remote_port);
  constexpr uint64_t kStepsPerMillisecond = 250;  // of 4 microseconds
  return static_cast<u32_t>(port::clock_ms * kStepsPerMillisecond +
                            port::SipHash<2, 4>(port::sequence_key, tuple.words()));
}

u32_t shredder_lwip_hash(const ip_addr_t* local_ip, u16_t local_port, const ip_addr_t* remote_ip,
                         u16_t remote_port) {
  const port::Tuple tuple(*local_ip, local_port, *remote_ip, remote_port);
  return static_cast<u32_t>(port::SipHash<1, 3>(port::connection_key, tuple.words()));
}

}  // extern "C"
