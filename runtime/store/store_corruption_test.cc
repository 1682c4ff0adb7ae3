// Memory that is no store, or one with random damage: attaching it with all checks ends in an error
// of one line, or in a store that is whole and works. Each attempt runs in a process of its own,
// which must end by itself.
//
//   SHREDDER_TEST_ATTEMPTS=N    N times as many
//   SHREDDER_TEST_SEED=N        the first attempt's number
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <vector>

#include "runtime/store/fault_sweep.h"
#include "runtime/store/memory_copy.h"
#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

constexpr uint64_t kAttempts = 250;
// Attempts that one process makes, and the CPU time that each may take.
constexpr uint64_t kBatch = 25;
constexpr int kCpuSeconds = 20;

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// --- Damage --------------------------------------------------------------------------------------

// A part of the memory whose words decide much.
struct Part {
  uint64_t offset;
  uint64_t bytes;
};

// What an attempt may damage; parts that come twice are damaged twice as often.
std::vector<Part> PartsOf(char* base) {
  const auto* header = reinterpret_cast<const layout::StoreHeader*>(base);
  const auto* table = reinterpret_cast<const TableState*>(base + kTableStateOffset);
  const auto* arena = reinterpret_cast<const ArenaState*>(base + kArenaStateOffset);
  const uint64_t words = 1ull << (64 - header->directory_shift);
  std::vector<Part> parts = {
      {0, sizeof *header},
      {0, sizeof *header},
      {kTableStateOffset, sizeof *table},
      {kArenaStateOffset, sizeof *arena},
      {kReservedBlocksOffset, sizeof(ReservedBlocks)},
      {arena->chunk_table_offset, arena->touched_chunks * sizeof(Chunk)},
      {arena->chunk_table_offset, arena->touched_chunks * sizeof(Chunk)},
      {header->directory_offset, words * sizeof(uint64_t)},
      {arena->first_chunk * kChunkBytes, (arena->frontier - arena->first_chunk) * kChunkBytes}};
  // Of many segments, as many as damage is likely to meet.
  const auto* directory = reinterpret_cast<const uint64_t*>(base + header->directory_offset);
  for (uint64_t i = 0; i < std::min<uint64_t>(words, 4); i++) {
    const uint64_t word = directory[i * words / std::min<uint64_t>(words, 4)];
    parts.push_back(
        {layout::SegmentOffset(word), layout::SegmentPages(word) * layout::kSegmentPageBytes});
  }
  if (const uint64_t records = layout::UndoCount(header); records > 0) {
    for (int i = 0; i < 4; i++) {
      parts.push_back({header->undo_offset, records * sizeof(layout::UndoRecord)});
    }
  }
  if (const uint64_t entries = layout::JournalCount(header); entries > 0) {
    for (int i = 0; i < 4; i++) {
      parts.push_back({header->journal_offset, entries * sizeof(layout::JournalEntry)});
    }
  }
  if (table->next_directory_offset != 0) {
    parts.push_back({table->next_directory_offset, table->next_directory_words * 16 + 16});
  }
  std::erase_if(parts, [](const Part& part) { return part.bytes < 8; });
  return parts;
}

void Damage(char* base, const std::vector<Part>& parts, std::mt19937_64* random) {
  const auto below = [random](uint64_t bound) { return (*random)() % bound; };
  const auto word_in = [&](const Part& part) {
    return reinterpret_cast<uint64_t*>(base + part.offset + below(part.bytes / 8) * 8);
  };
  const uint64_t times = 1 + below(4) * below(2);
  for (uint64_t i = 0; i < times; i++) {
    uint64_t* word = word_in(parts[below(parts.size())]);
    switch (below(6)) {
      case 0:
      case 1:
        *word ^= 1ull << below(64);
        break;
      case 2:
        *word = (*random)();
        break;
      case 3:
        *word = *word_in(parts[below(parts.size())]);
        break;
      case 4:
        *word += below(2) == 0 ? 1ull << below(40) : 0 - (1ull << below(40));
        break;
      default:
        *word = below(2) == 0 ? 0 : ~0ull >> below(64);
    }
  }
}

// --- An attempt ----------------------------------------------------------------------------------

void Use(Store* store, std::mt19937_64* random) {
  const auto below = [random](uint64_t bound) { return (*random)() % bound; };
  std::vector<std::string> keys = {"new", "42", ""};
  uint64_t cursor = 0;
  do {
    cursor = store->Scan(cursor, 1000, [&](std::string_view key) { keys.emplace_back(key); });
  } while (cursor != 0);
  std::optional<Open> transaction;
  for (int step = 0; step < 150; step++) {
    const std::string& name = below(3) == 0 ? keys[below(3)] : keys[below(keys.size())];
    const Key key = KeyOf(name);
    switch (below(10)) {
      case 0:
      case 1:
      case 2:
        store->Set(key, std::string(below(1ull << below(18)), 'u'),
                   below(3) == 0 ? Expiry::At(store->now_ms() + 5) : Expiry::Keep());
        break;
      case 3:
        store->Append(key, std::string(below(1ull << below(12)), 'a'));
        break;
      case 4:
      case 5:
        store->Delete(key);
        break;
      case 6:
        store->SetExpiresAt(key, below(2) == 0 ? 0 : store->now_ms() + below(10));
        break;
      case 7:
        store->Set(Key::FromInteger(below(100'000)), "12345678");
        break;
      case 8:
        if (transaction) {
          below(2) == 0 ? transaction->Commit() : transaction->Rollback();
          transaction.reset();
        } else {
          transaction.emplace(store);
        }
        break;
      default:
        if (!transaction) store->ReapExpired(100, 10);
        if (below(20) == 0) store->Clear();
    }
  }
}

// What the processes have in common.
struct Progress {
  uint64_t next;
  uint64_t refused;
  uint64_t attached;
};

// Empty where all is well; else what is not.
std::string Attempt(int fd, bool is_pool, Progress* progress) {
  std::mt19937_64 random(progress->next);
  const MemoryCopy memory(fd);
  struct stat status;
  if (fstat(memory.fd(), &status) != 0) return "no copy";
  const auto bytes = static_cast<size_t>(status.st_size);
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd(), 0);
  if (address == MAP_FAILED) return "no mapping";
  Damage(static_cast<char*>(address), PartsOf(static_cast<char*>(address)), &random);
  munmap(address, bytes);

  std::string error;
  const auto pool = is_pool ? StorePool::Attach(memory.fd(), &error) : nullptr;
  if (is_pool && pool == nullptr) return "no pool: " + error;
  const auto store =
      is_pool ? Store::Attach(*pool, 0, true, &error) : Store::Attach(memory.fd(), true, &error);
  if (store == nullptr) {
    progress->refused++;
    const bool is_line = !error.empty() && error.find('\n') == std::string::npos;
    return is_line ? "" : "an error of no line";
  }
  progress->attached++;
  if (store->in_transaction()) return "a transaction that is still open";
  if (const std::string fault = store->CheckInvariants(); !fault.empty()) return fault;
  Use(store.get(), &random);
  if (const std::string fault = store->CheckInvariants(); !fault.empty()) return "used: " + fault;
  return {};
}

// Makes the attempts from the next one on, as far as it comes.
[[noreturn]] void RunBatch(int fd, bool is_pool, uint64_t end, Progress* progress) {
  for (; progress->next < end; progress->next++) {
    const itimerval limit = {{0, 0}, {kCpuSeconds, 0}};
    setitimer(ITIMER_PROF, &limit, nullptr);
    const std::string fault = Attempt(fd, is_pool, progress);
    if (fault.empty()) continue;
    std::fprintf(stderr, "%s\n", fault.c_str());
    _exit(1);
  }
  _exit(0);
}

// Damages copies of the memory, a number of times: a store's own, or a pool with one in its first
// slot.
void ExpectNoHarm(int fd, uint64_t attempts, bool is_pool = false) {
  const uint64_t first = NumberFrom("SHREDDER_TEST_SEED", 1);
  attempts *= NumberFrom("SHREDDER_TEST_ATTEMPTS", 1);
  void* shared =
      mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto* progress = new (shared) Progress{first, 0, 0};
  for (uint64_t failures = 0; progress->next < first + attempts && failures < 5;) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0)
      RunBatch(fd, is_pool, std::min(progress->next + kBatch, first + attempts), progress);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    failures++;
    ADD_FAILURE() << "attempt " << progress->next
                  << (WIFSIGNALED(status) ? " ended by signal " + std::to_string(WTERMSIG(status))
                                          : " failed");
    progress->next++;
  }
  EXPECT_GT(progress->refused, 0u);
  EXPECT_GT(progress->attached, 0u);
  std::printf("%" PRIu64 " attempts: %" PRIu64 " refused, %" PRIu64 " attached\n", attempts,
              progress->refused, progress->attached);
  munmap(shared, kPageBytes);
}

// --- Stores of several shapes --------------------------------------------------------------------

void Fill(Store* store, uint64_t keys) {
  store->SetNow(1000);
  for (uint64_t i = 0; i < keys; i++) {
    const Expiry expiry = i % 5 == 0 ? Expiry::At(500 + i) : Expiry::None();
    if (i % 3 == 0) {
      store->Set(KeyOf("key:" + std::to_string(i)), std::string(i % 200, 'v'), expiry);
    } else {
      store->Set(Key::FromInteger(i), std::string(i % 50, 'v'), expiry);
    }
  }
  store->Set(KeyOf("large"), std::string(100'000, 'l'));
  store->Set(KeyOf("larger"), std::string(300'000, 'l'));
  for (uint64_t i = 0; i < keys; i += 7) store->Delete(Key::FromInteger(i));
  store->Delete(KeyOf("large"));
}

void WriteInTransaction(Store* store) {
  for (uint64_t i = 0; i < 40; i++) {
    store->Set(Key::FromInteger(i), "written");
    store->Append(Key::FromInteger(i / 2), "!");
    store->Delete(Key::FromInteger(i / 3));
    store->SetExpiresAt(KeyOf("key:" + std::to_string(3 * i)), 5000);
    store->Set(Key::FromInteger(100'000 + i), "new");
  }
}

// The memory where `is_there` is true for the first time at a fault point of the change.
std::unique_ptr<MemoryCopy> CopyWhen(Store* store, const std::function<void()>& change,
                                     const std::function<bool()>& is_there) {
  std::unique_ptr<MemoryCopy> copy;
  AtEachPoint(change, [&](uint64_t) {
    if (copy == nullptr && is_there()) copy = std::make_unique<MemoryCopy>(store->fd());
  });
  if (copy == nullptr) throw std::runtime_error("the change has no such point");
  return copy;
}

TEST(StoreCorruption, AnEmptyStore) { ExpectNoHarm(NewStore(kMiB)->fd(), kAttempts); }

TEST(StoreCorruption, ASmallStore) {
  const auto store = NewStore(kMiB);
  Fill(store.get(), 30);
  ExpectNoHarm(store->fd(), kAttempts);
}

TEST(StoreCorruption, AStoreInASlot) {
  const auto pool = NewPool(2);
  const auto store = NewStore(pool.get(), 0, 256 * kMiB);
  Fill(store.get(), 300);
  const Transaction transaction(store.get());
  WriteInTransaction(store.get());
  ExpectNoHarm(pool->fd(), kAttempts, true);
}

TEST(StoreCorruption, AStoreWithReservedBlocks) {
  const auto store = NewStore(4 * kMiB);
  Fill(store.get(), 100);
  std::vector<std::shared_ptr<const Pin>> pins;
  for (const std::string_view key : {"a", "b", "c", "d"}) {
    store->Set(KeyOf(key), std::string(100'000, 'r'));
    pins.push_back(store->PinValue(KeyOf(key)));
    store->Delete(KeyOf(key));
  }
  ExpectNoHarm(store->fd(), 2 * kAttempts);
}

TEST(StoreCorruption, AQuotaThatIsBeingRaised) {
  const auto store = NewStore(2 * kMiB);
  Fill(store.get(), 300);
  std::string error;
  const auto memory = CopyWhen(
      store.get(), [&] { EXPECT_TRUE(store->SetQuota(80 * kMiB, &error)) << error; },
      [&] {
        // The base may have changed already.
        layout::StoreHeader header;
        return pread(store->fd(), &header, sizeof header, 0) == sizeof header &&
               layout::JournalCount(&header) == 4;
      });
  ExpectNoHarm(memory->fd(), kAttempts);
}

TEST(StoreCorruption, AGrownStore) {
  const auto store = NewStore(4 * kMiB);
  Fill(store.get(), 4000);
  ExpectNoHarm(store->fd(), kAttempts);
}

TEST(StoreCorruption, ATransactionThatIsOpen) {
  const auto store = NewStore(4 * kMiB);
  Fill(store.get(), 300);
  const Transaction transaction(store.get());
  WriteInTransaction(store.get());
  ExpectNoHarm(store->fd(), 2 * kAttempts);
}

TEST(StoreCorruption, ATransactionThatIsBeingKept) {
  for (const uint64_t state : {layout::kTransactionKept, layout::kTransactionFreeing}) {
    const auto store = NewStore(4 * kMiB);
    Fill(store.get(), 300);
    Open transaction(store.get());
    WriteInTransaction(store.get());
    const auto memory = CopyWhen(
        store.get(), [&] { transaction.Commit(); },
        [&] {
          return store->header()->transaction_state == state &&
                 (state == layout::kTransactionKept || layout::UndoCount(store->header()) < 30);
        });
    ExpectNoHarm(memory->fd(), kAttempts);
  }
}

TEST(StoreCorruption, AStepHalfDone) {
  for (const uint64_t entries : {2u, 12u, 24u}) {
    const auto store = NewStore(4 * kMiB);
    Fill(store.get(), 500);
    const auto memory = CopyWhen(
        store.get(),
        [&] {
          for (uint64_t i = 0; i < 2000; i++) store->Set(Key::FromInteger(i), "more");
        },
        [&] { return layout::JournalCount(store->header()) == entries; });
    ExpectNoHarm(memory->fd(), kAttempts);
  }
}

TEST(StoreCorruption, AStoreThatIsBeingCleared) {
  const auto store = NewStore(kMiB);
  Fill(store.get(), 100);
  const auto memory = CopyWhen(
      store.get(), [&] { store->Clear(); },
      [&] { return store->header()->clearing != 0 && store->used_bytes() == 0; });
  ExpectNoHarm(memory->fd(), kAttempts / 5);
}

// As in table_fault_test.cc: few keys have a large directory.
TEST(StoreCorruption, ALargeDirectoryInTheMiddleOfItsSteps) {
  const auto store = NewStore(256 * kMiB);
  store->header()->first_seed = 0;
  store->header()->first_multiplier = 1;
  store->header()->second_multiplier = (1ull << 40) + 1;
  const TableState* state = reinterpret_cast<const TableState*>(
      reinterpret_cast<const char*>(store->header()) + kTableStateOffset);
  std::mt19937_64 random(1);
  std::vector<uint64_t> keys;
  const auto insert = [&](uint64_t key) {
    keys.push_back(key);
    ASSERT_EQ(store->Set(Key::FromInteger(key), "v"), WriteStatus::kOk);
  };
  const auto insert_crowded = [&] { insert((random() % 1124) << 11 | random() % 2048); };
  for (int i = 0; i < 3000; i++) insert(random() % (1 << 24));
  while (state->next_directory_words < 2000) insert_crowded();
  ExpectNoHarm(store->fd(), kAttempts / 10);

  while (state->next_directory_offset != 0) insert_crowded();
  ASSERT_NE(state->old_directory_offset, 0u);
  ExpectNoHarm(store->fd(), kAttempts / 10);

  std::sort(keys.begin(), keys.end());
  for (const uint64_t stage : {kHalvingWords, kHalvingBlock}) {
    const MemoryCopy before(store->fd());
    std::string error;
    const auto twin = Store::Attach(before.fd(), false, &error);
    ASSERT_NE(twin, nullptr) << error;
    const auto* twin_state = reinterpret_cast<const TableState*>(
        reinterpret_cast<const char*>(twin->header()) + kTableStateOffset);
    const auto memory = CopyWhen(
        twin.get(),
        [&] {
          for (const uint64_t key : keys) {
            if (twin->header()->directory_shift != store->header()->directory_shift) break;
            twin->Delete(Key::FromInteger(key));
          }
        },
        [&] {
          return twin_state->halving == stage &&
                 (stage == kHalvingBlock || twin_state->halved_words == 3000);
        });
    ExpectNoHarm(memory->fd(), kAttempts / 10);
  }
}

// --- What is no store ----------------------------------------------------------------------------

std::string ErrorOf(int fd) {
  std::string error;
  EXPECT_EQ(Store::Attach(fd, true, &error), nullptr);
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  return error;
}

class NoStore : public testing::Test {
 protected:
  // A file of so many random bytes, sealed or not.
  int RandomFile(size_t bytes, bool is_sealed = true) {
    const int fd = memfd_create("no-store", MFD_ALLOW_SEALING);
    std::mt19937_64 random(bytes);
    std::string content(bytes, '\0');
    for (char& byte : content) byte = static_cast<char>(random());
    EXPECT_EQ(write(fd, content.data(), bytes), static_cast<ssize_t>(bytes));
    if (is_sealed) EXPECT_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    files_.push_back(fd);
    return fd;
  }
  // The memory of a store, in a file of another size, with other seals, or with another first word.
  int LikeStore(int64_t more_bytes, bool is_sealed, uint64_t magic = layout::kStoreMagic) {
    const auto store = NewStore(kMiB);
    struct stat status;
    EXPECT_EQ(fstat(store->fd(), &status), 0);
    const int fd = memfd_create("no-store", MFD_ALLOW_SEALING);
    EXPECT_EQ(ftruncate(fd, status.st_size + more_bytes), 0);
    EXPECT_EQ(pwrite(fd, store->header(), 1 << 20, 0), 1 << 20);
    EXPECT_EQ(pwrite(fd, &magic, sizeof magic, 0), 8);
    if (is_sealed) EXPECT_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    files_.push_back(fd);
    return fd;
  }
  void TearDown() override {
    for (const int fd : files_) close(fd);
  }

  std::vector<int> files_;
};

TEST_F(NoStore, AFileThatIsTooShort) {
  for (const size_t bytes : {0u, 1u, 255u, 4095u}) {
    EXPECT_EQ(ErrorOf(RandomFile(bytes)), "not a store: it has no first page to read");
  }
}

TEST_F(NoStore, ADescriptorOfNothing) {
  EXPECT_EQ(ErrorOf(-1), "not a store: it has no first page to read");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(ErrorOf(ends[0]), "not a store: it has no first page to read");
  close(ends[0]);
  close(ends[1]);
  const int folder = open("/", O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(ErrorOf(folder), "not a store: it has no first page to read");
  close(folder);
}

TEST_F(NoStore, RandomBytesAndAnotherVersion) {
  EXPECT_EQ(ErrorOf(RandomFile(1 << 20)).find("not a store of this version: "), 0u);
  EXPECT_EQ(
      ErrorOf(LikeStore(0, true, layout::kStoreMagic - 1)).find("not a store of this version: "),
      0u);
}

TEST_F(NoStore, AFileThatIsShorterThanItsCapacity) {
  for (const int64_t fewer : {int64_t{-1}, int64_t{-4096}, -(int64_t{1} << 22)}) {
    EXPECT_NE(ErrorOf(LikeStore(fewer, true)).find(" chunks do not fit "), std::string::npos);
  }
}

TEST_F(NoStore, ALongerFileIsAStoreAsARaisedQuotaMayHaveLeftIt) {
  for (const int64_t more : {1, 4096, 1 << 22}) {
    std::string error;
    EXPECT_NE(Store::Attach(LikeStore(more, true), true, &error), nullptr) << error;
  }
}

TEST_F(NoStore, AFileThatMayShrink) {
  EXPECT_EQ(ErrorOf(LikeStore(0, false)), "not a store: its file may shrink, as no store's may");
  const auto store = NewStore(kMiB);
  const std::string path = testing::TempDir() + "/no-store-" + std::to_string(getpid());
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  ASSERT_GE(fd, 0);
  unlink(path.c_str());
  struct stat status;
  ASSERT_EQ(fstat(store->fd(), &status), 0);
  ASSERT_EQ(ftruncate(fd, status.st_size), 0);
  ASSERT_EQ(pwrite(fd, store->header(), 1 << 20, 0), 1 << 20);
  EXPECT_EQ(ErrorOf(fd), "not a store: its file may shrink, as no store's may");
  close(fd);
}

TEST_F(NoStore, TheSameMemoryInASealedFileIsOne) {
  std::string error;
  EXPECT_NE(Store::Attach(LikeStore(0, true), true, &error), nullptr) << error;
}

}  // namespace
}  // namespace shredder::store
