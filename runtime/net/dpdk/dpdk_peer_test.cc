// A memif whose other end is another process, which dies.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "runtime/net/dpdk/dpdk_testing.h"

namespace shredder::net::dpdk {
namespace {

constexpr char kDevice[] = "SHREDDER_TEST_DEVICE";

// Not a test: what the other process runs. Sends back what it gets, until it is killed.
TEST(DpdkPeer, DISABLED_Echoes) {
  const char* const device = std::getenv(kDevice);
  if (device == nullptr) GTEST_SKIP() << "the other tests start this as their peer";
  std::string error;
  const auto end = DpdkDevice::Open(TestOptions(device), &error);
  ASSERT_NE(end, nullptr) << error;
  while (getppid() != 1) {
    std::array<pbuf*, 32> frames;
    const size_t count = end->Receive(frames);
    for (size_t i = 0; i < count; i++) {
      end->Transmit(*frames[i]);
      pbuf_free(frames[i]);
    }
    end->Flush();
  }
}

// This program anew: a process that DPDK runs in must not fork to run it again.
class Peer {
 public:
  explicit Peer(const std::string& device) {
    process_ = vfork();
    if (process_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      setenv(kDevice, device.c_str(), 1);
      execl("/proc/self/exe", "dpdk_test", "--gtest_also_run_disabled_tests", "--gtest_brief=1",
            "--gtest_filter=DpdkPeer.DISABLED_Echoes", nullptr);
      _exit(127);
    }
  }
  ~Peer() { Kill(); }

  void Kill() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  pid_t process_;
};

// Whether a frame comes back, and it alone.
::testing::AssertionResult ComesBack(DpdkDevice& device, uint32_t number) {
  const Bytes frame = NumberedFrame(number, 500);
  if (!Send(device, frame)) return ::testing::AssertionFailure() << "refused";
  bool came = false;
  Eventually([&] {
    for (const Bytes& each : ReceiveAll(device, device, 1)) came = came || each == frame;
    return came;
  });
  if (!came) return ::testing::AssertionFailure() << "frame " << number << " did not come back";
  return ::testing::AssertionSuccess();
}

TEST(DpdkPeerTest, AServerOutlivesClientsThatAreKilled) {
  TemporaryFolder folder;
  const std::string socket = folder.path() + "/memif";
  std::string error;
  const auto server =
      DpdkDevice::Open(TestOptions(MemifDevice("net_memif0", "server", socket)), &error);
  ASSERT_NE(server, nullptr) << error;
  for (uint32_t round = 0; round < 10; round++) {
    Peer client(MemifDevice("net_memif1", "client", socket));
    ASSERT_TRUE(ComesBack(*server, round));
    // Dies while frames go there and back.
    for (uint32_t i = 0; i < 1000; i++) Send(*server, NumberedFrame(1'000'000 + i, 1000));
    client.Kill();
    ASSERT_TRUE(Eventually([&] {
      std::array<pbuf*, 32> frames;
      const size_t count = server->Receive(frames);
      for (size_t i = 0; i < count; i++) pbuf_free(frames[i]);
      return !server->LinkUp();
    }));
  }
}

TEST(DpdkPeerTest, AClientFindsAServerThatWasKilledAndStartedAgain) {
  TemporaryFolder folder;
  const std::string socket = folder.path() + "/memif";
  std::string error;
  const auto client =
      DpdkDevice::Open(TestOptions(MemifDevice("net_memif1", "client", socket)), &error);
  ASSERT_NE(client, nullptr) << error;
  for (uint32_t round = 0; round < 3; round++) {
    Peer server(MemifDevice("net_memif0", "server", socket));
    ASSERT_TRUE(ComesBack(*client, round));
    server.Kill();
    ASSERT_TRUE(Eventually([&] { return !client->LinkUp(); }));
    // The next one takes it for what it is: nobody's.
    EXPECT_TRUE(std::filesystem::exists(socket));
  }
}

TEST(DpdkPeerTest, ASocketThatSomebodyListensOnIsLeftAlone) {
  TemporaryFolder folder;
  const std::string socket = folder.path() + "/memif";
  std::string error;
  const auto client =
      DpdkDevice::Open(TestOptions(MemifDevice("net_memif1", "client", socket)), &error);
  ASSERT_NE(client, nullptr) << error;
  const Peer server(MemifDevice("net_memif0", "server", socket));
  ASSERT_TRUE(ComesBack(*client, 1));
  EXPECT_EQ(DpdkDevice::Open(TestOptions(MemifDevice("net_memif0", "server", socket)), &error),
            nullptr);
  EXPECT_EQ(error, "net_memif0: another process listens on " + socket +
                       ": end it, or name another socket");
  EXPECT_TRUE(ComesBack(*client, 2));
}

}  // namespace
}  // namespace shredder::net::dpdk
