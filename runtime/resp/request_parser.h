// An incremental, zero-copy parser of what Redis clients send: RESP arrays of bulk strings, and
// inline commands.
//
// Source of the grammar, its leniencies and its error texts: Redis 7.0, processMultibulkBuffer,
// processInlineBuffer (networking.c) and sdssplitargs (sds.c).
// Thread: any one at a time. Allocates only for the list of arguments and for quoted inline words,
// in proportion to what has been received, never to what has been announced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shredder::resp {

// It keeps its progress in a partly received request, so that a large request that arrives in many
// pieces costs O(its length) in total: one for a connection from then on until the request is there
// (request_parser_pool.h).
class RequestParser {
 public:
  enum class Result { kRequest, kIncomplete, kError };

  struct Limits {
    uint32_t max_args = 1024 * 1024;
    uint64_t max_bulk_bytes = 512ull * 1024 * 1024;
    uint32_t max_inline_bytes =
        64 * 1024;  // also the longest count line of an array or a bulk string
    // Before AUTH: what is over max_args or max_bulk_bytes gets the "unauthenticated" error texts.
    bool authenticated = true;

    // What Redis grants a client that has yet to authenticate.
    static constexpr Limits Unauthenticated() { return {10, 16 * 1024, 64 * 1024, false}; }
  };

  // Holds from the next array or bulk string header on.
  void SetLimits(const Limits& limits) { limits_ = limits; }

  // Parses one request from the front of `input`; empty lines and empty or negative arrays before
  // it are skipped.
  //
  // - kRequest: args() has at least one view, into `input` or into the parser's own buffer, valid
  //   until the next Parse; *consumed bytes belong to the request.
  // - kIncomplete: call again with the same bytes (they may have moved) and more behind them.
  //   *consumed is 0, or input.size() when all of `input` is empty lines and arrays, which may then
  //   be dropped or presented again.
  // - kError: error() says what is wrong; the stream cannot be resumed and the connection must be
  //   closed.
  Result Parse(std::string_view input, size_t* consumed);

  // Whether it keeps nothing, but for args(), and may go on with another stream.
  bool is_between_requests() const {
    return position_ == 0 && searched_ == 0 && args_remaining_ == 0 &&
           cut_out_position_ == kNoCutOut;
  }

  // Whether it has memory that only few requests need.
  bool is_large() const {
    return pieces_.capacity() > kKeptArgs || args_.capacity() > kKeptArgs ||
           inline_buffer_.capacity() > kKeptInlineBytes;
  }

  // Whether the error is that the request is larger than one before AUTH may be.
  bool wants_authentication() const { return wants_authentication_; }

  std::span<const std::string_view> args() const { return args_; }

  // After kIncomplete: the bulk string of an array that is being received.
  struct Pending {
    size_t argument;  // its number, from 0
    size_t position;  // in `input`: where its bytes begin
    size_t bytes;
  };
  std::optional<Pending> pending() const {
    if (bulk_bytes_ < 0) return std::nullopt;
    return Pending{pieces_.size(), position_, static_cast<size_t>(bulk_bytes_)};
  }
  // The arguments before it, `i` < pending()->argument.
  std::string_view received(std::string_view input, size_t i) const {
    return input.substr(pieces_[i].offset, pieces_[i].size);
  }
  // The bulk string that begins at `position` is not in `input` any more, but here, and `input`
  // goes on with what is behind it; in every Parse until EndCutOut.
  void CutOut(size_t position, std::string_view bytes) {
    cut_out_position_ = position;
    cut_out_ = bytes;
  }
  void EndCutOut() { cut_out_position_ = kNoCutOut; }

  // After kIncomplete, where a bulk string is being received: how long `input` must be for it to be
  // there. Else 0.
  size_t expected_bytes() const { return bulk_bytes_ < 0 ? 0 : position_ + BytesInInput() + 2; }

  // The RESP error line without '-' and CRLF: "ERR Protocol error: invalid bulk length". Printable
  // ASCII.
  const std::string& error() const { return error_; }

 private:
  static constexpr size_t kNoCutOut = SIZE_MAX;
  // Beyond this the memory of one request is given back before the next.
  static constexpr size_t kKeptArgs = 1024;
  static constexpr size_t kKeptInlineBytes = 4096;

  struct Piece {
    size_t offset;
    size_t size;
  };
  // Of the bulk string at position_.
  size_t BytesInInput() const {
    return position_ == cut_out_position_ ? 0 : static_cast<size_t>(bulk_bytes_);
  }
  enum class Line { kComplete, kIncomplete, kBadNumber, kTooLong };

  Result ParseArray(std::string_view input, size_t* consumed);
  Result ParseInline(std::string_view input, size_t* consumed, bool* empty);
  Line ParseCountLine(std::string_view input, int64_t* value);
  Result Fail(std::string message);
  void Reset();

  Limits limits_;
  std::vector<std::string_view> args_;
  // The arguments of the array in progress, by offset: `input` may move between calls.
  std::vector<Piece> pieces_;
  std::string inline_buffer_;  // what quoted inline words decode to
  std::string error_;
  bool wants_authentication_ = false;

  // Progress in a partly received request; as here between requests.
  size_t position_ = 0;          // offset in `input` of the next element
  size_t searched_ = 0;          // no line end between position_ and here
  uint32_t args_remaining_ = 0;  // of the array in progress; 0: at the start of a request
  int64_t bulk_bytes_ = -1;      // of the bulk string at position_; -1 before its header is read

  size_t cut_out_position_ = kNoCutOut;
  std::string_view cut_out_;
};

}  // namespace shredder::resp
