// Opening devices: what it leaves behind, and the lines that say why it does not work.
#include <sys/stat.h>

#include "runtime/net/dpdk/affinity.h"
#include "runtime/net/dpdk/dpdk_testing.h"
#include "runtime/net/dpdk/eal.h"

namespace shredder::net::dpdk {
namespace {

std::string ErrorOf(const DpdkOptions& options) {
  std::string error;
  const auto device = DpdkDevice::Open(options, &error);
  EXPECT_EQ(device, nullptr);
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  return error;
}

struct AMemif {
  TemporaryFolder folder;
  DpdkOptions options = TestOptions(MemifDevice("net_memif0", "server", folder.path() + "/memif"));
};

TEST(DpdkOpenTest, TheCallersAffinityIsWhatItWas) {
  const std::string before = CoresText(SavedAffinity().cores());
  AMemif memif;
  std::string error;
  const auto device = DpdkDevice::Open(memif.options, &error);
  ASSERT_NE(device, nullptr) << error;
  EXPECT_EQ(CoresText(SavedAffinity().cores()), before);
}

TEST(DpdkOpenTest, TheCallerEndsOnTheCoreThatIsAskedFor) {
  AMemif memif;
  const std::string cores = CoresText(SavedAffinity().cores());
  memif.options.core = std::stoi(cores);
  std::string error;
  const auto device = DpdkDevice::Open(memif.options, &error);
  ASSERT_NE(device, nullptr) << error;
  EXPECT_EQ(CoresText(SavedAffinity().cores()), std::to_string(memif.options.core));
}

TEST(DpdkOpenTest, NothingIsPrinted) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  AMemif memif;
  std::string error;
  const auto device = DpdkDevice::Open(memif.options, &error);
  AMemif other;
  other.options.device = MemifDevice("net_memif0", "server", "/none/memif");
  ErrorOf(other.options);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_NE(device, nullptr) << error;
}

TEST(DpdkOpenTest, AnArgumentThatEalDoesNotKnowIsRefusedInOneLine) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  AMemif memif;
  memif.options.eal = {"--no-such-argument"};
  const std::string error = ErrorOf(memif.options);
  EXPECT_TRUE(error.starts_with("DPDK does not start")) << error;
  // Nor a second time, with other arguments.
  memif.options.eal.clear();
  EXPECT_EQ(ErrorOf(memif.options), error);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(DpdkOpenTest, WithoutHugePagesItSaysSo) {
  AMemif memif;
  memif.options.memory_mb = 60'000;
  memif.options.huge_pages = HugePages::kRequired;
  const std::string error = ErrorOf(memif.options);
  EXPECT_TRUE(error.starts_with("60000 MiB of hugepages are needed, but ")) << error;
  EXPECT_NE(error.find("sysctl vm.nr_hugepages="), std::string::npos) << error;
}

TEST(DpdkOpenTest, HugePagesAreUsedWhereThereAreEnough) {
  AMemif memif;
  memif.options.huge_pages = HugePages::kAutomatic;
  const bool enough = ReadHugePages().free_mb >= memif.options.memory_mb;
  std::string error;
  const auto device = DpdkDevice::Open(memif.options, &error);
  ASSERT_NE(device, nullptr) << error;
  const std::string expected =
      enough ? ", 128 MiB of hugepages" : ", 128 MiB without hugepages (128 MiB of hugepages are";
  EXPECT_NE(device->description().find(expected), std::string::npos) << device->description();
}

TEST(DpdkOpenTest, OptionsThatCannotBeAreRefused) {
  AMemif memif;
  DpdkOptions options = memif.options;
  options.mtu = 1279;
  EXPECT_EQ(ErrorOf(options),
            "the MTU is 1279, but must be from 1280 to 9216: 1500, unless the network has another");
  options = memif.options;
  options.vlan = 4095;
  EXPECT_EQ(ErrorOf(options), "the VLAN is 4095, but must be from 1 to 4094");
  options = memif.options;
  options.memory_mb = 31;
  EXPECT_EQ(ErrorOf(options), "memory-mb is 31, but must be from 32 to 65536");
  options = memif.options;
  options.core = 1000;
  EXPECT_EQ(ErrorOf(options), "there is no core 1000 for this process: name one of " +
                                  CoresText(SavedAffinity().cores()));
}

TEST(DpdkOpenTest, ADeviceThatIsRefusedLeavesRoomForAnother) {
  AMemif memif;
  DpdkOptions options = memif.options;
  options.device = MemifDevice("net_memif0", "server", memif.folder.path() + "/none/memif");
  EXPECT_TRUE(ErrorOf(options).starts_with("net_memif0 with the socket " + memif.folder.path() +
                                           "/none/memif is refused (DPDK: "))
      << ErrorOf(options);
  options.device = memif.options.device + ",no-such-argument=1";
  EXPECT_TRUE(ErrorOf(options).starts_with("net_memif0 has no argument \"no-such-argument=1\""))
      << ErrorOf(options);
  std::string error;
  const auto device = DpdkDevice::Open(memif.options, &error);
  ASSERT_NE(device, nullptr) << error;
  EXPECT_EQ(ErrorOf(memif.options), "net_memif0 is open already in this process: name another");
  // Another beside it, in the same memory.
  options.device = MemifDevice("net_memif7", "server", memif.folder.path() + "/other");
  const auto other = DpdkDevice::Open(options, &error);
  EXPECT_NE(other, nullptr) << error;
}

TEST(DpdkOpenTest, ADeadServersSocketIsReplacedAndAFileIsNot) {
  AMemif memif;
  const std::string path = memif.folder.path() + "/memif";
  FILE* const file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fclose(file);
  EXPECT_NE(ErrorOf(memif.options).find("Address already in use"), std::string::npos);
  struct stat status;
  EXPECT_EQ(lstat(path.c_str(), &status), 0);
}

TEST(DpdkOpenTest, APciDeviceThatIsNotThereIsNamed) {
  DpdkOptions options = TestOptions("0fff:1f:1e.7");
  EXPECT_EQ(ErrorOf(options),
            "there is no PCI device 0fff:1f:1e.7: lspci -D lists those that there are");
}

}  // namespace
}  // namespace shredder::net::dpdk
