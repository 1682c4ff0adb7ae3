#include "runtime/config/network_options.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

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

std::string SetDpdkDevice(std::string_view text, DpdkPort* port) {
  std::string problem = CheckText(text);
  if (problem.empty()) port->device = text;
  return problem;
}

std::string SetDpdkAddress(std::string_view text, DpdkPort* port) {
  const size_t slash = std::min(text.find('/'), text.size());
  const std::string_view length = text.substr(std::min(slash + 1, text.size()));
  uint8_t bits = 0;
  const auto [end, failure] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (!IsAddress(AF_INET, std::string(text.substr(0, slash))) || failure != std::errc{} ||
      end != length.data() + length.size() || bits < 1 || bits > 31) {
    return fmt::format("is '{}', not an IPv4 address and its network; give one such as 10.0.0.2/24",
                       Quotable(text));
  }
  port->address = text.substr(0, slash);
  port->prefix_bits = bits;
  return {};
}

std::string SetDpdkAddress6(std::string_view text, DpdkPort* port) {
  if (!IsAddress(AF_INET6, std::string(text))) {
    return fmt::format("is '{}', not an IPv6 address; give one such as fd00::2", Quotable(text));
  }
  // As others are written that are the same.
  in6_addr address;
  inet_pton(AF_INET6, std::string(text).c_str(), &address);
  char canonical[INET6_ADDRSTRLEN];
  port->address6 = inet_ntop(AF_INET6, &address, canonical, sizeof canonical);
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

const DpdkPort* PortOf(const ServerConfig& config, uint32_t shard) {
  const bool is_there = config.network == Network::kDpdk && shard < config.dpdk.ports.size();
  return is_there ? &config.dpdk.ports[shard] : nullptr;
}

std::string CheckNetwork(const ServerConfig& config) {
  if (config.network == Network::kKernel) return {};
  if (!config.shards) {
    return "network is dpdk, and nothing says of how many shards; give shards, 0 for one process";
  }
  const std::vector<DpdkPort>& ports = config.dpdk.ports;
  const uint64_t wanted = std::max<uint64_t>(1, *config.shards);
  const auto named = [&](auto member) {
    return static_cast<uint64_t>(std::count_if(
        ports.begin(), ports.end(), [&](const DpdkPort& port) { return !(port.*member).empty(); }));
  };
  const auto too_few = [&](std::string_view key, uint64_t count, std::string_view example) {
    return fmt::format(
        "network is dpdk, and [dpdk] {} is given {} times, not {}, once for each process; give one "
        "such as {}",
        key, count, wanted, example);
  };
  if (const uint64_t count = named(&DpdkPort::device); count != wanted) {
    return too_few("device", count, "0000:03:00.1");
  }
  if (const uint64_t count = named(&DpdkPort::address); count != wanted) {
    return too_few("address", count, "10.0.0.2/24");
  }
  if (ports.size() > wanted) {
    return "network is dpdk, and [dpdk] core or address6 is given more often than device";
  }
  const auto cores = std::count_if(ports.begin(), ports.end(),
                                   [](const DpdkPort& port) { return port.core.has_value(); });
  if (cores != 0 && static_cast<uint64_t>(cores) != wanted) {
    return too_few("core", static_cast<uint64_t>(cores), "2");
  }
  // Clients find a shard by its address.
  for (size_t i = 1; i < ports.size(); i++) {
    for (size_t j = 0; j < i; j++) {
      for (const auto member : {&DpdkPort::device, &DpdkPort::address, &DpdkPort::address6}) {
        const std::string& text = ports[i].*member;
        if (text.empty() || text != ports[j].*member) continue;
        return fmt::format(
            "network is dpdk, and shards {} and {} both have {}; give each its own device and "
            "addresses",
            j, i, Quotable(text));
      }
      if (ports[i].core && ports[i].core == ports[j].core) {
        return fmt::format(
            "network is dpdk, and shards {} and {} both have core {}; give each its own", j, i,
            *ports[i].core);
      }
    }
  }
  if (config.port == 0) return "network is dpdk, and port is 0; give the port that clients know";
  return {};
}

}  // namespace shredder::config
