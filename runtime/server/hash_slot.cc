#include "runtime/server/hash_slot.h"

#include <array>
#include <cstddef>

namespace shredder::server {
namespace {

// CRC-16/XMODEM: of the polynomial 0x1021, from 0, nothing reflected.
constexpr std::array<uint16_t, 256> MakeCrcTable() {
  std::array<uint16_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
    table[byte] = static_cast<uint16_t>(crc);
  }
  return table;
}
constexpr std::array<uint16_t, 256> kCrcTable = MakeCrcTable();

std::string_view Hashed(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

}  // namespace

uint32_t HashSlot(std::string_view key) {
  uint16_t crc = 0;
  for (const char each : Hashed(key)) {
    crc =
        static_cast<uint16_t>(crc << 8 ^ kCrcTable[(crc >> 8 ^ static_cast<uint8_t>(each)) & 0xff]);
  }
  return crc % kHashSlots;
}

}  // namespace shredder::server
