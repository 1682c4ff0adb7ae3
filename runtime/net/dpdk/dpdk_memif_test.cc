// Frames over a memif whose two ends are devices of this process. Each test is a process (CMake's
// discovery): the driver keeps the socket of a server that has been closed.
#include <array>

#include "runtime/net/dpdk/affinity.h"
#include "runtime/net/dpdk/dpdk_testing.h"

namespace shredder::net::dpdk {
namespace {

TEST(DpdkMemifTest, FramesOfAllSizesArriveAsTheyWere) {
  DpdkOptions options = TestOptions("");
  options.mtu = 9000;
  MemifPair pair(options);
  ASSERT_EQ(pair.error, "");
  uint32_t number = 0;
  for (const size_t bytes : {18u, 64u, 65u, 1514u, 2048u, 2049u, 2176u, 4096u, 9014u}) {
    for (const size_t piece : {65'535u, 1460u, 54u}) {
      SCOPED_TRACE(std::to_string(bytes) + " in pieces of " + std::to_string(piece));
      const Bytes frame = NumberedFrame(number++, bytes);
      ASSERT_TRUE(Send(*pair.client, frame, piece));
      EXPECT_EQ(ReceiveAll(*pair.server, *pair.client, 1), std::vector<Bytes>{frame});
      ASSERT_TRUE(Send(*pair.server, frame, piece));
      EXPECT_EQ(ReceiveAll(*pair.client, *pair.server, 1), std::vector<Bytes>{frame});
    }
  }
  EXPECT_EQ(pair.server->checksums(), lwip::Checksums::kNone);
  EXPECT_EQ(pair.server->counters().received, number);
  EXPECT_EQ(pair.server->counters().sent, number);
}

// A ring of 16 frames: nearly all of them wait here, and none is lost.
TEST(DpdkMemifTest, WhatTheRingHasNoRoomForWaitsInOrder) {
  MemifPair pair(TestOptions(""), ",rsize=4");
  ASSERT_EQ(pair.error, "");
  constexpr uint32_t kFrames = 1000;
  for (uint32_t i = 0; i < kFrames; i++) {
    ASSERT_TRUE(Send(*pair.client, NumberedFrame(i, 100 + i)));
    if (i % 100 == 0) pair.client->Flush();
  }
  pair.client->Flush();
  EXPECT_EQ(pair.client->queued(), kFrames - 16);
  const std::vector<Bytes> received = ReceiveAll(*pair.server, *pair.client, kFrames);
  ASSERT_EQ(received.size(), kFrames);
  for (uint32_t i = 0; i < kFrames; i++) ASSERT_EQ(received[i], NumberedFrame(i, 100 + i)) << i;
  EXPECT_EQ(pair.client->queued(), 0u);
  EXPECT_EQ(pair.client->counters().unsent, 0u);
  EXPECT_EQ(pair.client->counters().sent, kFrames);
  EXPECT_EQ(pair.server->counters().received, kFrames);
}

TEST(DpdkMemifTest, AFullQueueRefusesAndCounts) {
  MemifPair pair(TestOptions(""), ",rsize=4");
  ASSERT_EQ(pair.error, "");
  const Bytes frame = NumberedFrame(1, 60);
  size_t taken = 0;
  while (taken < 10'000 && Send(*pair.client, frame)) taken++;
  // A full queue goes to the ring, once.
  EXPECT_EQ(taken, DpdkDevice::kQueueFrames + 16);
  EXPECT_FALSE(Send(*pair.client, frame));
  EXPECT_EQ(pair.client->counters().unsent, 2u);
  EXPECT_EQ(ReceiveAll(*pair.server, *pair.client, taken).size(), taken);
  EXPECT_TRUE(Send(*pair.client, frame));
}

// As where peers send out of order, and never what is missing.
TEST(DpdkMemifTest, FramesThatAreKeptDoNotTakeAllBuffers) {
  MemifPair pair;
  ASSERT_EQ(pair.error, "");
  const size_t buffers = pair.server->free_buffers();
  std::vector<pbuf*> kept;
  std::array<pbuf*, 64> frames;
  for (uint32_t number = 0; kept.size() < 2 * buffers; number++) {
    ASSERT_TRUE(Send(*pair.client, NumberedFrame(number, 60)));
    pair.client->Flush();
    const size_t count = pair.server->Receive(frames);
    kept.insert(kept.end(), frames.begin(), frames.begin() + static_cast<ptrdiff_t>(count));
    ASSERT_LE(number, 3 * buffers);
  }
  EXPECT_GE(pair.server->free_buffers(), buffers / 4);
  EXPECT_EQ(pair.server->counters().without_buffer, 0u);
  for (pbuf* const each : kept) pbuf_free(each);
}

TEST(DpdkMemifTest, AFrameLongerThanTheMtuIsRefused) {
  MemifPair pair;
  ASSERT_EQ(pair.error, "");
  EXPECT_FALSE(Send(*pair.client, NumberedFrame(1, 1515)));
  EXPECT_TRUE(Send(*pair.client, NumberedFrame(1, 1514)));
  EXPECT_EQ(pair.client->counters().unsent, 1u);
}

TEST(DpdkMemifTest, ATruncatedHeaderIsCountedAndDropped) {
  MemifPair pair;
  ASSERT_EQ(pair.error, "");
  Bytes runt(13);
  ASSERT_TRUE(Send(*pair.client, runt));
  const Bytes frame = NumberedFrame(1, 60);
  ASSERT_TRUE(Send(*pair.client, frame));
  EXPECT_EQ(ReceiveAll(*pair.server, *pair.client, 1), std::vector<Bytes>{frame});
  EXPECT_EQ(pair.server->counters().damaged, 1u);
}

TEST(DpdkMemifTest, BuffersComeBackFromFramesThatAreHeldAndFreedInPieces) {
  DpdkOptions options = TestOptions("");
  options.mtu = 9000;
  MemifPair pair(options);
  ASSERT_EQ(pair.error, "");
  const size_t free_before = pair.server->free_buffers();
  std::array<pbuf*, 1> frames{};
  ASSERT_TRUE(Send(*pair.client, NumberedFrame(1, 9000)));
  ASSERT_TRUE(Eventually([&] {
    pair.client->Flush();
    return pair.server->Receive(frames) == 1;
  }));
  pbuf* const frame = frames[0];
  // In buffers of a size that is the pool's, the last one less full.
  const uint16_t buffer = frame->len;
  const int pieces = (9000 + buffer - 1) / buffer;
  ASSERT_GT(pieces, 1);
  ASSERT_LT(buffer, 5000);
  EXPECT_EQ(pbuf_clen(frame), pieces);
  EXPECT_LT(pair.server->free_buffers(), free_before);
  // As TCP does with a header that it has read.
  pbuf* const rest = pbuf_free_header(frame, 5000);
  const int left = pieces - 5000 / buffer;
  EXPECT_EQ(pbuf_clen(rest), left);
  EXPECT_EQ(rest->tot_len, 4000);
  // Beyond the device's own end.
  pair.server.reset();
  EXPECT_EQ(pbuf_free(rest), left);
  pair.client->Flush();
  // The driver keeps none, besides those that it fetched for its next burst.
  EXPECT_GE(pair.client->free_buffers() + 64, free_before);
}

TEST(DpdkMemifTest, NothingIsLostOfThePoolInManyFrames) {
  MemifPair pair;
  ASSERT_EQ(pair.error, "");
  const size_t free_before = pair.server->free_buffers();
  constexpr uint32_t kRounds = 500, kBurst = 100;
  for (uint32_t round = 0; round < kRounds; round++) {
    for (uint32_t i = 0; i < kBurst; i++) {
      ASSERT_TRUE(Send(*pair.client, NumberedFrame(i, 1000)));
    }
    ASSERT_EQ(ReceiveAll(*pair.server, *pair.client, kBurst).size(), kBurst);
  }
  EXPECT_EQ(pair.server->free_buffers(), free_before);
  EXPECT_EQ(pair.server->counters().received, uint64_t{kRounds} * kBurst);
  EXPECT_EQ(pair.server->counters().received_bytes, uint64_t{kRounds} * kBurst * 1000);
  EXPECT_EQ(pair.server->counters().without_buffer, 0u);
}

TEST(DpdkMemifTest, TagsOfAVlanArePutOnAndTakenOff) {
  DpdkOptions options = TestOptions("");
  options.vlan = 17;
  MemifPair tagged(options);
  ASSERT_EQ(tagged.error, "");
  const Bytes frame = NumberedFrame(3, 100);
  for (const size_t piece : {65'535u, 5u, 12u}) {
    ASSERT_TRUE(Send(*tagged.client, frame, piece));
    EXPECT_EQ(ReceiveAll(*tagged.server, *tagged.client, 1), std::vector<Bytes>{frame});
  }
  EXPECT_EQ(tagged.server->counters().received_bytes, 3 * 104u);
}

TEST(DpdkMemifTest, FramesOfOtherVlansAndOfNoneAreDropped) {
  TemporaryFolder folder;
  const std::string socket = folder.path() + "/memif";
  std::string error;
  DpdkOptions options = TestOptions(MemifDevice("net_memif0", "server", socket));
  options.vlan = 17;
  const auto server = DpdkDevice::Open(options, &error);
  ASSERT_NE(server, nullptr) << error;
  // The client sends what it is given.
  const auto client =
      DpdkDevice::Open(TestOptions(MemifDevice("net_memif1", "client", socket)), &error);
  ASSERT_NE(client, nullptr) << error;
  const Bytes untagged = NumberedFrame(3, 100);
  const auto tag = [&](uint8_t priority, uint8_t vlan) {
    Bytes frame = untagged;
    frame.insert(frame.begin() + 12, {0x81, 0x00, priority, vlan});
    return frame;
  };
  for (const Bytes& frame : {untagged, tag(0, 18), tag(0, 16), Bytes(15, 0x81), tag(0xa0, 17)}) {
    ASSERT_TRUE(Send(*client, frame));
  }
  EXPECT_EQ(ReceiveAll(*server, *client, 1), std::vector<Bytes>{untagged});
  EXPECT_EQ(server->counters().received, 5u);
}

TEST(DpdkMemifTest, SaysWhatItIs) {
  MemifPair pair;
  ASSERT_EQ(pair.error, "");
  EXPECT_EQ(pair.server->mtu(), 1500);
  const std::array<uint8_t, 6> mac = pair.server->mac();
  EXPECT_EQ(mac[0] & 1, 0) << "a station's, not a group's";
  EXPECT_NE(mac, pair.client->mac());
  EXPECT_TRUE(pair.server->description().starts_with("net_memif0, driver net_memif, "))
      << pair.server->description();
  EXPECT_NE(pair.server->description().find(", MTU 1500, no checksums, "), std::string::npos);
}

TEST(DpdkMemifTest, TheCallersAffinityIsWhatItWas) {
  const std::string before = CoresText(SavedAffinity().cores());
  MemifPair pair;
  ASSERT_EQ(pair.error, "");
  EXPECT_EQ(CoresText(SavedAffinity().cores()), before);
}

}  // namespace
}  // namespace shredder::net::dpdk
