// Frames between the kernel and an AF_XDP socket, over a veth pair in a network namespace of the
// test's own.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <cstdlib>

#include "runtime/net/dpdk/dpdk_testing.h"
#include "runtime/net/socket.h"

namespace shredder::net::dpdk {
namespace {

constexpr char kMakePair[] =
    "ip link add shk0 numtxqueues 1 numrxqueues 1 type veth peer name shx0 numtxqueues 1 "
    "numrxqueues 1 && ip link set shk0 up && ip link set shx0 up";

// The kernel's end.
class KernelEnd {
 public:
  KernelEnd() : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(if_nametoindex("shk0"));
    valid_ = bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool valid() const { return valid_; }
  bool Send(const Bytes& frame) {
    return send(fd_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
  }
  // Whether the frame arrives, among what the kernel itself sends.
  bool Receives(const Bytes& wanted) {
    return Eventually([&] {
      Bytes frame(10'000);
      const ssize_t bytes = recv(fd_.get(), frame.data(), frame.size(), 0);
      if (bytes < 0) return false;
      frame.resize(static_cast<size_t>(bytes));
      return frame == wanted;
    });
  }

 private:
  UniqueFd fd_;
  bool valid_ = false;
};

// To everybody, of a type that nobody knows.
Bytes ForeignFrame(uint32_t number, size_t bytes) {
  Bytes frame = NumberedFrame(number, bytes);
  for (size_t i = 0; i < 6; i++) frame[i] = 0xff;
  frame[6] = 2;
  frame[12] = 0x88;
  frame[13] = 0xb5;
  return frame;
}

TEST(DpdkAfXdpTest, FramesGoToTheKernelAndComeFromIt) {
  if (unshare(CLONE_NEWNET) != 0 || std::system(kMakePair) != 0) {
    GTEST_SKIP() << "NOT TESTED: no veth pair in a namespace (needs root)";
  }
  std::string error;
  const auto device = DpdkDevice::Open(TestOptions("net_af_xdp0,iface=shx0,busy_budget=0"), &error);
  ASSERT_NE(device, nullptr) << error;
  EXPECT_TRUE(device->LinkUp());
  EXPECT_EQ(device->checksums(), lwip::Checksums::kGenerateOnly);
  KernelEnd kernel;
  ASSERT_TRUE(kernel.valid());
  for (const size_t bytes : {60u, 64u, 1000u, 1514u}) {
    SCOPED_TRACE(bytes);
    const Bytes frame = ForeignFrame(static_cast<uint32_t>(bytes), bytes);
    ASSERT_TRUE(Send(*device, frame));
    device->Flush();
    EXPECT_TRUE(kernel.Receives(frame));
    ASSERT_TRUE(kernel.Send(frame));
    bool came = false;
    EXPECT_TRUE(Eventually([&] {
      for (const Bytes& each : ReceiveAll(*device, *device, 1)) came = came || each == frame;
      return came;
    }));
  }
  // More than its rings hold: buffers come back from the kernel.
  const size_t free_before = device->free_buffers();
  for (uint32_t i = 0; i < 20'000; i++) {
    ASSERT_TRUE(Eventually([&] { return Send(*device, ForeignFrame(i, 200)); }));
    if (i % 32 == 0) device->Flush();
  }
  EXPECT_TRUE(Eventually([&] {
    device->Flush();
    return device->queued() == 0;
  }));
  EXPECT_GE(device->free_buffers() + 8192, free_before);
  EXPECT_GE(device->counters().sent, 20'000u);
}

TEST(DpdkAfXdpTest, SaysWhatIsWrongWithTheInterface) {
  if (unshare(CLONE_NEWNET) != 0 || std::system(kMakePair) != 0) {
    GTEST_SKIP() << "NOT TESTED: no veth pair in a namespace (needs root)";
  }
  std::string error;
  EXPECT_EQ(DpdkDevice::Open(TestOptions("net_af_xdp0,iface=nowhere"), &error), nullptr);
  EXPECT_EQ(error,
            "net_af_xdp0: there is no network interface nowhere: ip link lists those that there "
            "are");
  ASSERT_EQ(std::system("ip link set shx0 down"), 0);
  EXPECT_EQ(DpdkDevice::Open(TestOptions("net_af_xdp0,iface=shx0"), &error), nullptr);
  EXPECT_EQ(error, "net_af_xdp0: shx0 is down: ip link set shx0 up");
  // More than the driver takes.
  ASSERT_EQ(std::system("ip link set shx0 up"), 0);
  DpdkOptions options = TestOptions("net_af_xdp0,iface=shx0");
  options.mtu = 9000;
  EXPECT_EQ(DpdkDevice::Open(options, &error), nullptr);
  EXPECT_TRUE(error.starts_with("net_af_xdp0: it refuses ")) << error;
}

}  // namespace
}  // namespace shredder::net::dpdk
