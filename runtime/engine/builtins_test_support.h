// Shared by the builtins' tests: keys of every kind, the ways in which V8 may hold them, and a
// model of the store.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {

// JavaScript: `formsOf`, an object of functions that each make a value of V8's own kind out of a
// text, which comes as a sequential string; `forms(s)`, an object of all that there are for `s`.
extern const char kKeyForms[];

// A key of one of many kinds, the same for the same number.
std::string KeyText(uint64_t i);

// Keys at the edges of their kinds.
const std::vector<std::string>& SpecialKeys();

bool IsAscii(std::string_view text);

// The UTF-8 of a text that has a character for each of the bytes.
std::string AsCharacters(std::string_view bytes);

// What a store holds by rights. It is written beside the store; where both are random, from one
// seed.
class StoreModel {
 public:
  // How many keys RandomKey tells apart, special ones left out.
  static constexpr uint64_t kKeys = 40'000;

  StoreModel(store::Store* store, uint64_t seed) : store_(store), random_(seed) {}

  // Random numbers: below `bound`, or any bits.
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  uint64_t Bits() { return random_(); }
  // Mostly below 300 bytes, at times 1 MiB, and at times a text, or that of an integer or nearly
  // one.
  std::string RandomValue();
  // UTF-8: of ASCII, of Latin-1 or of any characters.
  std::string RandomText();
  std::string RandomKey();

  // The value of a key that is there and has not expired, or null.
  const std::string* Get(const std::string& key) const;
  // The model alone is written, as by HTSet and HTDelete.
  void Set(const std::string& key, std::string value);
  // As by HTAdd.
  void SetKeepingExpiry(const std::string& key, std::string value);
  // True where the key was live.
  bool Delete(const std::string& key);
  // As by HTExpire and HTTtl: 0 for never. The time must be after now; the key live.
  void SetExpiresAt(const std::string& key, uint64_t at_ms);
  uint64_t ExpiresAt(const std::string& key) const;
  uint64_t now_ms() const { return now_ms_; }

  // One random write of a key to the model and to the store.
  void WriteToStore(const std::string& key);
  // Moves the clock of both on by less than `bound_ms`.
  void PassTime(uint64_t bound_ms) { store_->SetNow(now_ms_ += Below(bound_ms)); }
  void CompareWithStore(const std::vector<std::string>& keys) const;
  // As above, for every key that the model has ever held and not deleted.
  void CompareAllWithStore() const;

  // A transaction of the model's.
  void Begin() {
    undo_.emplace();
    deleted_.clear();
  }
  void Commit() { undo_.reset(); }
  void Rollback();
  // What was deleted since Begin, though it may be there again.
  const std::unordered_set<std::string>& deleted() const { return deleted_; }

 private:
  struct Expected {
    std::string value;
    uint64_t expires_at_ms;
  };

  std::string RandomDecimal();
  bool Live(const std::string& key) const { return Get(key) != nullptr; }
  void CompareWithStore(const std::string& key) const;
  void RecordUndo(const std::string& key);

  store::Store* store_;
  std::mt19937_64 random_;
  uint64_t now_ms_ = kNowMs;
  std::unordered_map<std::string, Expected> keys_;
  // Within a transaction: what the keys that it wrote were before.
  std::optional<std::unordered_map<std::string, std::optional<Expected>>> undo_;
  std::unordered_set<std::string> deleted_;
};

}  // namespace shredder::engine
