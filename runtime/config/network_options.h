// Over what network the server is reached: the options of [dpdk], and `network`. values.h says what
// a setter returns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/config/config.h"

namespace shredder::config {

std::string SetNetwork(std::string_view text, ServerConfig* config);

std::string SetDpdkDevice(std::string_view text, DpdkPort* port);
// "10.0.0.2/24".
std::string SetDpdkAddress(std::string_view text, DpdkPort* port);
std::string SetDpdkAddress6(std::string_view text, DpdkPort* port);
std::string SetDpdkGateway(std::string_view text, DpdkConfig* dpdk);
std::string SetDpdkIdle(std::string_view text, DpdkConfig* dpdk);
std::string AddDpdkEal(std::string_view text, DpdkConfig* dpdk);

// What the clients of a shard connect to, in the card's network; null where there is no such card.
const DpdkPort* PortOf(const ServerConfig& config, uint32_t shard);

// Empty where the server's network makes sense as a whole, else what does not, and the remedy.
std::string CheckNetwork(const ServerConfig& config);

}  // namespace shredder::config
