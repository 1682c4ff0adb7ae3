// Parsers that are in no request, for whoever receives the next one. A connection has one only as
// long as a part of a request has arrived: with thousands of connections each one's own would be
// in no cache by the time it is needed again.
//
// Thread: one.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "runtime/resp/request_parser.h"

namespace shredder::resp {

class RequestParserPool {
 public:
  // The one that was given back last, with these limits.
  std::unique_ptr<RequestParser> Take(const RequestParser::Limits& limits) {
    std::unique_ptr<RequestParser> parser;
    if (parsers_.empty()) {
      parser = std::make_unique<RequestParser>();
    } else {
      parser = std::move(parsers_.back());
      parsers_.pop_back();
    }
    parser->SetLimits(limits);
    return parser;
  }

  // One that is between requests, and has met no error.
  void GiveBack(std::unique_ptr<RequestParser> parser) {
    if (parsers_.size() < kMaxKept && !parser->is_large()) parsers_.push_back(std::move(parser));
  }

 private:
  // More are in use only where requests are executed inside of others, or arrive in pieces.
  static constexpr size_t kMaxKept = 16;

  std::vector<std::unique_ptr<RequestParser>> parsers_;
};

}  // namespace shredder::resp
