#include "runtime/bench/javascript.h"

namespace shredder::bench {

namespace {

constexpr char kCompiledLoopText[] = {
#embed "js/compiled_loop.js"
};
constexpr char kHtgetDataText[] = {
#embed "js/htget_data.js"
};
constexpr char kHtgetManyText[] = {
#embed "js/htget_many.js"
};
constexpr char kHtgetReadsText[] = {
#embed "js/htget_reads.js"
};
constexpr char kHtgetScanText[] = {
#embed "js/htget_scan.js"
};
constexpr char kHtgetWalkText[] = {
#embed "js/htget_walk.js"
};
constexpr char kHtgetWasmText[] = {
#embed "js/htget_wasm.js"
};
constexpr char kHtgetWritesText[] = {
#embed "js/htget_writes.js"
};
constexpr char kJsonDataText[] = {
#embed "js/json_data.js"
};
constexpr char kJsonText[] = {
#embed "js/json.js"
};
constexpr char kScanDataText[] = {
#embed "js/scan_data.js"
};
constexpr char kScanText[] = {
#embed "js/scan.js"
};

template <size_t size>
constexpr std::string_view TextOf(const char (&bytes)[size]) {
  return {bytes, size};
}

}  // namespace

const std::string_view kCompiledLoopJs = TextOf(kCompiledLoopText);
const std::string_view kHtgetDataJs = TextOf(kHtgetDataText);
const std::string_view kHtgetManyJs = TextOf(kHtgetManyText);
const std::string_view kHtgetReadsJs = TextOf(kHtgetReadsText);
const std::string_view kHtgetScanJs = TextOf(kHtgetScanText);
const std::string_view kHtgetWalkJs = TextOf(kHtgetWalkText);
const std::string_view kHtgetWasmJs = TextOf(kHtgetWasmText);
const std::string_view kHtgetWritesJs = TextOf(kHtgetWritesText);
const std::string_view kJsonDataJs = TextOf(kJsonDataText);
const std::string_view kJsonJs = TextOf(kJsonText);
const std::string_view kScanDataJs = TextOf(kScanDataText);
const std::string_view kScanJs = TextOf(kScanText);

}  // namespace shredder::bench
