#include "runtime/control/process.h"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

namespace shredder::control {

std::string ExecutablePath() {
  std::array<char, PATH_MAX> path;
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
  return length <= 0 ? std::string() : std::string(path.data(), static_cast<size_t>(length));
}

std::string RandomRunId() {
  std::array<unsigned char, 20> bytes;
  std::string id;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) bytes.fill(0);
  for (const unsigned char byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

uint64_t UnixMs() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void LimitCoreDumps(bool allowed) {
  rlimit limit{};
  if (getrlimit(RLIMIT_CORE, &limit) != 0) return;
  limit.rlim_cur = allowed ? limit.rlim_max : 0;
  setrlimit(RLIMIT_CORE, &limit);
}

namespace {

// The name that the file has until it is whole.
std::string TemporaryPortFile(const std::string& path) {
  return fmt::format("{}.{}", path, getpid());
}

std::string PortFileError(const std::string& path) {
  return fmt::format("--port-file {}: cannot be written: {}; give a path in a writable folder",
                     path, std::strerror(errno));
}

}  // namespace

bool CheckPortFile(const std::string& path, std::string* error) {
  const std::string temporary = TemporaryPortFile(path);
  std::FILE* file = std::fopen(temporary.c_str(), "we");
  if (!file) {
    *error = PortFileError(path);
    return false;
  }
  std::fclose(file);
  std::remove(temporary.c_str());
  return true;
}

bool WritePortFile(const std::string& path, uint16_t port, std::string* error) {
  const std::string temporary = TemporaryPortFile(path);
  std::FILE* file = std::fopen(temporary.c_str(), "we");
  bool written = file != nullptr;
  if (file) {
    written = std::fprintf(file, "%u\n", static_cast<unsigned>(port)) > 0;
    written = std::fclose(file) == 0 && written;
  }
  if (written && std::rename(temporary.c_str(), path.c_str()) == 0) return true;
  *error = PortFileError(path);
  std::remove(temporary.c_str());
  return false;
}

}  // namespace shredder::control
