// When memory is said to be short, of the machine and of a control group.
#include "runtime/server/memory_gauge.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace shredder::server {
namespace {

class MemoryGaugeTest : public testing::Test {
 protected:
  MemoryGaugeTest() : root_(testing::TempDir() + "memory-gauge") {
    std::filesystem::remove_all(root_);
  }
  ~MemoryGaugeTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void WriteMachine(int total, int available) {
    Write("/proc/meminfo", "MemTotal:       " + std::to_string(total) +
                               " kB\nMemFree:  3 kB\nMemAvailable:   " + std::to_string(available) +
                               " kB\nBuffers: 7 kB\n");
  }
  void WriteGroup(const std::string& limit, int use, int files) {
    Write("/proc/self/cgroup", "1:name=x:/other\n0::/a/b\n");
    Write("/sys/fs/cgroup/a/b/memory.max", limit + "\n");
    Write("/sys/fs/cgroup/a/b/memory.current", std::to_string(use) + "\n");
    Write("/sys/fs/cgroup/a/b/memory.stat",
          "anon 1\nactive_file 900\ninactive_file " + std::to_string(files) + "\n");
  }
  bool IsShort() { return MemoryGauge(root_).IsShort(); }

  const std::string root_;
};

TEST_F(MemoryGaugeTest, IsShortWhereLessThanATenthOfTheMachineIsLeft) {
  WriteMachine(1000, 100);
  EXPECT_FALSE(IsShort());
  WriteMachine(1000, 99);
  EXPECT_TRUE(IsShort());
}

TEST_F(MemoryGaugeTest, IsShortWhereTheControlGroupIsNearlyFullOfMoreThanFiles) {
  WriteMachine(1000, 500);
  WriteGroup("1000", 900, 0);
  EXPECT_FALSE(IsShort());
  WriteGroup("1000", 901, 0);
  EXPECT_TRUE(IsShort());
  WriteGroup("1000", 990, 90);
  EXPECT_FALSE(IsShort());
  WriteGroup("max", 5000, 0);
  EXPECT_FALSE(IsShort());
}

TEST_F(MemoryGaugeTest, IsNotShortWhereNothingCanBeRead) {
  EXPECT_FALSE(IsShort());
  Write("/proc/meminfo", "nonsense\nMemTotal:\nMemAvailable: kB");
  EXPECT_FALSE(IsShort());
}

TEST_F(MemoryGaugeTest, SeesWhatChanges) {
  WriteMachine(1000, 500);
  const MemoryGauge gauge(root_);
  EXPECT_FALSE(gauge.IsShort());
  WriteMachine(1000, 10);
  EXPECT_TRUE(gauge.IsShort());
}

}  // namespace
}  // namespace shredder::server
