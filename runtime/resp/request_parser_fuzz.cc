// A libFuzzer target for the request parser. Build with cmake -DSHREDDER_FUZZ=ON and clang, then
// run
//
//     request_parser_fuzz -max_len=4096 CORPUS_FOLDER
//
// The first byte of an input chooses the limits and the sizes of the pieces in which the rest is
// parsed; what is read must be what a parse in one piece reads.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtime/resp/request_parser_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using shredder::resp::RequestParser;
  if (size == 0) return 0;
  const uint8_t choice = data[0];
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const RequestParser::Limits limits =
      choice & 1
          ? RequestParser::Limits::Unauthenticated()
          : RequestParser::Limits{.max_args = 64, .max_bulk_bytes = 512, .max_inline_bytes = 128};
  const size_t piece = 1 + (choice >> 1) % 32;
  const auto next_piece = [&](size_t offset) { return 1 + (offset * 7 + piece) % piece; };
  if (ParseStream(stream, limits, next_piece) != ParseWhole(stream, limits)) std::abort();
  return 0;
}
