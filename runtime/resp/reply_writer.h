// Appends replies in RESP2 or RESP3 to a string; what RESP2 lacks degrades as Redis degrades it.
//
// Source: the RESP3 specification (antirez/RESP3) and Redis 7.0's addReply family (networking.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace shredder::resp {

enum class Protocol : uint8_t { kResp2 = 2, kResp3 = 3 };

// A cheap view: make one where replies are to be written. Does not own `out`, which must outlive
// it. The caller writes as many elements as an aggregate's header announces.
class ReplyWriter {
 public:
  explicit ReplyWriter(std::string* out, Protocol protocol = Protocol::kResp2)
      : out_(out), protocol_(protocol) {}

  Protocol protocol() const { return protocol_; }
  std::string& out() { return *out_; }

  // +text; CR and LF become spaces, here and in the other one-line replies.
  void SimpleString(std::string_view text);
  void Ok() { out_->append("+OK\r\n"); }
  // -message; `message` starts with its prefix: "ERR syntax error".
  void Error(std::string_view message);
  void Integer(int64_t value);
  void Bulk(std::string_view bytes);
  // Around the bytes of one that are put between them by other means.
  void BulkHeader(size_t size) { Header('$', static_cast<int64_t>(size)); }
  void BulkEnd() { out_->append("\r\n", 2); }
  void Null();       // RESP2 $-1, RESP3 _
  void NullArray();  // RESP2 *-1, RESP3 _
  void Array(size_t elements);
  void Map(size_t pairs);  // in RESP2 an array of 2 * pairs elements
  void Set(size_t elements);
  void Boolean(bool value);              // in RESP2 the integer 1 or 0
  void Double(double value);             // FormatDouble's text; in RESP2 as a bulk string
  void Verbatim(std::string_view text);  // format txt; in RESP2 a bulk string

 private:
  void Header(char type, int64_t value);
  void Line(char type, std::string_view text);

  std::string* out_;
  Protocol protocol_;
};

}  // namespace shredder::resp
