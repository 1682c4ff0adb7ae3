#include <gtest/gtest.h>

#include <string>

#include "runtime/net/lwip/lwip_testing.h"

namespace shredder::net::lwip {
namespace {

struct TransferCase {
  const char* name;
  LinkFaults faults;
  bool ip6 = false;
};

class TransferTest : public testing::TestWithParam<TransferCase> {};

TEST_P(TransferTest, BothStreamsArriveByteForByte) {
  TwoHosts hosts(GetParam().faults, 11);
  TestListener listener(hosts, kPort, GetParam().ip6);
  TestConnection client(hosts, kPort, GetParam().ip6);
  ASSERT_TRUE(hosts.PassUntil([&] { return listener.accepted.size() == 1; }));
  TestConnection& server = *listener.accepted[0];

  constexpr size_t kBytes = 2 << 20;
  const std::string there = Pattern(kBytes, 1), back = Pattern(kBytes, 2);
  client.Send(there);
  client.Finish();
  server.Send(back);
  server.Finish();
  EXPECT_TRUE(hosts.PassUntil(
      [&] {
        client.Work();
        server.Work();
        return client.ended && server.ended && client.received.size() >= kBytes &&
               server.received.size() >= kBytes;
      },
      600'000))
      << client.received.size() << " and " << server.received.size() << " of " << kBytes;
  EXPECT_EQ(server.received, there);
  EXPECT_EQ(client.received, back);
  // lwIP says ERR_CLSD where the last ACK frees a connection that both sides have finished.
  EXPECT_TRUE(client.error == ERR_OK || client.error == ERR_CLSD);
  EXPECT_TRUE(server.error == ERR_OK || server.error == ERR_CLSD);
}

INSTANTIATE_TEST_SUITE_P(
    Links, TransferTest,
    testing::Values(
        TransferCase{"good", {}}, TransferCase{"good_ip6", {}, true},
        TransferCase{"lossy", {.lost = 20}}, TransferCase{"lossy_ip6", {.lost = 20}, true},
        TransferCase{"duplicating", {.duplicated = 100}},
        TransferCase{"reordering", {.reordered = 50}},
        TransferCase{"truncating", {.truncated = 20}},
        TransferCase{"corrupting", {.corrupted = 20}},
        TransferCase{
            "bad",
            {.lost = 10, .duplicated = 20, .reordered = 20, .truncated = 10, .corrupted = 10}},
        TransferCase{
            "bad_ip6",
            {.lost = 10, .duplicated = 20, .reordered = 20, .truncated = 10, .corrupted = 10},
            true},
        TransferCase{"full", {.capacity = 16}}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace shredder::net::lwip
