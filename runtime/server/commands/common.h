// What the handlers of several families need: arguments, lookups, and the replies that Redis words
// in one way.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "builtins-csa/layout/key.h"
#include "runtime/server/command.h"
#include "runtime/store/store.h"

namespace shredder::server {

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kStringTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

// What one command may reply at most: a bound on what it buffers, since a short request may name
// large values many times.
inline constexpr size_t kMaxReplyBytes = 512ull << 20;
void ReplyTooLong(resp::ReplyWriter& reply);

// Watches over a reply that is made piece by piece.
class ReplyBound {
 public:
  explicit ReplyBound(resp::ReplyWriter& reply) : reply_(reply), start_(reply.out().size()) {}

  // True where the reply has become too long; it has then been replaced by an error.
  bool Exceeded();

 private:
  resp::ReplyWriter& reply_;
  const size_t start_;
};

// Argument `i` as a key. The dispatcher has checked the length of the arguments that the table
// calls keys.
inline store::Key KeyAt(const Request& request, size_t i) {
  return *store::Key::FromBytes(request.args[i]);
}

// The value at `key`, counted as a hit or a miss.
std::optional<std::string_view> Lookup(const Request& request, const store::Key& key);

// Reads argument `i` as an integer, or replies kNotAnInteger.
bool ReadInteger(const Request& request, size_t i, int64_t* value);

// True where the write was made; replies the error where it was not.
bool Succeeded(store::WriteStatus status, resp::ReplyWriter& reply);
// The same for an expiry; an absent key is no error.
bool Succeeded(store::ExpiryStatus status, resp::ReplyWriter& reply);

// A point in time as a client gives it, for EX, PXAT, EXPIRE and the like.
struct TimeUnit {
  bool seconds;   // else milliseconds
  bool absolute;  // since the Unix epoch; else from now on
};

// The Unix time in ms that argument `i` stands for, which may be in the past; or replies
// kNotAnInteger, or "invalid expire time" where it is out of range, or, with `positive`, not above
// 0.
bool ReadTime(const Request& request, size_t i, TimeUnit unit, bool positive, int64_t* unix_ms);

// The expiry that a store takes for a time that may be in the past, even before the epoch.
inline uint64_t ToExpiry(int64_t unix_ms) {
  return unix_ms > 0 ? static_cast<uint64_t>(unix_ms) : 1;
}

}  // namespace shredder::server
