#include "runtime/net/dpdk/failures.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace shredder::net::dpdk {
namespace {

constexpr char kCard[] = "0000:03:00.1";

TEST(DpdkFailuresTest, HugePages) {
  EXPECT_EQ(TooFewHugePages(256, {}),
            "256 MiB of hugepages are needed, but there are none: sysctl vm.nr_hugepages=128, or "
            "less memory-mb");
  // Those of others stay.
  EXPECT_EQ(TooFewHugePages(256, {.total_mb = 512, .free_mb = 100}),
            "256 MiB of hugepages are needed, but 100 MiB of 512 MiB are free: sysctl "
            "vm.nr_hugepages=334, or less memory-mb");
}

TEST(DpdkFailuresTest, Cards) {
  EXPECT_EQ(PciFailure(kCard, {}, ""),
            "there is no PCI device 0000:03:00.1: lspci -D lists those that there are");
  EXPECT_EQ(PciFailure(kCard, {.exists = true}, ""),
            "0000:03:00.1 has no driver: modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci "
            "0000:03:00.1");
  EXPECT_EQ(PciFailure(kCard, {.exists = true, .driver = "ice", .interface = "eth1"}, ""),
            "0000:03:00.1 belongs to the kernel's driver ice, as eth1: unless it is what this "
            "machine is reached by, dpdk-devbind.py --bind=vfio-pci 0000:03:00.1");
  EXPECT_EQ(PciFailure(kCard, {.exists = true, .driver = "vfio-pci"}, "").find("has no IOMMU"),
            sizeof kCard);
  const auto bound = [](int error) {
    return PciFailure(
        kCard, {.exists = true, .driver = "vfio-pci", .has_iommu = true, .vfio_errno = error},
        "probe failed");
  };
  EXPECT_EQ(bound(EBUSY), "0000:03:00.1 is in use by another process: end that first");
  EXPECT_EQ(bound(EACCES),
            "no right to open 0000:03:00.1: its group's file in /dev/vfio has to belong to the "
            "user of the process");
  EXPECT_EQ(bound(0), "0000:03:00.1 does not start (DPDK: probe failed)");
  EXPECT_EQ(PciFailure(kCard, {.exists = true, .allowed = false, .driver = "vfio-pci"}, ""),
            "0000:03:00.1 cannot be opened: this process has started DPDK without PCI devices, "
            "for the device that it opened first");
}

TEST(DpdkFailuresTest, Interfaces) {
  const DeviceName device{
      .kind = DeviceKind::kAfXdp, .name = "net_af_xdp0", .arguments = "iface=eth1"};
  EXPECT_EQ(AfXdpFailure(device, {.exists = true, .up = true}, "x"),
            "net_af_xdp0: AF_XDP needs CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF: run as root, or "
            "setcap cap_net_admin,cap_net_raw,cap_bpf+ep on the executable");
  EXPECT_EQ(AfXdpFailure(device, {.exists = true, .may_bpf = true, .may_raw = true}, "x"),
            "net_af_xdp0: eth1 is down: ip link set eth1 up");
  EXPECT_EQ(
      AfXdpFailure(device, {.exists = true, .up = true, .may_bpf = true, .may_raw = true}, "x"),
      "net_af_xdp0 cannot use eth1 (DPDK: x): another program may have its queue, or its driver "
      "not know XDP");
}

TEST(DpdkFailuresTest, Steps) {
  EXPECT_EQ(SetupFailure("net_af_xdp0", "it refuses an MTU of 9000", -EINVAL, ""),
            "net_af_xdp0: it refuses an MTU of 9000: Invalid argument");
}

TEST(DpdkDeviceNameTest, DevicesAreKnownByTheirNames) {
  std::string error;
  const auto memif = ParseDevice("net_memif0,role=server,socket=/a=b,secret=", &error);
  ASSERT_TRUE(memif);
  EXPECT_EQ(memif->kind, DeviceKind::kMemif);
  EXPECT_EQ(memif->name, "net_memif0");
  EXPECT_EQ(memif->Argument("role"), "server");
  EXPECT_EQ(memif->Argument("socket"), "/a=b");
  EXPECT_EQ(memif->Argument("secret"), "");
  EXPECT_EQ(memif->Argument("rol"), std::nullopt);
  EXPECT_EQ(ParseDevice("0000:af:00.1", &error)->kind, DeviceKind::kPci);
  EXPECT_EQ(ParseDevice("net_af_xdp12,iface=e", &error)->Argument("iface"), "e");
  EXPECT_FALSE(ParseDevice("net_af_xdp0", &error));
  EXPECT_EQ(error,
            "net_af_xdp0 lacks the interface that it is to use: write net_af_xdp0,iface=NAME");
  for (const char* const text : {"", "eth0", "net_memif", "net_memif12345", "net_tap0",
                                 "0000:03:00.8", "0000:3:00.1", "net_memif0,role=a b", ","}) {
    EXPECT_FALSE(ParseDevice(text, &error)) << text;
    EXPECT_NE(error.find("is no device: write a PCI address"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace shredder::net::dpdk
