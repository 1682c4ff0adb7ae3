#include "runtime/net/lwip/prefetch.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lwip/priv/tcp_priv.h"
#include "runtime/net/lwip/lwip_testing.h"

namespace shredder::net::lwip {
namespace {

std::vector<const void*> prefetched;

// What is asked for because of these bytes, which end where the memory does.
std::vector<const void*> PrefetchedBy(const Frame& frame) {
  prefetched.clear();
  pbuf* const buffer = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(frame.size()), PBUF_RAM);
  if (!frame.empty()) std::memcpy(buffer->payload, frame.data(), frame.size());
  pbuf* const frames[] = {buffer};
  PrefetchConnections(frames, [](const void* arg) { prefetched.push_back(arg); });
  pbuf_free(buffer);
  return prefetched;
}

class PrefetchTest : public testing::TestWithParam<bool> {};

TEST_P(PrefetchTest, AFrameIsOfItsConnectionAndAPartOfOneOfNone) {
  TwoHosts hosts;
  TestListener listener(hosts, kPort, GetParam());
  TestConnection client(hosts, kPort, GetParam());
  ASSERT_TRUE(hosts.PassUntil([&] { return listener.accepted.size() == 1; }));
  // So that something of the server's waits to be acknowledged.
  listener.accepted[0]->Send("greeting");
  hosts.Pass(10);
  client.Send("request");
  ASSERT_EQ(hosts.link.there.size(), 1u);
  const Frame frame = *hosts.link.there.Pop();
  EXPECT_EQ(PrefetchedBy(frame), std::vector<const void*>{listener.accepted[0].get()});
  const size_t headers = 14 + (GetParam() ? 40 : 20) + 20;
  for (size_t length = 0; length < frame.size(); length++) {
    const Frame part(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(length));
    EXPECT_EQ(PrefetchedBy(part).size(), length < headers ? 0u : 1u) << length;
  }
  // Of another port, of no IP, and of no TCP.
  for (const size_t at : {headers - 19, size_t{12}, size_t{GetParam() ? 20u : 23u}}) {
    Frame other = frame;
    other[at] ^= 0x11;
    EXPECT_TRUE(PrefetchedBy(other).empty()) << at;
  }
}

TEST_P(PrefetchTest, MoreFramesThanABurstHasAreNoHarm) {
  TwoHosts hosts;
  TestListener listener(hosts, kPort, GetParam());
  TestConnection client(hosts, kPort, GetParam());
  ASSERT_TRUE(hosts.PassUntil([&] { return listener.accepted.size() == 1; }));
  client.Send("request");
  ASSERT_EQ(hosts.link.there.size(), 1u);
  const Frame frame = *hosts.link.there.Pop();
  pbuf* const buffer = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(frame.size()), PBUF_RAM);
  std::memcpy(buffer->payload, frame.data(), frame.size());
  const std::vector<pbuf*> frames(3 * kMaxPrefetchedFrames, buffer);
  prefetched.clear();
  PrefetchConnections(frames, [](const void* arg) { prefetched.push_back(arg); });
  EXPECT_EQ(prefetched.size(), kMaxPrefetchedFrames);
  pbuf_free(buffer);
}

// How many are before it in its bucket.
size_t OthersBefore(const tcp_pcb& pcb) {
  const tcp_pcb* each =
      *tcp_pcb_bucket(&pcb.local_ip, pcb.local_port, &pcb.remote_ip, pcb.remote_port);
  size_t before = 0;
  for (; each != &pcb; each = each->hash_next) before++;
  return before;
}

TEST_P(PrefetchTest, AConnectionIsFoundBehindTwoOthersOfItsBucket) {
  TwoHosts hosts;
  TestListener listener(hosts, kPort, GetParam());
  constexpr size_t kConnections = 3000;
  std::vector<std::unique_ptr<TestConnection>> clients;
  for (size_t i = 0; i < kConnections; i++) {
    clients.push_back(std::make_unique<TestConnection>(hosts, kPort, GetParam()));
    ASSERT_TRUE(hosts.PassUntil([&] { return listener.accepted.size() == i + 1; }));
  }
  std::map<const void*, size_t> others_before;
  for (const tcp_pcb* each = tcp_active_pcbs; each != nullptr; each = each->next) {
    others_before[each->callback_arg] = OthersBefore(*each);
  }
  size_t behind = 0;
  for (size_t i = 0; i < kConnections; i++) {
    const void* const server = listener.accepted[i].get();
    const size_t others = others_before.at(server);
    clients[i]->Send("request");
    ASSERT_EQ(hosts.link.there.size(), 1u);
    const std::vector<const void*> asked_for = PrefetchedBy(*hosts.link.there.Pop());
    EXPECT_EQ(asked_for == std::vector<const void*>{server}, others <= 2) << others;
    if (others == 1 || others == 2) behind++;
  }
  EXPECT_GT(behind, 0u);
}

INSTANTIATE_TEST_SUITE_P(Addresses, PrefetchTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "ip6" : "ip4"; });

}  // namespace
}  // namespace shredder::net::lwip
