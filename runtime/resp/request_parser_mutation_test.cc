// Random damage to valid streams: however a stream is split, the parser reads the same from it.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

#include "runtime/resp/request_parser_testing.h"

namespace shredder::resp {
namespace {

constexpr std::string_view kStreams[] = {
    "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n",
    "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$10\r\n0123456789\r\nPING\r\n",
    "*0\r\n\r\n*-1\r\nset a \"b \\x41\\n\" 'c d'\r\n*1\r\n$0\r\n\r\n",
    "*12\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$1\r\ng\r\n$"
    "1\r\nh\r\n$1\r\n"
    "i\r\n$1\r\nj\r\n$1\r\nk\r\n$1\r\nl\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n*1\r\n$4\r\nQUIT\r\n",
};
constexpr std::string_view kAlphabet = "*$\r\n0123456789-+ \t\"'\\xab\v\f";

std::string Mutate(std::string stream, std::mt19937& random) {
  const auto below = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  for (size_t count = below(6); count > 0 && !stream.empty(); --count) {
    const size_t at = below(stream.size());
    switch (below(5)) {
      case 0:
        stream[at] = kAlphabet[below(kAlphabet.size())];
        break;
      case 1:
        stream.insert(at, 1, kAlphabet[below(kAlphabet.size())]);
        break;
      case 2:
        stream.erase(at, 1 + below(3));
        break;
      case 3:
        stream.insert(at, stream.substr(below(stream.size()), below(20)));
        break;
      default:
        stream[at] = static_cast<char>(random());
    }
  }
  return stream;
}

TEST(RequestParserMutationTest, DamagedStreamsParseAlikeHoweverTheyAreSplit) {
  constexpr unsigned kSeed = 20250611;
  std::mt19937 random(kSeed);
  const RequestParser::Limits limits[] = {
      {},
      RequestParser::Limits::Unauthenticated(),
      {.max_args = 5, .max_bulk_bytes = 8, .max_inline_bytes = 20},
  };
  size_t errors = 0;
  size_t requests = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string stream;
    for (size_t parts = 1 + random() % 3; parts > 0; --parts) {
      stream += kStreams[random() % std::size(kStreams)];
    }
    stream = Mutate(std::move(stream), random);
    const RequestParser::Limits& limit = limits[random() % std::size(limits)];
    const ParsedStream whole = ParseWhole(stream, limit);
    ASSERT_EQ(ParseByteByByte(stream, limit), whole) << "round " << round << ": " << stream;
    const auto random_piece = [&](size_t) { return size_t{1} + random() % 16; };
    ASSERT_EQ(ParseStream(stream, limit, random_piece), whole)
        << "round " << round << ": " << stream;
    errors += whole.error.empty() ? 0 : 1;
    requests += whole.requests.size();
  }
  // The damage must be neither harmless nor total for the comparison to mean something.
  EXPECT_GT(errors, 2'000u);
  EXPECT_GT(requests, 20'000u);
}

}  // namespace
}  // namespace shredder::resp
