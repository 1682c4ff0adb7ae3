#include <gtest/gtest.h>

#include "runtime/store/arena.h"

namespace shredder::store {
namespace {

TEST(SizeClass, RoundsUpToTheNextClassAndWastesAtMostANinth) {
  for (uint64_t units = 1; units < 100'000; units++) {
    const int size_class = CeilClass(units);
    const uint64_t rounded = ClassUnits(size_class);
    ASSERT_GE(rounded, units);
    ASSERT_LE((rounded - units) * 9, rounded);
    ASSERT_TRUE(size_class == 0 || ClassUnits(size_class - 1) < units);
  }
}

TEST(SizeClass, FloorIsTheLargestClassThatFits) {
  for (uint64_t units = 1; units < 100'000; units++) {
    const int size_class = FloorClass(units);
    ASSERT_LE(ClassUnits(size_class), units);
    ASSERT_GT(ClassUnits(size_class + 1), units);
  }
}

}  // namespace
}  // namespace shredder::store
