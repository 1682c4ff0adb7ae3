#include "runtime/control/status_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace shredder::control {

namespace {

uint64_t ReadClock(clockid_t clock) {
  timespec now;
  if (clock_gettime(clock, &now) != 0) return 0;
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

template <typename Field>
uint64_t Sum(const StatusPage& page, Field field) {
  uint64_t sum = 0;
  const uint32_t count = std::min(page.shard_count.load(std::memory_order_relaxed), kMaxShards);
  for (uint32_t i = 0; i < count; i++) {
    sum += (page.shards[i].*field).load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace

void SharedName::Set(std::string_view name) {
  const size_t length = std::min(name.size(), kMaxNameBytes - 1);
  for (size_t i = 0; i < length; i++) bytes_[i].store(name[i], std::memory_order_relaxed);
  bytes_[length].store(0, std::memory_order_relaxed);
}

std::string SharedName::Get() const {
  std::string name;
  for (const std::atomic<char>& byte : bytes_) {
    const char c = byte.load(std::memory_order_relaxed);
    if (c == 0) break;
    name += c;
  }
  return name;
}

uint64_t StatusPage::clients() const { return Sum(*this, &ShardStatus::clients); }

uint64_t StatusPage::unauthenticated() const { return Sum(*this, &ShardStatus::unauthenticated); }

std::optional<StatusMemory> StatusMemory::Create(std::string* error) {
  // Sealed, so that no shard can take its pages away from the others.
  net::UniqueFd fd(memfd_create("shredder-status", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid() || ftruncate(fd.get(), sizeof(StatusPage)) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    *error = std::string("cannot make the shards' status memory: ") + std::strerror(errno);
    return std::nullopt;
  }
  return Attach(std::move(fd), error);
}

std::optional<StatusMemory> StatusMemory::Attach(net::UniqueFd fd, std::string* error) {
  struct stat status;
  if (fstat(fd.get(), &status) != 0 || status.st_size < static_cast<off_t>(sizeof(StatusPage))) {
    *error = "the shards' status memory is of another version; restart the server";
    return std::nullopt;
  }
  void* const address =
      mmap(nullptr, sizeof(StatusPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) {
    *error = std::string("cannot map the shards' status memory: ") + std::strerror(errno);
    return std::nullopt;
  }
  return StatusMemory(std::move(fd), static_cast<StatusPage*>(address));
}

StatusMemory::StatusMemory(StatusMemory&& other) noexcept
    : fd_(std::move(other.fd_)), page_(std::exchange(other.page_, nullptr)) {}

StatusMemory::~StatusMemory() {
  if (page_ != nullptr) munmap(page_, sizeof(StatusPage));
}

void Clear(ShardStatus* status) {
  status->running_since_ns = 0;
  status->tenant.Set({});
  status->function.Set({});
  status->clients = 0;
  status->unauthenticated = 0;
  status->heartbeat_ns = MonotonicNs();
}

uint64_t MonotonicNs() { return ReadClock(CLOCK_MONOTONIC); }

std::optional<uint64_t> ProcessCpuNs(int pid) {
  clockid_t clock;
  if (clock_getcpuclockid(pid, &clock) != 0) return std::nullopt;
  return ReadClock(clock);
}

}  // namespace shredder::control
