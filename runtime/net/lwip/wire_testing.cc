#include "runtime/net/lwip/wire_testing.h"

#include <utility>

namespace shredder::net::lwip {
namespace {

constexpr size_t kEthernet = 14, kIp = 20, kTcp = 20;

void Put16(Frame& frame, size_t at, uint32_t value) {
  frame[at] = static_cast<uint8_t>(value >> 8);
  frame[at + 1] = static_cast<uint8_t>(value);
}

void Put32(Frame& frame, size_t at, uint32_t value) {
  Put16(frame, at, value >> 16);
  Put16(frame, at + 2, value);
}

uint32_t Get16(const Frame& frame, size_t at) { return uint32_t{frame[at]} << 8 | frame[at + 1]; }
uint32_t Get32(const Frame& frame, size_t at) {
  return Get16(frame, at) << 16 | Get16(frame, at + 2);
}

// RFC 1071, of bytes from `at` on, added to `sum`.
uint16_t Checksum(const Frame& frame, size_t at, size_t end, uint64_t sum) {
  for (; at + 1 < end; at += 2) sum += Get16(frame, at);
  if (at < end) sum += uint32_t{frame[at]} << 8;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

uint64_t PseudoHeader(const Frame& frame, size_t tcp_bytes) {
  uint64_t sum = 6 + tcp_bytes;
  for (size_t at = kEthernet + 12; at < kEthernet + kIp; at += 2) sum += Get16(frame, at);
  return sum;
}

}  // namespace

Frame BuildFrame(const Segment& segment) {
  const size_t header = kTcp + segment.options.size();
  const size_t tcp_bytes = header + segment.payload.size();
  Frame frame(kEthernet + kIp + tcp_bytes);
  const Frame macs{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
  std::copy(macs.begin(), macs.end(), frame.begin());
  frame[kEthernet] = 0x45;
  Put16(frame, kEthernet + 2, static_cast<uint32_t>(kIp + tcp_bytes));
  frame[kEthernet + 8] = 64;
  frame[kEthernet + 9] = 6;
  Put32(frame, kEthernet + 12, segment.source);
  Put32(frame, kEthernet + 16, segment.destination);
  Put16(frame, kEthernet + 10, Checksum(frame, kEthernet, kEthernet + kIp, 0));
  const size_t tcp = kEthernet + kIp;
  Put16(frame, tcp, segment.source_port);
  Put16(frame, tcp + 2, segment.destination_port);
  Put32(frame, tcp + 4, segment.sequence);
  Put32(frame, tcp + 8, segment.acknowledgment);
  frame[tcp + 12] = static_cast<uint8_t>(header / 4 << 4);
  frame[tcp + 13] = segment.flags;
  Put16(frame, tcp + 14, segment.window);
  std::copy(segment.options.begin(), segment.options.end(),
            frame.begin() + static_cast<std::ptrdiff_t>(tcp + kTcp));
  std::copy(segment.payload.begin(), segment.payload.end(),
            frame.begin() + static_cast<std::ptrdiff_t>(tcp + header));
  Put16(frame, tcp + 16, Checksum(frame, tcp, frame.size(), PseudoHeader(frame, tcp_bytes)));
  return frame;
}

std::optional<Segment> ParseFrame(const Frame& frame) {
  const size_t tcp = kEthernet + kIp;
  if (frame.size() < tcp + kTcp || Get16(frame, 12) != 0x800 || frame[kEthernet] != 0x45 ||
      frame[kEthernet + 9] != 6) {
    return std::nullopt;
  }
  const size_t end = kEthernet + Get16(frame, kEthernet + 2);
  const size_t header = size_t{frame[tcp + 12]} >> 4 << 2;
  if (end > frame.size() || header < kTcp || tcp + header > end) return std::nullopt;
  if (Checksum(frame, kEthernet, tcp, 0) != 0 ||
      Checksum(frame, tcp, end, PseudoHeader(frame, end - tcp)) != 0) {
    return std::nullopt;
  }
  Segment segment;
  segment.source = Get32(frame, kEthernet + 12);
  segment.destination = Get32(frame, kEthernet + 16);
  segment.source_port = static_cast<uint16_t>(Get16(frame, tcp));
  segment.destination_port = static_cast<uint16_t>(Get16(frame, tcp + 2));
  segment.sequence = Get32(frame, tcp + 4);
  segment.acknowledgment = Get32(frame, tcp + 8);
  segment.flags = frame[tcp + 13];
  segment.window = static_cast<uint16_t>(Get16(frame, tcp + 14));
  segment.options.assign(frame.begin() + static_cast<std::ptrdiff_t>(tcp + kTcp),
                         frame.begin() + static_cast<std::ptrdiff_t>(tcp + header));
  segment.payload.assign(frame.begin() + static_cast<std::ptrdiff_t>(tcp + header),
                         frame.begin() + static_cast<std::ptrdiff_t>(end));
  return segment;
}

std::vector<Segment> RawClient::Collect() {
  std::vector<Segment> segments;
  while (!hosts_.link.there.empty() || !hosts_.link.back.empty()) {
    while (const auto frame = hosts_.link.there.Pop()) hosts_.server.Input(*frame);
    while (const auto frame = hosts_.link.back.Pop()) {
      auto segment = ParseFrame(*frame);
      if (segment && segment->destination_port == next_.source_port) {
        segments.push_back(std::move(*segment));
      } else {
        hosts_.client.Input(*frame);  // ARP, and others' connections
      }
    }
  }
  return segments;
}

std::vector<Segment> RawClient::Exchange(const Segment& segment) {
  hosts_.link.there.Push(BuildFrame(segment));
  return Collect();
}

std::vector<Segment> RawClient::Pass(uint64_t milliseconds) {
  // The client's own stack, which knows nothing of us, must not get them.
  std::vector<Segment> segments = Collect();
  for (uint64_t i = 0; i < milliseconds; i++) {
    hosts_.Pass(1);
    for (Segment& segment : Collect()) segments.push_back(std::move(segment));
  }
  return segments;
}

bool RawClient::Connect(std::vector<uint8_t> options, uint32_t sequence, uint16_t window) {
  next_.sequence = sequence;
  Segment syn = Next(kSyn);
  syn.window = window;
  syn.acknowledgment = 0;
  syn.options = std::move(options);
  const std::vector<Segment> answers = Exchange(syn);
  if (answers.size() != 1 || answers[0].flags != (kSyn | kAck) ||
      answers[0].acknowledgment != sequence + 1) {
    return false;
  }
  expected = answers[0].sequence + 1;
  next_.sequence++;
  Segment acknowledgment = Next(kAck);
  acknowledgment.window = window;
  Exchange(acknowledgment);
  return true;
}

Segment RawClient::Next(uint8_t flags, std::string payload) const {
  Segment segment = next_;
  segment.flags = flags;
  segment.acknowledgment = expected;
  segment.payload = std::move(payload);
  return segment;
}

}  // namespace shredder::net::lwip
