#include "runtime/config/network_options.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <string>

#include "runtime/config/values.h"

namespace shredder::config {
namespace {

constexpr size_t kMaxTextBytes = 1024;
constexpr size_t kMaxEalArguments = 64;

bool IsAddress(int family, const std::string& text) {
  in6_addr parsed;
  return inet_pton(family, text.c_str(), &parsed) == 1;
}

// A line without what ends one for somebody, so that it can be part of a message.
std::string CheckText(std::string_view text) {
  if (!text.empty() && text.size() <= kMaxTextBytes &&
      text.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos) {
    return {};
  }
  return fmt::format("has {} bytes; give a line of 1 to {}", text.size(), kMaxTextBytes);
}

}  // namespace

std::string SetNetwork(std::string_view text, ServerConfig* config) {
  if (text == "kernel") {
    config->network = Network::kKernel;
  } else if (text == "dpdk") {
    config->network = Network::kDpdk;
  } else {
    return fmt::format("is '{}', not a network; give kernel or dpdk", Quotable(text));
  }
  return {};
}

std::string SetDpdkDevice(std::string_view text, DpdkConfig* dpdk) {
  std::string problem = CheckText(text);
  if (problem.empty()) dpdk->device = text;
  return problem;
}

std::string SetDpdkAddress(std::string_view text, DpdkConfig* dpdk) {
  const size_t slash = std::min(text.find('/'), text.size());
  const std::string_view length = text.substr(std::min(slash + 1, text.size()));
  uint8_t bits = 0;
  const auto [end, failure] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (!IsAddress(AF_INET, std::string(text.substr(0, slash))) || failure != std::errc{} ||
      end != length.data() + length.size() || bits < 1 || bits > 31) {
    return fmt::format("is '{}', not an IPv4 address and its network; give one such as 10.0.0.2/24",
                       Quotable(text));
  }
  dpdk->address = text.substr(0, slash);
  dpdk->prefix_bits = bits;
  return {};
}

std::string SetDpdkAddress6(std::string_view text, DpdkConfig* dpdk) {
  if (!IsAddress(AF_INET6, std::string(text))) {
    return fmt::format("is '{}', not an IPv6 address; give one such as fd00::2", Quotable(text));
  }
  dpdk->address6 = text;
  return {};
}

std::string SetDpdkGateway(std::string_view text, DpdkConfig* dpdk) {
  if (!IsAddress(AF_INET, std::string(text))) {
    return fmt::format("is '{}', not an IPv4 address; give one such as 10.0.0.1", Quotable(text));
  }
  dpdk->gateway = text;
  return {};
}

std::string SetDpdkIdle(std::string_view text, DpdkConfig* dpdk) {
  if (text != "sleep" && text != "spin") {
    return fmt::format("is '{}'; give sleep or spin", Quotable(text));
  }
  dpdk->spins = text == "spin";
  return {};
}

std::string AddDpdkEal(std::string_view text, DpdkConfig* dpdk) {
  if (dpdk->eal.size() == kMaxEalArguments) {
    return fmt::format("has more than {} arguments; remove some", kMaxEalArguments);
  }
  std::string problem = CheckText(text);
  if (problem.empty()) dpdk->eal.emplace_back(text);
  return problem;
}

std::string CheckNetwork(const ServerConfig& config) {
  if (config.network == Network::kKernel) return {};
  if (config.dpdk.device.empty()) {
    return "network is dpdk, and no device is named; give [dpdk] device, such as 0000:03:00.1";
  }
  if (config.dpdk.address.empty()) {
    return "network is dpdk, and there is no address; give [dpdk] address, such as 10.0.0.2/24";
  }
  if (config.port == 0) return "network is dpdk, and port is 0; give the port that clients know";
  if (config.shards != 0u) {
    return "network is dpdk, whose device one process has; give shards = 0";
  }
  return {};
}

}  // namespace shredder::config
