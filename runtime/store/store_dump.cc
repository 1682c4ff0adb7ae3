// Attaches the store whose memory is descriptor 3, with all checks, and prints what it holds: a
// line "OK", then one for each key: key and value in hexadecimal digits, each behind an x, and the
// expiry in Unix ms, 0 where there is none. Where it is refused, the one line is the reason, and
// the exit code 1. For tests; its clock stands at 0, so that nothing has expired.
//
//   store_dump 3<>/proc/PID/fd/N
#include <cinttypes>
#include <cstdio>
#include <string>
#include <string_view>

#include "runtime/store/store.h"

namespace shredder::store {
namespace {

constexpr int kMemoryDescriptor = 3;

std::string HexOf(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex = "x";
  for (const char byte : bytes) {
    hex += kDigits[static_cast<uint8_t>(byte) >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

int Dump() {
  std::string error;
  const auto store = Store::Attach(kMemoryDescriptor, true, &error);
  if (store == nullptr) {
    std::printf("%s\n", error.c_str());
    return 1;
  }
  store->SetNow(0);
  std::puts("OK");
  uint64_t cursor = 0;
  do {
    cursor = store->Scan(cursor, 1000, [&](std::string_view name) {
      const Key key = *Key::FromBytes(name);
      std::printf("%s %s %" PRIu64 "\n", HexOf(name).c_str(), HexOf(*store->Get(key)).c_str(),
                  *store->ExpiresAt(key));
    });
  } while (cursor != 0);
  return 0;
}

}  // namespace
}  // namespace shredder::store

int main() { return shredder::store::Dump(); }
