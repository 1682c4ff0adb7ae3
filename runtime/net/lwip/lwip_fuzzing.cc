#include "runtime/net/lwip/lwip_fuzzing.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/net/lwip/port.h"
#include "runtime/net/lwip/wire_testing.h"

namespace shredder::net::lwip {
namespace {

constexpr int kMaxSteps = 256;
constexpr size_t kMaxFrame = 1600;
// Far more than connections and queues of an input can come to.
constexpr size_t kMaxMemory = 64 << 20;

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> input) : left_(input) {}
  bool empty() const { return left_.empty(); }
  uint8_t Byte() {
    if (left_.empty()) return 0;
    const uint8_t byte = left_.front();
    left_ = left_.subspan(1);
    return byte;
  }
  uint16_t Word() { return static_cast<uint16_t>(Byte() << 8 | Byte()); }
  // As many as there are.
  std::vector<uint8_t> Take(size_t bytes) {
    const auto taken = left_.first(std::min(bytes, left_.size()));
    left_ = left_.subspan(taken.size());
    return {taken.begin(), taken.end()};
  }

 private:
  std::span<const uint8_t> left_;
};

// Near, or anywhere.
uint32_t Offset(Reader& reader) {
  const uint8_t shift = reader.Byte() % 17;
  return static_cast<uint32_t>(static_cast<int16_t>(reader.Word())) << shift;
}

Segment SegmentNear(const RawClient& client, Reader& reader) {
  Segment segment = client.Next(reader.Byte());
  const uint8_t which = reader.Byte();
  if (which & 1) segment.sequence += Offset(reader);
  if (which & 2) segment.acknowledgment += Offset(reader);
  if (which & 4) segment.window = reader.Word();
  if (which & 8) segment.options = reader.Take(reader.Byte() % 11 * 4u);
  segment.options.resize(segment.options.size() / 4 * 4);
  if (which & 16) segment.payload.assign(reader.Word() % 1461u, 'p');
  if (which & 32) segment.source_port = reader.Word();
  return segment;
}

// To the server's link-local address, or to all nodes.
Frame Ip6Frame(Reader& reader) {
  const bool all_nodes = reader.Byte() % 2 == 0;
  Frame frame{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0};
  const uint8_t next_header = reader.Byte();
  const std::vector<uint8_t> payload = reader.Take(reader.Word() % 512u);
  frame.push_back(static_cast<uint8_t>(payload.size() >> 8));
  frame.push_back(static_cast<uint8_t>(payload.size()));
  frame.push_back(next_header % 2 == 0 ? 58 : next_header);  // ICMPv6 half of the times
  frame.push_back(255);
  const Frame source{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
  frame.insert(frame.end(), source.begin(), source.end());
  Frame destination{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  if (all_nodes) destination = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  frame.insert(frame.end(), destination.begin(), destination.end());
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

void ServerActs(TestListener& listener, Reader& reader) {
  const uint8_t action = reader.Byte();
  const uint8_t bytes = reader.Byte();
  for (auto& connection : listener.accepted) {
    if (connection->pcb() == nullptr) continue;
    switch (action % 6) {
      case 0:
        connection->hold = !connection->hold;
        break;
      case 1:
        connection->Send(std::string(size_t{bytes} * 64, 's'));
        break;
      case 2:
        connection->Finish();
        break;
      case 3:
        if (connection->pcb() != nullptr) connection->Close();
        break;
      case 4:
        if (connection->pcb() != nullptr) connection->Reset();
        break;
      default:
        break;
    }
    connection->Work();
  }
}

void Play(std::span<const uint8_t> input) {
  Reader reader(input);
  TwoHosts hosts({}, 1, Checksums::kGenerateOnly);
  TestListener listener(hosts, kPort);
  RawClient client(hosts, 40'000);
  hosts.Pass(1);
  const uint8_t start = reader.Byte();
  if (start % 4 != 0) {
    client.Connect(
        start % 4 == 1 ? std::vector<uint8_t>{} : std::vector<uint8_t>{3, 3, 7, 1, 1, 1, 4, 2},
        start % 8 == 7 ? 0xfffffff0 : 1000, start < 128 ? uint16_t{65'535} : reader.Byte());
  }
  for (int step = 0; step < kMaxSteps && !reader.empty(); step++) {
    switch (reader.Byte() % 9) {
      case 0:
        hosts.link.there.Push(reader.Take(reader.Word() % kMaxFrame));
        break;
      case 1:
        client.Exchange(SegmentNear(client, reader));
        break;
      case 2:
        client.Pass(reader.Byte());
        break;
      case 3:
        ServerActs(listener, reader);
        break;
      case 4: {
        Frame frame = BuildFrame(SegmentNear(client, reader));
        for (int i = reader.Byte() % 4; i >= 0; i--)
          frame[reader.Word() % frame.size()] = reader.Byte();
        if (reader.Byte() % 4 == 0) frame.resize(reader.Word() % frame.size());
        hosts.link.there.Push(frame);
        break;
      }
      case 5:
        hosts.link.there.Push(Ip6Frame(reader));
        break;
      case 6: {
        // In order, so that there is something to go wrong with.
        const size_t bytes = reader.Byte() * 4u;
        client.Exchange(client.Next(kAck | kPsh, std::string(bytes, 'd')));
        client.Advance(bytes);
        break;
      }
      case 7:
        // Until timers have run out several times.
        client.Pass(reader.Byte() * 32u);
        break;
      case 8: {
        // In order, through a small window, of whatever the server has sent.
        client.expected += reader.Byte();
        Segment segment = client.Next(kAck | kPsh, "x");
        segment.window = reader.Byte();
        client.Exchange(segment);
        client.Advance(1);
        break;
      }
    }
    client.Pass(1);
    if (MemoryUsed() > kMaxMemory) {
      std::fprintf(stderr, "the stack holds %zu bytes\n", MemoryUsed());
      std::abort();
    }
  }
}

}  // namespace

void RunFrames(std::span<const uint8_t> input) {
  Play(input);
  if (CountConnections() != 0) {
    std::fprintf(stderr, "%zu connections are left\n", CountConnections());
    std::abort();
  }
}

}  // namespace shredder::net::lwip
