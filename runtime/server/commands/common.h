// What the handlers of several families need: arguments, lookups, and the replies that Redis words
// in one way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "builtins-csa/layout/key.h"
#include "runtime/config/config.h"
#include "runtime/resp/glob.h"
#include "runtime/server/command.h"
#include "runtime/server/session.h"
#include "runtime/store/store.h"

namespace shredder::server {

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kStringTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";

// What one command of the tenant may reply at most: a bound on what it buffers, since a short
// request may name large values many times.
size_t MaxReplyBytes(const Request& request);
void ReplyTooLong(Request& request);

// What a command that gives up for it replies.
inline constexpr std::string_view kShuttingDown = "ERR the server is shutting down";

// Watches over a reply that is made piece by piece, in a loop whose rounds are steps
// (Session::Step).
class LongReply {
 public:
  explicit LongReply(Request& request) : request_(request), start_(request.reply.out().size()) {}

  // False where the reply has become too long, or the server is stopping; an error has then taken
  // its place.
  bool GoesOn(uint64_t steps = 1);
  // The same before so many bytes are appended.
  bool HasRoomFor(size_t bytes);

 private:
  Request& request_;
  const size_t start_;
};

// After each round of a loop over arguments, of which a request may have a million. False, with
// the error replied, where the server is stopping.
inline bool GoesOn(Request& request) {
  if (request.session.Step()) return true;
  request.reply.Error(kShuttingDown);
  return false;
}

// As much as is copied between two looks at whether a turn is due, and how much is a step of it: to
// memory that is not there yet, for which the kernel takes 10 us and more a page.
inline constexpr size_t kPieceBytes = 256 << 10;
inline constexpr size_t kBytesPerStep = 256;

// Whether appending so many bytes takes no piece's time.
inline bool IsQuick(const std::string& out, size_t bytes) {
  return bytes < kPieceBytes && (out.size() < kPieceBytes || bytes <= out.capacity() - out.size());
}
// Appends to a reply, or to a part of it that is kept elsewhere, in pieces.
void AppendInPieces(Request& request, std::string* out, std::string_view bytes);
// Before something short is appended to a reply that may be long: makes room in pieces, as a string
// that grows by itself copies all that it has at once.
void ReserveSlack(Request& request, std::string* out);
// Makes room for so many bytes in all.
void ReserveInPieces(Request& request, std::string* out, size_t bytes);
// Frees what the string takes.
void FreeInPieces(Request& request, std::string* bytes);
// Replies a bulk string of any length; `out` may be a part of the reply that is kept elsewhere.
void ReplyLongBulk(Request& request, std::string* out, std::string_view bytes);
inline void ReplyBulk(Request& request, std::string* out, std::string_view bytes) {
  constexpr size_t kMostFraming = 32;
  if (IsQuick(*out, bytes.size() + kMostFraming)) [[likely]] {
    resp::ReplyWriter(out, request.reply.protocol()).Bulk(bytes);
  } else {
    ReplyLongBulk(request, out, bytes);
  }
}
// The same, of a value of the tenant's, as a reply that the caller does not count otherwise. False
// where it is too long, and an error is replied.
inline bool ReplyBulk(Request& request, std::string_view bytes) {
  if (bytes.size() >= config::kMinMaxReplyBytes && bytes.size() > MaxReplyBytes(request))
      [[unlikely]] {
    ReplyTooLong(request);
    return false;
  }
  ReplyBulk(request, &request.reply.out(), bytes);
  return true;
}

// Replies a part of the value of a key, which Lookup has found; a large one from where it lies.
// False as ReplyBulk.
inline bool ReplyValue(Request& request, const store::Key& key, std::string_view part,
                       size_t offset) {
  return (part.size() >= store::Store::kMinPinnedBytes && part.size() <= MaxReplyBytes(request) &&
          request.session.ReplyFromStore(request.reply, key, offset, part.size())) ||
         ReplyBulk(request, part);
}

// Argument `i` as a key. The dispatcher has checked the length of the arguments that the table
// calls keys.
inline store::Key KeyAt(const Request& request, size_t i) {
  return *store::Key::FromBytes(request.args[i]);
}

// The value at `key`, counted as a hit or a miss.
std::optional<std::string_view> Lookup(const Request& request, const store::Key& key);

// The pattern made ready; or replies that it is too long.
std::optional<resp::Glob> ReadPattern(const Request& request, std::string_view pattern,
                                      bool ignore_case);

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
