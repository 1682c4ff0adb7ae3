// For tests and the fuzz target: parses a stream as a connection would, in pieces of given sizes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/resp/request_parser.h"

namespace shredder::resp {

struct ParsedStream {
  std::vector<std::vector<std::string>> requests;
  std::string error;  // empty unless the stream broke
  bool operator==(const ParsedStream&) const = default;
};

// `next_piece(offset)` says how many bytes arrive next, at least 1. Every Parse sees its input in
// memory of exactly its size, different from the last call's, so that a sanitizer notices a view
// kept too long or read too far.
template <typename NextPiece>
ParsedStream ParseStream(std::string_view stream, const RequestParser::Limits& limits,
                         NextPiece next_piece) {
  RequestParser parser;
  parser.SetLimits(limits);
  ParsedStream parsed;
  size_t begin = 0;  // of what the parser has not consumed
  size_t end = 0;    // of what has arrived
  while (end < stream.size()) {
    const size_t piece = next_piece(end);
    end = piece < stream.size() - end ? end + piece : stream.size();
    for (;;) {
      const std::vector<char> input(stream.begin() + static_cast<std::ptrdiff_t>(begin),
                                    stream.begin() + static_cast<std::ptrdiff_t>(end));
      size_t consumed = 0;
      const RequestParser::Result result = parser.Parse({input.data(), input.size()}, &consumed);
      begin += consumed;
      if (result == RequestParser::Result::kError) {
        parsed.error = parser.error();
        return parsed;
      }
      if (result == RequestParser::Result::kIncomplete) break;
      parsed.requests.emplace_back(parser.args().begin(), parser.args().end());
    }
  }
  return parsed;
}

inline ParsedStream ParseWhole(std::string_view stream, const RequestParser::Limits& limits = {}) {
  return ParseStream(stream, limits, [&](size_t) { return stream.size(); });
}

inline ParsedStream ParseByteByByte(std::string_view stream,
                                    const RequestParser::Limits& limits = {}) {
  return ParseStream(stream, limits, [](size_t) { return size_t{1}; });
}

}  // namespace shredder::resp
