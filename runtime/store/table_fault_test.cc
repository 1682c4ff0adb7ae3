// Growth and shrinking of segments and directory, stopped at each of their fault points: see
// store_sweep.h.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <vector>

#include "runtime/store/fault_sweep.h"
#include "runtime/store/store_sweep.h"

namespace shredder::store {
namespace {

// A store and its twin, which is one operation ahead, so that an operation is known to be of
// interest before it is made.
class Twins {
 public:
  using Operation = std::function<void(Store*)>;

  explicit Twins(std::unique_ptr<Store> (*make)()) : store_(make()), twin_(make()) {}

  Store* store() { return store_.get(); }
  Store* twin() { return twin_.get(); }

  void Do(const Operation& operation) {
    operation(twin_.get());
    operation(store_.get());
  }
  // The same; where `is_of_interest` finds something new in the twin, sweeps over the operation:
  // all its points, or those that `is_looked_at` chooses of so many. Whether it has.
  bool SweepIf(const Operation& operation, const std::function<bool()>& is_of_interest,
               const std::function<bool(uint64_t point, uint64_t points)>& is_looked_at = nullptr) {
    const uint64_t points = AtEachPoint([&] { operation(twin_.get()); }, [](uint64_t) {});
    const bool sweeps = is_of_interest();
    if (sweeps) {
      StoreSweep sweep(store_.get());
      if (is_looked_at) {
        sweep.LookOnlyAt([&](uint64_t point) { return is_looked_at(point, points); });
      }
      EXPECT_EQ(sweep.Change([&] { operation(store_.get()); }), points);
    } else {
      operation(store_.get());
    }
    return sweeps;
  }

 private:
  std::unique_ptr<Store> store_;
  std::unique_ptr<Store> twin_;
};

TableState* StateOf(Store* store) {
  return reinterpret_cast<TableState*>(reinterpret_cast<char*>(store->header()) +
                                       kTableStateOffset);
}
uint64_t DirectoryWords(Store* store) { return 1ull << (64 - store->header()->directory_shift); }
uint64_t PagesOfFirst(Store* store) {
  return layout::SegmentPages(DirectoryWordOf(store->header(), 0));
}

Twins::Operation SetOf(uint64_t key) {
  return [key](Store* store) { store->Set(Key::FromInteger(key), "12345678"); };
}
Twins::Operation DeleteOf(uint64_t key) {
  return [key](Store* store) { store->Delete(Key::FromInteger(key)); };
}

TEST(TableFaultTest, ASegmentGrowsPageByPageAndSplitsAndTheSmallDirectoryDoubles) {
  Twins twins([] { return NewStore(4 * kMiB); });
  std::multiset<std::string> seen;
  StoreEvents before = twins.store()->events();
  for (uint64_t key = 0; seen.count("doubling") < 2 || seen.count("split") < 2; key++) {
    ASSERT_LT(key, 10'000u);
    twins.SweepIf(SetOf(key), [&] {
      const StoreEvents after = twins.twin()->events();
      std::string what;
      if (after.directory_doublings != before.directory_doublings) {
        what = "doubling";
      } else if (after.segment_splits != before.segment_splits) {
        what = "split";
      } else if (after.segment_growths != before.segment_growths) {
        what = "growth to " + std::to_string(PagesOfFirst(twins.twin()));
      }
      before = after;
      if (what.empty() || seen.count(what) == 2) return false;
      seen.insert(what);
      return true;
    });
  }
  for (const char* what : {"growth to 2", "growth to 3", "growth to 4"}) {
    EXPECT_GE(seen.count(what), 1u) << what;
  }
}

TEST(TableFaultTest, SegmentsShrinkAndMergeAndTheSmallDirectoryIsHalved) {
  Twins twins([] { return NewStore(4 * kMiB); });
  constexpr uint64_t kKeys = 3000;
  for (uint64_t key = 0; key < kKeys; key++) twins.Do(SetOf(key));
  ASSERT_GE(DirectoryWords(twins.twin()), 8u);
  std::multiset<std::string> seen;
  uint64_t shrinks = twins.twin()->events().segment_shrinks;
  uint64_t segments = StateOf(twins.twin())->segment_count;
  uint64_t words = DirectoryWords(twins.twin());
  for (uint64_t key = 0; key < kKeys; key++) {
    twins.SweepIf(DeleteOf(key), [&] {
      std::string what;
      if (DirectoryWords(twins.twin()) != words) {
        what = "halving";
      } else if (StateOf(twins.twin())->segment_count != segments) {
        what = "merge";
      } else if (twins.twin()->events().segment_shrinks != shrinks) {
        what = "shrink";
      }
      words = DirectoryWords(twins.twin());
      segments = StateOf(twins.twin())->segment_count;
      shrinks = twins.twin()->events().segment_shrinks;
      if (what.empty() || seen.count(what) == 2) return false;
      seen.insert(what);
      return true;
    });
  }
  EXPECT_EQ(words, 2u);
  for (const char* what : {"halving", "merge", "shrink"}) EXPECT_GE(seen.count(what), 2u) << what;
}

// What a transaction has emptied shrinks when it has ended.
TEST(TableFaultTest, ASegmentShrinksWhenATransactionEnds) {
  for (const bool is_kept : {true, false}) {
    const auto store = NewStore(4 * kMiB);
    store->header()->first_seed = 0;
    store->header()->first_multiplier = 1;
    store->header()->second_multiplier = 1;  // the hash is the key
    // With these, which have one home, a segment grows to four pages.
    constexpr uint64_t kKeys = 40;
    const uint64_t before = is_kept ? kKeys : 4;
    for (uint64_t key = 0; key < before; key++) SetOf(key)(store.get());
    StoreSweep sweep(store.get());
    Open transaction(store.get());
    for (uint64_t key = 4; key < kKeys; key++) (is_kept ? DeleteOf(key) : SetOf(key))(store.get());
    ASSERT_EQ(PagesOfFirst(store.get()), 4u);
    sweep.Change([&] { is_kept ? transaction.Commit() : transaction.Rollback(); });
    EXPECT_EQ(PagesOfFirst(store.get()), 1u);
  }
}

// --- A directory so large that it is doubled in steps, and halved where it lies
// -------------------

class LargeDirectoryFaultTest : public testing::Test {
 protected:
  static constexpr int kDepth = 13;
  static constexpr uint64_t kWords = 1 << kDepth;

  LargeDirectoryFaultTest() : twins_(&Make) {
    // Some everywhere, so that segments have two halves to split into.
    for (int i = 0; i < 3000; i++) Insert(random_() % (1 << 24));
  }

  // The hash's upper bits are the key's lower 24, and its lower bits are those themselves: few keys
  // of one upper half crowd their segment, so that it splits.
  static std::unique_ptr<Store> Make() {
    auto store = NewStore(256 * kMiB);
    store->header()->first_seed = 0;
    store->header()->first_multiplier = 1;
    store->header()->second_multiplier = (1ull << 40) + 1;
    return store;
  }

  void Insert(uint64_t key) {
    keys_.push_back(key);
    twins_.Do(SetOf(key));
  }
  // A key of the first so many words of the directory of kWords.
  uint64_t KeyWithin(uint64_t words) {
    return (random_() % words) << (24 - kDepth) | random_() % (1 << (24 - kDepth));
  }
  // Makes the operation, which `name` names where it is one of those to be swept over: twice each.
  void Do(
      const Twins::Operation& operation,
      const std::function<std::string(const TableState& before, const TableState& after)>& name) {
    const TableState before = *StateOf(twins_.twin());
    twins_.SweepIf(
        operation,
        [&] {
          const std::string what = name(before, *StateOf(twins_.twin()));
          return !what.empty() && swept_[what]++ < 2;
        },
        &IsLookedAt);
  }
  // A check of so many keys takes tens of milliseconds; and a halving has a point for each word.
  static bool IsLookedAt(uint64_t point, uint64_t points) {
    static const bool all = std::getenv("SHREDDER_TEST_ALL_POINTS") != nullptr;
    if (points > 1000 && point > 30 && point + 100 < points) return point % (all ? 101 : 3001) == 0;
    return all || point % 6 == points % 6;
  }
  void ExpectSwept(std::initializer_list<const char*> names) {
    for (const char* name : names) EXPECT_GT(swept_[name], 0u) << name;
  }

  std::mt19937_64 random_{1};
  Twins twins_;
  std::vector<uint64_t> keys_;
  std::map<std::string, uint64_t> swept_;
};

bool HasOld(const TableState& state) { return state.old_directory_offset != 0; }
bool HasNext(const TableState& state) { return state.next_directory_offset != 0; }

TEST_F(LargeDirectoryFaultTest, IsPreparedInStepsPublishedRetiredAndHalvedWhereItLies) {
  // Enough of the directory that so many segments have the greatest depth that the next is begun.
  constexpr uint64_t kCrowdedWords = kWords / 8 + 100;
  while (swept_["freeing the old one"] == 0) {
    ASSERT_LT(keys_.size(), 100'000u);
    keys_.push_back(KeyWithin(kCrowdedWords));
    Do(SetOf(keys_.back()), [](const TableState& before, const TableState& after) {
      if (!HasNext(before) && HasNext(after)) return "beginning the next one";
      if (!HasOld(before) && HasOld(after)) return "publishing the next one";
      if (HasOld(before) && !HasOld(after)) return "freeing the old one";
      if (after.next_directory_words > kCrowdedWords &&
          after.segment_splits > before.segment_splits) {
        return "a split in the part that is filled";
      }
      return after.next_directory_words > before.next_directory_words ? "filling the next one" : "";
    });
  }
  EXPECT_EQ(DirectoryWords(twins_.store()), 2 * kWords);
  ExpectSwept({"beginning the next one", "filling the next one", "publishing the next one",
               "a split in the part that is filled"});

  std::sort(keys_.begin(), keys_.end());
  for (size_t i = 0; i < keys_.size() && swept_["halving"] == 0; i++) {
    const Store* twin = twins_.twin();
    const uint64_t shift = twin->header()->directory_shift;
    Do(DeleteOf(keys_[i]), [&](const TableState&, const TableState&) {
      return twin->header()->directory_shift != shift ? "halving" : "";
    });
  }
  EXPECT_EQ(DirectoryWords(twins_.store()), kWords);
}

TEST_F(LargeDirectoryFaultTest, ItsNextOneIsGivenUpWhenItsKeysGo) {
  constexpr uint64_t kCrowdedWords = kWords / 8 + 100;
  const auto nothing = [](const TableState&, const TableState&) { return ""; };
  while (StateOf(twins_.store())->next_directory_words < kCrowdedWords) {
    ASSERT_LT(keys_.size(), 100'000u);
    keys_.push_back(KeyWithin(kCrowdedWords));
    Do(SetOf(keys_.back()), nothing);
  }
  std::sort(keys_.begin(), keys_.end());
  for (const uint64_t key : keys_) {
    Do(DeleteOf(key), [](const TableState& before, const TableState& after) {
      if (HasNext(before) && !HasNext(after)) return "giving it up";
      if (HasNext(after) && after.segment_count < before.segment_count) {
        return "a merge in the part that is filled";
      }
      if (after.old_directory_chunks < before.old_directory_chunks) return "discarding a chunk";
      return "";
    });
  }
  ExpectSwept({"a merge in the part that is filled", "giving it up", "discarding a chunk"});
}

TEST_F(LargeDirectoryFaultTest, ItDoublesAtOnceWhereKeysCrowd) {
  while (swept_["doubling"] == 0) {
    ASSERT_LT(keys_.size(), 100'000u);
    keys_.push_back(KeyWithin(kWords / 16));
    Do(SetOf(keys_.back()), [](const TableState& before, const TableState& after) {
      return HasOld(after) && !HasOld(before) ? "doubling" : "";
    });
  }
  EXPECT_EQ(DirectoryWords(twins_.store()), 2 * kWords);
}

}  // namespace
}  // namespace shredder::store
