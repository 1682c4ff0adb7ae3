// The server's options that are more than a number; values.h says what a setter returns.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/config/config.h"

namespace shredder::config {

std::string SetBind(std::string_view text, ServerConfig* config);
std::string SetPort(int64_t value, ServerConfig* config);
std::string SetShards(int64_t value, ServerConfig* config);
std::string SetUnixSocket(std::string_view text, ServerConfig* config);
std::string SetLogLevel(std::string_view text, ServerConfig* config);
std::string SetBackend(std::string_view text, ServerConfig* config);

}  // namespace shredder::config
