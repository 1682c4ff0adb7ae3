// The suites of the microbenchmark program. Each prints its progress on standard error and returns
// its rows, which docs/benchmarks.md describes; an error ends the process with one line.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace shredder::bench {

struct HtgetOptions {
  bool quick = false;
  std::vector<uint64_t> sizes;        // keys in the table; empty: the default
  std::vector<std::string> builtins;  // empty: the default
};
// The builtins that RunHtget knows.
const std::vector<std::string>& HtgetBuiltins();
nlohmann::json RunHtget(const HtgetOptions& options);

struct ScanOptions {
  bool quick = false;
  std::vector<uint64_t> sizes;  // bytes of a value, multiples of 64; empty: the default
};
nlohmann::json RunScan(const ScanOptions& options);

struct JsonOptions {
  bool quick = false;
  std::vector<uint64_t> sizes;  // bytes of a document; empty: the default
};
nlohmann::json RunJson(const JsonOptions& options);

// Native traversals of the graph in the file (little-endian uint32 words: node, number of
// neighbours, the neighbours; and so on). Reads requests, "<store|chained> <node> <hops> <calls>" a
// line, from standard input to its end, and answers "<count> <nanoseconds of a call>".
void ServeKhop(const std::string& graph_file);

// Classifications of pictures, of so many bytes each, by a network. The folder has `pictures`, one
// behind the other, the layers `hidden` and `output` (float32; a row of biases, then one of weights
// for each input), and in `libraries` those of which each function returns a digit for each key.
// Reads requests, "<native-o2|native-o3|function> <first> <batch> <calls>" a line, from standard
// input to its end, and answers "<digits> <nanoseconds of a call>".
void ServeInference(const std::string& folder, uint64_t picture_bytes);

}  // namespace shredder::bench
