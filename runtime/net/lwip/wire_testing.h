// TCP segments written and read byte by byte, with checksums of their own: what a test needs that
// must not believe lwIP of itself, or that plays a peer lwIP would not be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/net/lwip/lwip_testing.h"

namespace shredder::net::lwip {

inline constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

// A segment over IPv4. Addresses and all else in host byte order.
struct Segment {
  uint32_t source = 0x0a000002;  // 10.0.0.2, the client
  uint32_t destination = 0x0a000001;
  uint16_t source_port = 40000;
  uint16_t destination_port = kPort;
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;
  uint8_t flags = 0;
  uint16_t window = 65535;
  std::vector<uint8_t> options;  // in whole words
  std::string payload;
};

// From the client's MAC address to the server's.
Frame BuildFrame(const Segment& segment);
// None where it is no TCP over IPv4, or a checksum is wrong.
std::optional<Segment> ParseFrame(const Frame& frame);

// A client that is played segment by segment, at the client's address.
class RawClient {
 public:
  RawClient(TwoHosts& hosts, uint16_t port) : hosts_(hosts) { next_.source_port = port; }

  // Sends a segment and gives what the server sends within this instant to our port.
  std::vector<Segment> Exchange(const Segment& segment);
  // What it sends within a time.
  std::vector<Segment> Pass(uint64_t milliseconds);
  // Opens a connection, with a window for the server until the next segment; false where it was
  // not.
  bool Connect(std::vector<uint8_t> options = {}, uint32_t sequence = 1000,
               uint16_t window = 65'535);
  // A segment that comes next in the stream, as it is kept.
  Segment Next(uint8_t flags, std::string payload = {}) const;
  // Takes note that it was sent.
  void Advance(size_t bytes) { next_.sequence += static_cast<uint32_t>(bytes); }

  uint32_t expected = 0;  // the server's next sequence number

 private:
  std::vector<Segment> Collect();

  TwoHosts& hosts_;
  Segment next_;
};

}  // namespace shredder::net::lwip
