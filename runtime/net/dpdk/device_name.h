// A device as DPDK is told of it: what it is called, what kind it is, its arguments.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shredder::net::dpdk {

enum class DeviceKind { kMemif, kAfXdp, kPci };

struct DeviceName {
  DeviceKind kind = DeviceKind::kPci;
  std::string name;       // "net_memif0", "0000:03:00.1"
  std::string arguments;  // "role=server,socket=..."; empty: none

  // The value of an argument; none where it is not there.
  std::optional<std::string> Argument(std::string_view key) const;
};

// None with a line in *error where the text names no device of a kind that is built in.
std::optional<DeviceName> ParseDevice(std::string_view text, std::string* error);

}  // namespace shredder::net::dpdk
