#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "runtime/engine/engine.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  std::string error;
  if (!shredder::engine::Engine::InitializeProcess({}, &error)) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  return RUN_ALL_TESTS();
}
