#include "runtime/bench/files.h"

#include <fstream>
#include <sstream>

#include "runtime/bench/harness.h"

namespace shredder::bench {

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  if (!in) Fail("cannot read " + path);
  return std::move(content).str();
}

}  // namespace shredder::bench
