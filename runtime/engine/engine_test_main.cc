// The engine's tests: V8 is initialised once a process. SHREDDER_TEST_V8_FLAGS adds flags of V8's,
// space-separated.
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "runtime/engine/engine_test_support.h"

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  std::vector<std::string> flags = {"--allow-natives-syntax"};
  const char* more = std::getenv("SHREDDER_TEST_V8_FLAGS");
  std::istringstream words(more == nullptr ? "" : more);
  for (std::string flag; words >> flag;) flags.push_back(flag);
  std::string error;
  if (!shredder::engine::Engine::InitializeProcess(flags, &error)) {
    std::fprintf(stderr, "engine_test: %s\n", error.c_str());
    return 2;
  }
  return RUN_ALL_TESTS();
}
