#include "runtime/resp/request_parser.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "runtime/resp/number.h"

namespace shredder::resp {

namespace {

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

// Narrower than IsSpace, as in sdssplitargs: \v and \f separate words only where a word could
// start.
bool EndsWord(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Decodes the word at *p, whose first quote is at `open`, to the end of *out; leaves *p behind it.
// False where the quote is not closed, or closed in the middle of a word.
bool DecodeQuotedWord(const char** p, const char* open, const char* end, std::string* out) {
  out->append(*p, open);
  const char quote = *open;
  for (const char* c = open + 1; c < end; ++c) {
    if (*c == quote) {
      *p = c + 1;
      return *p == end || IsSpace(**p);
    }
    if (*c == '\\' && quote == '"' && end - c > 3 && c[1] == 'x' && HexDigit(c[2]) >= 0 &&
        HexDigit(c[3]) >= 0) {
      out->push_back(static_cast<char>(HexDigit(c[2]) * 16 + HexDigit(c[3])));
      c += 3;
    } else if (*c == '\\' && quote == '"' && end - c > 1) {
      out->push_back(Unescape(*++c));
    } else if (*c == '\\' && end - c > 1 && c[1] == '\'') {
      out->push_back(*++c);
    } else {
      out->push_back(*c);
    }
  }
  return false;
}

std::string Printable(char c) {
  if (c >= ' ' && c <= '~') return std::string(1, c);
  char text[5];
  std::snprintf(text, sizeof(text), "\\x%02x", static_cast<unsigned char>(c));
  return text;
}

}  // namespace

RequestParser::Result RequestParser::Parse(std::string_view input, size_t* consumed) {
  *consumed = 0;
  args_.clear();
  if (input.size() < position_) Reset();  // not the same bytes as before: a new stream
  while (args_remaining_ == 0) {
    if (position_ == input.size()) {
      *consumed = position_;
      Reset();
      return Result::kIncomplete;
    }
    if (input[position_] != '*') {
      bool empty = false;
      const Result result = ParseInline(input, consumed, &empty);
      if (!empty) return result;
      continue;
    }
    int64_t count = 0;
    switch (ParseCountLine(input, &count)) {
      case Line::kComplete:
        break;
      case Line::kIncomplete:
        return Result::kIncomplete;
      case Line::kBadNumber:
        return Fail("invalid multibulk length");
      case Line::kTooLong:
        return Fail("too big mbulk count string");
    }
    if (count <= 0) continue;
    if (count > limits_.max_args) {
      wants_authentication_ = !limits_.authenticated && count <= Limits{}.max_args;
      return Fail(wants_authentication_ ? "unauthenticated multibulk length"
                                        : "invalid multibulk length");
    }
    args_remaining_ = static_cast<uint32_t>(count);
    if (pieces_.capacity() > kKeptArgs) {
      std::vector<Piece>().swap(pieces_);
      std::vector<std::string_view>().swap(args_);
    }
    pieces_.clear();
  }
  return ParseArray(input, consumed);
}

RequestParser::Result RequestParser::ParseArray(std::string_view input, size_t* consumed) {
  while (args_remaining_ > 0) {
    if (bulk_bytes_ < 0) {
      if (position_ == input.size()) return Result::kIncomplete;
      if (input[position_] != '$') {
        return Fail("expected '$', got '" + Printable(input[position_]) + "'");
      }
      int64_t length = 0;
      switch (ParseCountLine(input, &length)) {
        case Line::kComplete:
          break;
        case Line::kIncomplete:
          return Result::kIncomplete;
        case Line::kBadNumber:
          return Fail("invalid bulk length");
        case Line::kTooLong:
          return Fail("too big bulk count string");
      }
      if (length < 0 || static_cast<uint64_t>(length) > limits_.max_bulk_bytes) {
        wants_authentication_ =
            !limits_.authenticated && static_cast<uint64_t>(length) <= Limits{}.max_bulk_bytes;
        return Fail(wants_authentication_ ? "unauthenticated bulk length" : "invalid bulk length");
      }
      bulk_bytes_ = length;
    }
    // The two bytes behind the payload are skipped unread, as in Redis.
    const size_t size = BytesInInput();
    if (input.size() - position_ < size + 2) return Result::kIncomplete;
    pieces_.push_back({position_, size});
    position_ += size + 2;
    bulk_bytes_ = -1;
    --args_remaining_;
  }
  args_.resize(pieces_.size());
  for (size_t i = 0; i < pieces_.size(); ++i) {
    args_[i] = {input.data() + pieces_[i].offset, pieces_[i].size};
    if (pieces_[i].offset == cut_out_position_) args_[i] = cut_out_;
  }
  *consumed = position_;
  Reset();
  return Result::kRequest;
}

// Sets *empty, and position_ behind it, where the line has no words.
RequestParser::Result RequestParser::ParseInline(std::string_view input, size_t* consumed,
                                                 bool* empty) {
  const size_t window = std::min<size_t>(input.size() - position_, limits_.max_inline_bytes + 1ul);
  const size_t from = std::max(searched_, position_);
  const size_t limit = position_ + window;
  const char* newline =
      from < limit ? static_cast<const char*>(std::memchr(input.data() + from, '\n', limit - from))
                   : nullptr;
  if (newline == nullptr) {
    if (window > limits_.max_inline_bytes) return Fail("too big inline request");
    searched_ = limit;
    return Result::kIncomplete;
  }
  const char* p = input.data() + position_;
  const char* end = newline;
  if (end > p && end[-1] == '\r') --end;
  inline_buffer_.clear();
  for (;;) {
    while (p < end && IsSpace(*p)) ++p;
    if (p == end) break;
    const char* begin = p;
    while (p < end && !EndsWord(*p) && *p != '"' && *p != '\'') ++p;
    if (p == end || EndsWord(*p)) {
      args_.emplace_back(begin, p - begin);
      continue;
    }
    // Decoding never lengthens, so that the buffer does not move under the views into it.
    if (inline_buffer_.empty()) inline_buffer_.reserve(end - begin);
    const size_t word = inline_buffer_.size();
    const char* const open = p;
    p = begin;
    if (!DecodeQuotedWord(&p, open, end, &inline_buffer_))
      return Fail("unbalanced quotes in request");
    args_.emplace_back(inline_buffer_.data() + word, inline_buffer_.size() - word);
  }
  position_ = static_cast<size_t>(newline - input.data()) + 1;
  searched_ = 0;
  if (args_.empty()) {
    *empty = true;
    return Result::kIncomplete;
  }
  *consumed = position_;
  Reset();
  return Result::kRequest;
}

// The number between the type byte at position_ and CR LF; position_ moves behind it where it is
// complete.
RequestParser::Line RequestParser::ParseCountLine(std::string_view input, int64_t* value) {
  const char* const begin = input.data() + position_ + 1;
  const char* const end = input.data() + input.size();
  // Up to nine digits, all there: nearly every line.
  if (begin < end && *begin >= '1' && *begin <= '9') {
    const char* p = begin;
    int64_t number = 0;
    while (p < end && IsDigit(*p) && p - begin < 9) number = number * 10 + (*p++ - '0');
    if (end - p >= 2 && *p == '\r') {
      position_ = static_cast<size_t>(p + 2 - input.data());
      searched_ = 0;
      *value = number;
      return Line::kComplete;
    }
  }
  const size_t window = std::min<size_t>(input.size() - position_, limits_.max_inline_bytes + 1ul);
  const size_t from = std::max(searched_, position_ + 1);
  const size_t limit = position_ + window;
  const char* cr =
      from < limit ? static_cast<const char*>(std::memchr(input.data() + from, '\r', limit - from))
                   : nullptr;
  if (cr == nullptr) {
    if (window > limits_.max_inline_bytes) return Line::kTooLong;
    searched_ = limit;
    return Line::kIncomplete;
  }
  if (cr + 1 == end) {
    searched_ = static_cast<size_t>(cr - input.data());
    return Line::kIncomplete;
  }
  if (!ParseInteger({begin, static_cast<size_t>(cr - begin)}, value)) return Line::kBadNumber;
  position_ = static_cast<size_t>(cr + 2 - input.data());
  searched_ = 0;
  return Line::kComplete;
}

RequestParser::Result RequestParser::Fail(std::string message) {
  error_ = "ERR Protocol error: " + std::move(message);
  args_.clear();
  return Result::kError;
}

void RequestParser::Reset() {
  position_ = 0;
  searched_ = 0;
  args_remaining_ = 0;
  bulk_bytes_ = -1;
}

}  // namespace shredder::resp
