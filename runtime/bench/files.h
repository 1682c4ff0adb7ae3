// Files that the benchmarks' programs are given.
#pragma once

#include <string>

namespace shredder::bench {

// The whole content; where the file cannot be read, the process ends with a line that says so.
std::string ReadFile(const std::string& path);

}  // namespace shredder::bench
