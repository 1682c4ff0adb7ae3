// The JavaScript of the benchmarks: the files of js/, which are part of the program.
#pragma once

#include <string_view>

namespace shredder::bench {

extern const std::string_view kCompiledLoopJs;
extern const std::string_view kHtgetDataJs;
extern const std::string_view kHtgetManyJs;
extern const std::string_view kHtgetReadsJs;
extern const std::string_view kHtgetScanJs;
extern const std::string_view kHtgetWalkJs;
extern const std::string_view kHtgetWasmJs;
extern const std::string_view kHtgetWritesJs;
extern const std::string_view kJsonDataJs;
extern const std::string_view kJsonJs;
extern const std::string_view kScanDataJs;
extern const std::string_view kScanJs;

}  // namespace shredder::bench
