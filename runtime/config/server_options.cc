#include "runtime/config/server_options.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>
#include <iterator>

#include "runtime/config/values.h"

namespace shredder::config {
namespace {

constexpr size_t kMaxUnixPathLength = sizeof(sockaddr_un::sun_path) - 1;

}  // namespace

std::string SetBind(std::string_view text, ServerConfig* config) {
  const std::string address = text == "localhost" ? "127.0.0.1" : std::string(text);
  in6_addr parsed;
  if (inet_pton(AF_INET, address.c_str(), &parsed) != 1 &&
      inet_pton(AF_INET6, address.c_str(), &parsed) != 1) {
    return fmt::format("is '{}', not an IP address; give one such as 127.0.0.1 or ::1", text);
  }
  config->bind = address;
  return {};
}

std::string SetPort(int64_t value, ServerConfig* config) {
  std::string problem = CheckRange(value, 0, 65535);
  if (problem.empty()) config->port = static_cast<uint16_t>(value);
  return problem;
}

std::string SetShards(int64_t value, ServerConfig* config) {
  return SetCount<&ServerConfig::shards, 0, kMaxShards>(value, config);
}

std::string SetUnixSocket(std::string_view text, ServerConfig* config) {
  if (text.empty() || text.size() > kMaxUnixPathLength ||
      text.find('\0') != std::string_view::npos) {
    return fmt::format("has {} bytes; give a path of 1 to {} bytes without NUL", text.size(),
                       kMaxUnixPathLength);
  }
  config->unix_socket = text;
  return {};
}

std::string SetLogLevel(std::string_view text, ServerConfig* config) {
  constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
  if (std::find(std::begin(kLevels), std::end(kLevels), text) == std::end(kLevels)) {
    return fmt::format("is '{}', not a log level; give debug, info, warn or error", text);
  }
  config->log_level = text;
  return {};
}

std::string SetBackend(std::string_view text, ServerConfig* config) {
  if (text == "auto") {
    config->backend = net::Backend::kAuto;
  } else if (text == "io_uring") {
    config->backend = net::Backend::kIoUring;
  } else if (text == "epoll") {
    config->backend = net::Backend::kEpoll;
  } else {
    return fmt::format("is '{}', not a backend; give auto, io_uring or epoll", text);
  }
  return {};
}

}  // namespace shredder::config
