// How long a store's memory takes to attach after its process was killed, by the keys that it holds
// and by what was under way: a write of its own, or a transaction with so many records.
//
//   attach_bench [KEYS]...    1,000, 100,000, 1 million and 10 million keys unless given; 10
//                             million need 600 MB
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/store/store.h"
#include "runtime/store/transaction.h"

namespace shredder::store {
namespace {

constexpr int kRounds = 9;
constexpr uint64_t kBytesPerKey = 50;
constexpr uint64_t kRoomBytes = 64ull << 20;
constexpr uint64_t kRecordCounts[] = {0, 1'000, 100'000};
constexpr int kMaxTries = 1000;

double Milliseconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "attach_bench: %s\n", what);
  std::exit(1);
}

std::unique_ptr<Store> MustAttach(int fd) {
  std::string error;
  auto store = Store::Attach(fd, false, &error);
  if (store == nullptr) Fail(error.c_str());
  return store;
}

// Runs `work` on the store in a process that is killed, after so long, or by itself.
void Kill(int fd, useconds_t after_us, const std::function<void(Store*)>& work) {
  const pid_t child = fork();
  if (child < 0) Fail("no process");
  if (child == 0) {
    work(MustAttach(fd).get());
    raise(SIGKILL);
  }
  if (after_us > 0) {
    usleep(after_us);
    kill(child, SIGKILL);
  }
  waitpid(child, nullptr, 0);
}

layout::StoreHeader HeaderOf(int fd) {
  layout::StoreHeader header;
  if (pread(fd, &header, sizeof header, 0) != sizeof header) Fail("no header");
  return header;
}

// New keys and old ones, without end.
void WriteForever(Store* store, uint64_t keys) {
  for (uint64_t i = 0;; i++) {
    store->Set(Key::FromInteger(keys + i % keys), "12345678");
    store->Delete(Key::FromInteger(keys + (i + keys / 2) % keys));
  }
}

// Leaves a process's transaction open after so many records, and in the middle of a write.
void WriteInTransaction(Store* store, uint64_t keys, uint64_t records) {
  const Transaction transaction(store);
  store->BeginInvocation(true);
  // As there is a view, nothing is overwritten in place.
  store->header()->view_invocation = store->header()->invocation;
  for (uint64_t i = 0; i < records; i++) {
    if (store->Set(Key::FromInteger(i * 7919 % keys), "87654321") != WriteStatus::kOk) _exit(1);
  }
  raise(SIGKILL);
}

void Report(uint64_t keys, const std::string& under_way, int fd,
            const std::function<void()>& kill) {
  std::vector<double> wall;
  std::vector<double> cpu;
  for (int round = 0; round < kRounds; round++) {
    kill();
    const double wall_before = Milliseconds(CLOCK_MONOTONIC);
    const double cpu_before = Milliseconds(CLOCK_PROCESS_CPUTIME_ID);
    const auto store = MustAttach(fd);
    cpu.push_back(Milliseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_before);
    wall.push_back(Milliseconds(CLOCK_MONOTONIC) - wall_before);
  }
  std::sort(wall.begin(), wall.end());
  std::sort(cpu.begin(), cpu.end());
  std::printf("%10" PRIu64 "  %-30s %9.3f %9.3f %9.3f\n", keys, under_way.c_str(),
              wall[kRounds / 2], cpu[kRounds / 2], wall.back());
  std::fflush(stdout);
}

void Run(uint64_t keys) {
  std::string error;
  auto store =
      Store::Create({.quota_bytes = keys * kBytesPerKey + kRoomBytes, .random = {}}, &error);
  if (store == nullptr) Fail(error.c_str());
  for (uint64_t i = 0; i < keys; i++) {
    if (store->Set(Key::FromInteger(i), "12345678") != WriteStatus::kOk) Fail("the quota is full");
  }
  const int fd = dup(store->fd());
  store.reset();

  Report(keys, "a write", fd, [&] {
    for (int i = 0; i < kMaxTries; i++) {
      Kill(fd, 3000 + i % 7 * 100, [&](Store* s) { WriteForever(s, keys); });
      const layout::StoreHeader header = HeaderOf(fd);
      if (layout::JournalCount(&header) != 0) return;
    }
    Fail("no process was killed in a step");
  });
  for (const uint64_t records : kRecordCounts) {
    Report(keys, "a transaction of " + std::to_string(records), fd, [&] {
      Kill(fd, 0, [&](Store* s) { WriteInTransaction(s, keys, records); });
      const layout::StoreHeader header = HeaderOf(fd);
      if (layout::UndoCount(&header) != records) Fail("other records than were to be made");
    });
  }
  close(fd);
}

}  // namespace
}  // namespace shredder::store

int main(int argc, char** argv) {
  std::vector<uint64_t> keys;
  for (int i = 1; i < argc; i++) {
    char* end = nullptr;
    keys.push_back(std::strtoull(argv[i], &end, 10));
    if (*argv[i] == '-' || *end != '\0' || keys.back() == 0) {
      std::fprintf(stderr, "usage: attach_bench [KEYS]...\n");
      return 2;
    }
  }
  if (keys.empty()) keys = {1'000, 100'000, 1'000'000, 10'000'000};
  std::printf("%10s  %-30s %9s %9s %9s\n", "keys", "killed in", "ms", "CPU ms", "most ms");
  for (const uint64_t count : keys) shredder::store::Run(count);
}
