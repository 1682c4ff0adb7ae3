// Processes that work on a store are killed at random, one after the other, on the same memory.
// After each, the store attaches with all checks, and holds what a model does after the operations
// that were acknowledged, or after one more. Some begin in a pool's slot, and send the descriptor
// of their own memory when they outgrow it.
//
//   SHREDDER_TEST_KILLS=N    so many kills, in place of kKills
//   SHREDDER_TEST_SEED=N     other operations; when a process is killed depends on the machine
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <unordered_map>
#include <vector>

#include "runtime/store/store_test_support.h"

namespace shredder::store {
namespace {

constexpr uint64_t kKills = 300;
constexpr uint64_t kKillsOfAStore = 20;
constexpr uint64_t kMostAwaited = 8000;  // operations before a kill

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Splitmix64: cheap to begin anew for each operation, which is known by its number alone.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  uint64_t Below(uint64_t bound) { return Next() % bound; }

 private:
  uint64_t state_;
};

// --- What a process tells ------------------------------------------------------------------------

enum class Phase : uint32_t { kBegins, kAttaches, kWorks };

// In memory that the processes share.
struct Progress {
  static constexpr uint64_t kMaxOutcomes = 1 << 20;

  std::atomic<Phase> phase;
  std::atomic<uint64_t> begun;  // operations
  std::atomic<uint64_t> acknowledged;
  std::atomic<uint64_t> outcome_count;
  uint8_t was_made[kMaxOutcomes];  // of each write that may be refused, in order
};

// --- Operations ----------------------------------------------------------------------------------

struct Profile {
  uint64_t quota_bytes;
  uint64_t key_space;
  uint64_t max_value_bytes;
  bool changes_quota = false;
  // Begins in a slot, with a value of so many bytes; moves when it should, or only when it must.
  uint64_t bytes_in_slot = 0;
  bool moves_late = false;
};

constexpr Profile kProfiles[] = {
    {kMiB, 3000, 400},
    {8 * kMiB, 60'000, 60},
    {200 * kMiB, 3000, 4000, false, 15 * kMiB},
    {8 * kMiB, 40, kMiB},
    {2 * kMiB, 9000, 2000, true},
    {kMiB, 60, 60'000},
    {200 * kMiB, 400, 100'000, false, 75 * kMiB, true},
    {2 * kMiB, 20'000, 30},
    {40 * kMiB, 8, 10 * kMiB},
    {48 * kMiB, 2000, 20'000, true, 15 * kMiB},
};

// Makes the operations of a store, by their numbers, on the store itself or on the model.
class Operations {
 public:
  Operations(const Profile& profile, uint64_t seed) : profile_(profile), seed_(seed) {}

  template <typename Target>
  void Make(uint64_t number, Target* target) const {
    Random random(seed_ + number);
    // In turns, more is written and more is deleted.
    const bool grows = number / (2 * profile_.key_space + 500) % 2 == 0;
    switch (random.Below(100)) {
      case 0:
        return target->AdvanceClock(random.Below(40));
      case 1:
        return target->Reap(random.Below(2000), random.Below(50));
      case 2:
        if (random.Below(60) == 0) target->Clear();
        return;
      case 3:
        if (profile_.changes_quota && random.Below(10) == 0) {
          return target->SetQuota(
              std::max(kMiB, profile_.quota_bytes / 2 + random.Below(3 * profile_.quota_bytes)));
        }
        return MakeTransaction(&random, grows, target);
      case 4:
      case 5:
      case 6:
      case 7:
        return MakeTransaction(&random, grows, target);
      default:
        return Write(&random, grows, target);
    }
  }

 private:
  std::string KeyFrom(Random* random) const {
    const uint64_t i = random->Below(profile_.key_space);
    if (i % 3 != 0) return std::to_string(i);
    return std::string(i % 29, 'k') + ":" + std::to_string(i);
  }

  std::string ValueFrom(Random* random) const {
    // Short ones mostly.
    const uint64_t most = std::max<uint64_t>(16, profile_.max_value_bytes >> random->Below(8));
    std::string value(random->Below(most + 1), static_cast<char>(random->Next()));
    const uint64_t mark = random->Next();
    if (value.size() >= sizeof mark) std::memcpy(value.data(), &mark, sizeof mark);
    return value;
  }

  template <typename Target>
  void Write(Random* random, bool grows, Target* target) const {
    const std::string key = KeyFrom(random);
    const uint64_t kind = random->Below(100);
    if (kind < (grows ? 25u : 60u)) return target->Delete(key);
    if (kind < 66) {
      Expiry expiry = Expiry::None();
      if (random->Below(4) == 0) expiry = Expiry::At(target->now_ms() + random->Below(300));
      if (random->Below(4) == 0) expiry = Expiry::Keep();
      return target->Set(key, ValueFrom(random), expiry);
    }
    if (kind < 84) return target->Append(key, ValueFrom(random).substr(0, 5000));
    const uint64_t at = random->Below(3) == 0 ? 0 : target->now_ms() - 3 + random->Below(300);
    target->SetExpiresAt(key, at);
  }

  // A transaction with savepoints in savepoints; now and then a long one.
  template <typename Target>
  void MakeTransaction(Random* random, bool grows, Target* target) const {
    const bool is_invocation = random->Below(3) == 0;
    if (is_invocation) target->BeginInvocation(random->Below(2) == 0);
    int depth = 1;
    target->Begin();
    uint64_t writes = 1 + random->Below(random->Below(20) == 0 ? 1000 : 20);
    for (; writes > 0; writes--) {
      switch (random->Below(16)) {
        case 0:
          if (depth == 4) break;
          depth++;
          target->Begin();
          break;
        case 1:
          if (depth == 1) break;
          depth--;
          target->End(random->Below(2) == 0);
          break;
        case 2:
          if (random->Below(200) == 0) target->Clear();
          break;
        default:
          Write(random, grows, target);
      }
    }
    for (; depth > 0; depth--) target->End(random->Below(5) != 0);
    if (is_invocation) target->EndInvocation();
  }

  const Profile profile_;
  const uint64_t seed_;
};

// The store, whose refusals are told as they come.
class StoreTarget {
 public:
  StoreTarget(Store* store, Progress* progress) : store_(store), progress_(progress) {}

  uint64_t now_ms() const { return store_->now_ms(); }
  void AdvanceClock(uint64_t ms) { store_->SetNow(store_->now_ms() + ms); }
  void Reap(uint64_t visits, uint64_t removals) { store_->ReapExpired(visits, removals); }
  void Clear() { store_->Clear(); }
  void SetQuota(uint64_t bytes) {
    std::string error;
    EXPECT_TRUE(store_->SetQuota(bytes, &error)) << error;
  }
  void Delete(const std::string& key) { store_->Delete(KeyOf(key)); }
  void Set(const std::string& key, const std::string& value, Expiry expiry) {
    Tell(store_->Set(KeyOf(key), value, expiry) == WriteStatus::kOk);
  }
  void Append(const std::string& key, const std::string& bytes) {
    Tell(store_->Append(KeyOf(key), bytes) == WriteStatus::kOk);
  }
  void SetExpiresAt(const std::string& key, uint64_t unix_ms) {
    Tell(store_->SetExpiresAt(KeyOf(key), unix_ms) != ExpiryStatus::kOutOfMemory);
  }
  void Begin() { transactions_.push_back(std::make_unique<Transaction>(store_)); }
  void End(bool is_kept) {
    if (is_kept) transactions_.back()->Commit();
    transactions_.pop_back();
  }
  void BeginInvocation(bool has_view) {
    store_->BeginInvocation(true);
    if (has_view) store_->header()->view_invocation = store_->header()->invocation;
  }
  void EndInvocation() { store_->EndInvocation(); }

 private:
  void Tell(bool was_made) {
    const uint64_t count = progress_->outcome_count;
    progress_->was_made[count] = was_made;
    progress_->outcome_count = count + 1;
  }

  Store* const store_;
  Progress* const progress_;
  std::vector<std::unique_ptr<Transaction>> transactions_;
};

// What the store should hold, refused being what the store has told.
class Model {
 public:
  uint64_t now_ms() const { return now_ms_; }
  void AdvanceClock(uint64_t ms) { now_ms_ += ms; }
  void Reap(uint64_t, uint64_t) {}
  void SetQuota(uint64_t) {}
  void Put(const std::string& key, const std::string& value) { keys_[key] = {value, 0}; }
  void Clear() {
    if (marks_.empty()) return keys_.clear();
    while (!keys_.empty()) Change(keys_.begin()->first, std::nullopt);
  }
  void Delete(const std::string& key) { Change(key, std::nullopt); }
  void Set(const std::string& key, const std::string& value, Expiry expiry) {
    if (!WasMade()) return;
    uint64_t at = expiry.kind == Expiry::Kind::kAt ? expiry.at_ms : 0;
    const Visible* old = Live(key);
    if (expiry.kind == Expiry::Kind::kKeep && old != nullptr) at = old->expires_at_ms;
    Change(key, Visible{value, at});
  }
  void Append(const std::string& key, const std::string& bytes) {
    if (!WasMade()) return;
    Visible content = Live(key) != nullptr ? *Live(key) : Visible{"", 0};
    content.value += bytes;
    Change(key, std::move(content));
  }
  void SetExpiresAt(const std::string& key, uint64_t unix_ms) {
    if (!WasMade() || Live(key) == nullptr) return;
    if (unix_ms != 0 && unix_ms <= now_ms_) return Change(key, std::nullopt);
    Visible content = *Live(key);
    content.expires_at_ms = unix_ms;
    Change(key, std::move(content));
  }
  void Begin() {
    if (marks_.empty()) undo_.clear();
    marks_.push_back(undo_.size());
    is_transaction_ = true;
  }
  void End(bool is_kept) {
    if (!is_kept) {
      for (; undo_.size() > marks_.back(); undo_.pop_back()) {
        auto& [key, content] = undo_.back();
        if (content) {
          keys_[key] = std::move(*content);
        } else {
          keys_.erase(key);
        }
      }
    }
    marks_.pop_back();
  }
  void BeginInvocation(bool) {}
  void EndInvocation() {}

  // Of the next operation: where the outcomes are read from.
  void Read(const Progress* progress, uint64_t first_outcome) {
    progress_ = progress;
    next_outcome_ = first_outcome;
    is_transaction_ = false;
    lacks_outcomes_ = false;
  }
  uint64_t next_outcome() const { return next_outcome_; }
  // Whether the operation may have been kept, though it was not acknowledged: a transaction is kept
  // only after all its writes have told their outcome.
  bool may_be_kept() const { return !is_transaction_ || !lacks_outcomes_; }

  // The first difference, or nothing.
  std::string CompareWith(const Store& store) const {
    if (store.now_ms() != now_ms_) return "another clock";
    uint64_t live = 0;
    for (const auto& [key, content] : keys_) live += !IsExpired(content);
    uint64_t found = 0;
    std::string difference;
    uint64_t cursor = 0;
    do {
      cursor = store.Scan(cursor, 1000, [&](std::string_view name) {
        found++;
        const Visible* expected = Live(std::string(name));
        if (expected == nullptr) {
          difference = "a key too much: " + std::string(name);
        } else if (*store.Get(KeyOf(name)) != expected->value) {
          difference = "another value of " + std::string(name);
        } else if (*store.ExpiresAt(KeyOf(name)) != expected->expires_at_ms) {
          difference = "another expiry of " + std::string(name);
        }
      });
    } while (cursor != 0);
    if (difference.empty() && found != live) {
      difference = std::to_string(found) + " keys, not " + std::to_string(live);
    }
    return difference;
  }

 private:
  bool IsExpired(const Visible& content) const {
    return content.expires_at_ms != 0 && content.expires_at_ms <= now_ms_;
  }
  const Visible* Live(const std::string& key) const {
    const auto found = keys_.find(key);
    return found == keys_.end() || IsExpired(found->second) ? nullptr : &found->second;
  }
  bool WasMade() {
    if (next_outcome_ < progress_->outcome_count) return progress_->was_made[next_outcome_++];
    lacks_outcomes_ = true;
    return true;
  }
  void Change(const std::string& key, std::optional<Visible> content) {
    const auto found = keys_.find(key);
    if (!marks_.empty()) {
      undo_.emplace_back(key, found == keys_.end() ? std::nullopt : std::optional(found->second));
    }
    if (content) {
      keys_[key] = std::move(*content);
    } else if (found != keys_.end()) {
      keys_.erase(found);
    }
  }

  std::unordered_map<std::string, Visible> keys_;
  uint64_t now_ms_ = 1000;
  std::vector<std::pair<std::string, std::optional<Visible>>> undo_;
  std::vector<size_t> marks_;
  const Progress* progress_ = nullptr;
  uint64_t next_outcome_ = 0;
  bool is_transaction_ = false;
  bool lacks_outcomes_ = false;
};

// --- Processes -----------------------------------------------------------------------------------

constexpr int kFailed = 3;

// The descriptor, to who keeps memory for the next process.
bool SendDescriptor(int socket, int fd) {
  char byte = 0;
  iovec data = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  return sendmsg(socket, &message, 0) == 1;
}

// The one that was sent, or -1.
int ReceiveDescriptor(int socket) {
  char byte = 0;
  iovec data = {&byte, 1};
  int fd = -1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(socket, &message, MSG_DONTWAIT) != 1) return -1;
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

class SendingOwner : public MemoryOwner {
 public:
  explicit SendingOwner(int socket) : socket_(socket) {}
  bool OnNewMemory(int fd) override { return SendDescriptor(socket_, fd); }
  void OnNewBase() override {}

 private:
  const int socket_;
};

// Where a store is: in the first slot of the pool that the file is, or the file.
struct Home {
  int fd;
  bool is_pool;
};

struct Attached {
  std::unique_ptr<StorePool> pool;
  std::unique_ptr<Store> store;
};

Attached Attach(const Home& home, bool check_everything, std::string* error) {
  Attached found;
  if (!home.is_pool) {
    found.store = Store::Attach(home.fd, check_everything, error);
    return found;
  }
  found.pool = StorePool::Attach(home.fd, error);
  if (found.pool) found.store = Store::Attach(*found.pool, 0, check_everything, error);
  return found;
}

// Attaches the memory; then makes operations until it is killed, or ends at once.
[[noreturn]] void RunProcess(const Home& home, int socket, const Operations& operations,
                             uint64_t first, bool works, bool moves_late, Progress* progress) {
  std::string error;
  progress->phase = Phase::kAttaches;
  const Attached attached = Attach(home, false, &error);
  Store* const store = attached.store.get();
  if (store == nullptr) {
    std::fprintf(stderr, "%s\n", error.c_str());
    _exit(kFailed);
  }
  if (!works) _exit(0);
  SendingOwner owner(socket);
  store->SetMemoryOwner(&owner);
  progress->phase = Phase::kWorks;
  StoreTarget target(store, progress);
  for (uint64_t i = first; progress->outcome_count + 2000 < Progress::kMaxOutcomes; i++) {
    if (!moves_late && store->NeedsOwnMemory() && !store->MoveToOwnMemory(&error)) {
      std::fprintf(stderr, "%s\n", error.c_str());
      _exit(kFailed);
    }
    progress->begun = i + 1;
    operations.Make(i, &target);
    progress->acknowledged = i + 1;
    if (testing::Test::HasFailure()) _exit(kFailed);
  }
  for (;;) pause();
}

void WaitFor(std::chrono::nanoseconds time) {
  // A sleep takes 50 us at least.
  if (time > std::chrono::microseconds(200)) {
    const timespec sleep = {0, time.count()};
    nanosleep(&sleep, nullptr);
    return;
  }
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// What the memory says of itself before it is attached.
struct Seen {
  uint64_t kills = 0;
  uint64_t in_an_operation = 0;
  uint64_t in_a_step = 0;
  uint64_t in_a_transaction = 0;
  uint64_t while_keeping = 0;
  uint64_t while_clearing = 0;
  uint64_t while_attaching = 0;
  uint64_t kept_unacknowledged = 0;
  uint64_t operations = 0;
  uint64_t moves = 0;

  // At a pool's first slot as at a store's own memory.
  void Look(int fd) {
    layout::StoreHeader header;
    ASSERT_EQ(pread(fd, &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
    in_a_step += layout::JournalCount(&header) != 0;
    in_a_transaction += header.transaction_state == layout::kTransactionOpen;
    while_keeping += header.transaction_state > layout::kTransactionOpen;
    while_clearing += header.clearing != 0;
  }
  void Print() const {
    std::printf(
        "%" PRIu64 " kills, %" PRIu64 " operations acknowledged; killed in an operation %" PRIu64
        ", in a step %" PRIu64 ", in a transaction %" PRIu64 ", while it was kept %" PRIu64
        ", while clearing %" PRIu64 ", while attaching %" PRIu64
        "; kept, but not acknowledged %" PRIu64 "; moves to memory of its own %" PRIu64 "\n",
        kills, operations, in_an_operation, in_a_step, in_a_transaction, while_keeping,
        while_clearing, while_attaching, kept_unacknowledged, moves);
  }
};

// One store, and the processes that work on it.
class KilledStore {
 public:
  KilledStore(const Profile& profile, uint64_t seed, Progress* progress, Seen* seen)
      : profile_(profile),
        operations_(profile, seed),
        random_(seed),
        progress_(progress),
        seen_(seen) {
    const bool is_pooled = profile.bytes_in_slot > 0;
    const auto pool = is_pooled ? NewPool(1) : nullptr;
    const auto store = is_pooled ? NewStore(pool.get(), 0, profile.quota_bytes, seed)
                                 : NewStore(profile.quota_bytes, seed);
    store->SetNow(model_.now_ms());
    if (is_pooled) {
      const std::string value(profile.bytes_in_slot, 's');
      EXPECT_EQ(store->Set(KeyOf("in the slot"), value), WriteStatus::kOk);
      model_.Put("in the slot", value);
    }
    home_ = {dup(is_pooled ? pool->fd() : store->fd()), is_pooled};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets_), 0);
  }
  ~KilledStore() {
    for (const int fd : {home_.fd, sockets_[0], sockets_[1]}) close(fd);
  }
  KilledStore(const KilledStore&) = delete;
  KilledStore& operator=(const KilledStore&) = delete;

  // False after a failure.
  bool KillOne() {
    new (progress_) Progress;
    progress_->begun = progress_->acknowledged = next_;
    progress_->outcome_count = 0;
    progress_->phase = Phase::kBegins;
    // A move takes longer, and comes after many operations: however busy the machine is, some of
    // the processes get so far.
    const bool is_pooled = profile_.bytes_in_slot > 0;
    const uint64_t least = is_pooled && random_.Below(2) == 0 ? random_.Below(kMostAwaited) : 0;
    const auto most = std::chrono::microseconds(100 << random_.Below(is_pooled ? 11 : 6));
    Kill(true, least, most * random_.Below(1000) / 1000);
    seen_->kills++;
    seen_->in_an_operation += progress_->begun > progress_->acknowledged;
    if (const int fd = ReceiveDescriptor(sockets_[0]); fd >= 0) {
      seen_->moves++;
      close(home_.fd);
      home_ = {fd, false};
    }
    seen_->Look(home_.fd);
    // Some die of putting it in order.
    while (random_.Below(3) == 0) {
      progress_->phase = Phase::kBegins;
      seen_->while_attaching += Kill(false, 0, std::chrono::microseconds(random_.Below(30)));
    }
    if (!testing::Test::HasFailure()) Compare();
    return !testing::Test::HasFailure();
  }

 private:
  // Starts a process and kills it, some time after it has attached the memory and made so many
  // operations at least, or after it has begun to attach it. Whether that ended it.
  bool Kill(bool works, uint64_t least_operations, std::chrono::nanoseconds after) {
    const pid_t child = fork();
    if (child == 0)
      RunProcess(home_, sockets_[1], operations_, next_, works, profile_.moves_late, progress_);
    const Phase awaited = works ? Phase::kWorks : Phase::kAttaches;
    int status = 0;
    bool has_ended = false;
    while ((progress_->phase != awaited || progress_->begun < next_ + least_operations) &&
           !has_ended) {
      has_ended = waitpid(child, &status, WNOHANG) == child;
    }
    if (!has_ended) {
      WaitFor(after);
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
    }
    const bool is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    const bool has_attached = !works && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    EXPECT_TRUE(is_killed || has_attached) << "a process ended by itself, with status " << status;
    return is_killed;
  }

  void Compare() {
    uint64_t outcome = 0;
    const auto make_next = [&] {
      model_.Read(progress_, outcome);
      operations_.Make(next_++, &model_);
      outcome = model_.next_outcome();
    };
    const uint64_t acknowledged = progress_->acknowledged;
    seen_->operations += acknowledged - next_;
    while (next_ < acknowledged) make_next();

    std::string error;
    const Attached attached = Attach(home_, true, &error);
    const Store* const store = attached.store.get();
    ASSERT_NE(store, nullptr) << error << ", " << Where();
    std::string difference = model_.CompareWith(*store);
    if (difference.empty()) return;
    ASSERT_GT(progress_->begun, acknowledged) << difference << ", " << Where();
    make_next();
    ASSERT_TRUE(model_.may_be_kept()) << difference << ", " << Where();
    ASSERT_EQ(model_.CompareWith(*store), "")
        << "before the last one: " << difference << ", " << Where();
    seen_->kept_unacknowledged++;
  }

  std::string Where() const {
    return "kill " + std::to_string(seen_->kills) + ", operation " + std::to_string(next_);
  }

  const Profile profile_;
  const Operations operations_;
  Random random_;
  Progress* const progress_;
  Seen* const seen_;
  Model model_;
  Home home_ = {};
  int sockets_[2];
  uint64_t next_ = 0;  // operation
};

TEST(StoreKill, NothingAcknowledgedIsLostAndNothingUnfinishedStays) {
  const uint64_t kills = NumberFrom("SHREDDER_TEST_KILLS", kKills);
  const uint64_t first_seed = NumberFrom("SHREDDER_TEST_SEED", 1);
  void* shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  Seen seen;
  // A machine that is very busy gives most processes no time to get far: more are killed then.
  const auto goes_on = [&] {
    const bool has_seen_all = seen.in_an_operation > 0 && seen.moves > 0;
    return seen.kills < (has_seen_all ? kills : 20 * kills);
  };
  for (uint64_t stores = 0; goes_on(); stores++) {
    const Profile& profile = kProfiles[stores % std::size(kProfiles)];
    const uint64_t seed = (first_seed << 32) + (stores << 20);
    KilledStore store(profile, seed, static_cast<Progress*>(shared), &seen);
    for (uint64_t i = 0; i < kKillsOfAStore && goes_on(); i++) {
      if (!store.KillOne()) {
        FAIL() << "store " << stores << " of seed " << first_seed;
      }
    }
  }
  seen.Print();
  EXPECT_GT(seen.in_an_operation, 0u);
  EXPECT_GT(seen.moves, 0u);
  munmap(shared, sizeof(Progress));
}

}  // namespace
}  // namespace shredder::store
