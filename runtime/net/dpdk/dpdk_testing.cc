#include "runtime/net/dpdk/dpdk_testing.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

namespace shredder::net::dpdk {

Bytes NumberedFrame(uint32_t number, size_t bytes) {
  Bytes frame(bytes);
  for (size_t i = 0; i < bytes; i++) frame[i] = static_cast<uint8_t>(i * 7 + number);
  // Behind the Ethernet header.
  std::memcpy(&frame[14], &number, sizeof number);
  return frame;
}

bool Send(DpdkDevice& device, const Bytes& frame, size_t piece) {
  pbuf* chain = nullptr;
  for (size_t at = 0; at < frame.size(); at += piece) {
    const size_t bytes = std::min(piece, frame.size() - at);
    pbuf* const part = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(bytes), PBUF_RAM);
    std::memcpy(part->payload, &frame[at], bytes);
    if (chain == nullptr) {
      chain = part;
    } else {
      pbuf_cat(chain, part);
    }
  }
  const bool taken = device.Transmit(*chain);
  pbuf_free(chain);
  return taken;
}

std::vector<Bytes> ReceiveAll(DpdkDevice& device, DpdkDevice& from, size_t count) {
  std::vector<Bytes> received;
  Eventually([&] {
    from.Flush();
    std::array<pbuf*, 64> frames;
    const size_t arrived = device.Receive(frames);
    for (size_t i = 0; i < arrived; i++) {
      Bytes bytes(frames[i]->tot_len);
      EXPECT_EQ(pbuf_copy_partial(frames[i], bytes.data(), frames[i]->tot_len, 0), bytes.size());
      EXPECT_EQ(frames[i]->ref, 1);
      pbuf_free(frames[i]);
      received.push_back(std::move(bytes));
    }
    return received.size() >= count;
  });
  return received;
}

TemporaryFolder::TemporaryFolder() {
  path_ = (std::filesystem::temp_directory_path() / "dpdk_test.XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) path_.clear();
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code failed;
  if (!path_.empty()) std::filesystem::remove_all(path_, failed);
}

DpdkOptions TestOptions(const std::string& device) {
  DpdkOptions options;
  options.device = device;
  options.memory_mb = 128;
  options.huge_pages = HugePages::kNone;
  return options;
}

std::string MemifDevice(const std::string& name, const std::string& role, const std::string& socket,
                        const std::string& more) {
  return name + ",role=" + role + ",socket=" + socket + ",socket-abstract=no" + more;
}

MemifPair::MemifPair(const DpdkOptions& common, const std::string& more) {
  DpdkOptions options = common;
  const std::string socket = folder.path() + "/memif";
  options.device = MemifDevice("net_memif0", "server", socket, more);
  server = DpdkDevice::Open(options, &error);
  if (server == nullptr) return;
  options.device = MemifDevice("net_memif1", "client", socket, more);
  client = DpdkDevice::Open(options, &error);
  if (client == nullptr) return;
  if (!Eventually([&] { return server->LinkUp() && client->LinkUp(); })) error = "no link";
}

}  // namespace shredder::net::dpdk
