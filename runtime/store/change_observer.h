// The one place that sees every change of a store that is kept, whoever made it: commands, the
// builtins' writes, expiry, FLUSHALL.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shredder::store {

// What became of a key. The bytes are the store's, valid during the call.
struct Change {
  std::string_view key;                   // an integer's decimal form
  std::optional<std::string_view> value;  // nothing where the key is gone
  uint64_t expires_at_ms;                 // Unix time; 0 = no expiry
};

// Called on the shard's thread while a transaction is being kept: after its last write, before its
// end, when it can no longer be refused. May read the store, and must not write it.
class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;
  // Each key that the transaction has changed, as it leaves it, in the order of the changes; a key
  // that savepoints lie between may come more than once, the same each time.
  virtual void OnChange(const Change& change) = 0;
  // All keys go.
  virtual void OnClear() = 0;
};

}  // namespace shredder::store
