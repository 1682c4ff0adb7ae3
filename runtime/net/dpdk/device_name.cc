#include "runtime/net/dpdk/device_name.h"

#include <algorithm>
#include <cctype>

namespace shredder::net::dpdk {
namespace {

bool IsHex(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

// "0000:03:00.1"
bool IsPciAddress(std::string_view text) {
  return text.size() == 12 && text[4] == ':' && text[7] == ':' && text[10] == '.' &&
         IsHex(text.substr(0, 4)) && IsHex(text.substr(5, 2)) && IsHex(text.substr(8, 2)) &&
         text[11] >= '0' && text[11] <= '7';
}

bool IsNumbered(std::string_view name, std::string_view driver) {
  if (!name.starts_with(driver)) return false;
  name.remove_prefix(driver.size());
  return !name.empty() && name.size() <= 4 &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c) != 0; });
}

// What DPDK's driver knows; where it finds another, it takes none of them, and the defaults.
constexpr std::string_view kMemifArguments[] = {
    "role", "socket", "socket-abstract", "id", "rsize", "bsize", "mac", "secret", "zero-copy"};

std::string MemifArguments() {
  std::string text;
  for (const std::string_view each : kMemifArguments) {
    if (!text.empty()) text += ", ";
    text += each;
  }
  return text;
}

// The first argument of a memif that its driver does not know; empty where there is none.
std::string UnknownArgument(const DeviceName& device) {
  std::string_view rest = device.arguments;
  while (device.kind == DeviceKind::kMemif && !rest.empty()) {
    const std::string_view each = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), each.size() + 1));
    const std::string_view key = each.substr(0, each.find('='));
    if (std::ranges::find(kMemifArguments, key) == std::end(kMemifArguments)) {
      return std::string(each);
    }
  }
  return "";
}

}  // namespace

std::optional<std::string> DeviceName::Argument(std::string_view key) const {
  std::string_view rest = arguments;
  while (!rest.empty()) {
    const std::string_view each = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), each.size() + 1));
    if (each.starts_with(key) && each.substr(key.size()).starts_with('=')) {
      return std::string(each.substr(key.size() + 1));
    }
  }
  return std::nullopt;
}

std::optional<DeviceName> ParseDevice(std::string_view text, std::string* error) {
  const size_t comma = text.find(',');
  DeviceName device;
  device.name = text.substr(0, comma);
  if (comma != std::string_view::npos) device.arguments = text.substr(comma + 1);
  const bool printable =
      std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c < 0x7f; });
  if (printable && IsPciAddress(device.name)) {
    device.kind = DeviceKind::kPci;
  } else if (printable && IsNumbered(device.name, "net_memif")) {
    device.kind = DeviceKind::kMemif;
  } else if (printable && IsNumbered(device.name, "net_af_xdp")) {
    device.kind = DeviceKind::kAfXdp;
  } else {
    *error = "\"" + std::string(text) +
             "\" is no device: write a PCI address (0000:03:00.1), net_af_xdp0,iface=NAME or "
             "net_memif0,role=server,socket=PATH,socket-abstract=no";
    return std::nullopt;
  }
  if (const std::string unknown = UnknownArgument(device); !unknown.empty()) {
    *error = device.name + " has no argument \"" + unknown + "\": it has " + MemifArguments();
    return std::nullopt;
  }
  if (device.kind == DeviceKind::kAfXdp && !device.Argument("iface")) {
    *error = device.name + " lacks the interface that it is to use: write " + device.name +
             ",iface=NAME";
    return std::nullopt;
  }
  return device;
}

}  // namespace shredder::net::dpdk
