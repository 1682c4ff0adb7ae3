#include "runtime/server/memory_gauge.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

namespace shredder::server {

namespace {

constexpr uint64_t kPartLeft = 10;

net::UniqueFd Open(const std::string& path) {
  return net::UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

std::string Read(const net::UniqueFd& fd) {
  char text[8192];
  const ssize_t bytes = fd.valid() ? pread(fd.get(), text, sizeof text, 0) : 0;
  return std::string(text, bytes > 0 ? static_cast<size_t>(bytes) : 0);
}

std::optional<uint64_t> ToNumber(std::string_view text) {
  uint64_t number;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

// The number on the line that begins with the name.
std::optional<uint64_t> FieldOf(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(name)) {
      const size_t digit = line.find_first_of("0123456789", name.size());
      return digit == std::string_view::npos ? std::nullopt : ToNumber(line.substr(digit));
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return std::nullopt;
}

}  // namespace

MemoryGauge::MemoryGauge(const std::string& root) : machine_(Open(root + "/proc/meminfo")) {
  std::ifstream groups(root + "/proc/self/cgroup");
  constexpr std::string_view kUnified = "0::";
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with(kUnified)) continue;
    const std::string folder = root + "/sys/fs/cgroup" + line.substr(kUnified.size());
    group_limit_ = Open(folder + "/memory.max");
    group_use_ = Open(folder + "/memory.current");
    group_parts_ = Open(folder + "/memory.stat");
  }
}

bool MemoryGauge::IsShort() const {
  const std::string machine = Read(machine_);
  const auto total = FieldOf(machine, "MemTotal:");
  const auto available = FieldOf(machine, "MemAvailable:");
  if (total && available && *available < *total / kPartLeft) return true;
  // "max" where there is no limit.
  const auto limit = ToNumber(Read(group_limit_));
  const auto use = ToNumber(Read(group_use_));
  if (!limit || !use) return false;
  // The kernel takes files' pages back by itself.
  const uint64_t files = FieldOf(Read(group_parts_), "inactive_file ").value_or(0);
  return *use - std::min(files, *use) > *limit - *limit / kPartLeft;
}

}  // namespace shredder::server
