#include "runtime/net/dpdk/eal_log.h"

#include <bpf/libbpf.h>
#include <getopt.h>
#include <rte_log.h>
#include <xdp/libxdp.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>

namespace shredder::net::dpdk {
namespace {

// EAL's threads say things, too.
std::mutex mutex;
std::string first_error;
std::string first_warning;
std::string last_line;

std::string Trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(" \t\r\n"));
  const size_t end = text.find_last_not_of(" \t\r\n.");
  text.resize(end == std::string::npos ? 0 : end + 1);
  for (char& each : text) {
    if (static_cast<unsigned char>(each) < ' ') each = ' ';
  }
  constexpr size_t kLongest = 300;
  if (text.size() > kLongest) text.resize(kLongest);
  return text;
}

void Keep(std::string text, bool is_error, bool is_warning) {
  text = Trimmed(std::move(text));
  if (text.empty()) return;
  const std::lock_guard lock(mutex);
  if (is_error && first_error.empty()) first_error = text;
  if (is_warning && first_warning.empty()) first_warning = text;
  last_line = std::move(text);
}

ssize_t WriteLog(void*, const char* bytes, size_t count) {
  const int level = rte_log_cur_msg_loglevel();
  Keep({bytes, count}, level > 0 && level <= static_cast<int>(RTE_LOG_ERR),
       level == static_cast<int>(RTE_LOG_WARNING));
  // A panic's reason, before it ends the process.
  if (level > 0 && level <= static_cast<int>(RTE_LOG_CRIT)) std::fwrite(bytes, 1, count, stderr);
  return static_cast<ssize_t>(count);
}

std::string Formatted(const char* format, va_list arguments) {
  char text[512];
  std::vsnprintf(text, sizeof text, format, arguments);
  return text;
}

int KeepBpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level <= LIBBPF_INFO) Keep(Formatted(format, arguments), false, level == LIBBPF_WARN);
  return 0;
}

int KeepXdp(libxdp_print_level level, const char* format, va_list arguments) {
  if (level <= LIBXDP_INFO) Keep(Formatted(format, arguments), false, level == LIBXDP_WARN);
  return 0;
}

}  // namespace

void CaptureEalLog() {
  [[maybe_unused]] static const bool done = [] {
    FILE* const stream = fopencookie(nullptr, "w", {.write = WriteLog});
    // A message is written when its line ends.
    std::setvbuf(stream, nullptr, _IOLBF, 1024);
    rte_openlog_stream(stream);
    rte_log_set_global_level(RTE_LOG_NOTICE);
    libbpf_set_print(KeepBpf);
    libxdp_set_print(KeepXdp);
    return true;
  }();
}

void ClearEalLog() {
  const std::lock_guard lock(mutex);
  first_error.clear();
  first_warning.clear();
  last_line.clear();
}

std::string EalError() {
  const std::lock_guard lock(mutex);
  if (!first_error.empty()) return first_error;
  return first_warning.empty() ? last_line : first_warning;
}

DropOutput::DropOutput() : output_(stdout), errors_(stderr), null_(std::fopen("/dev/null", "w")) {
  // getopt prints, too, where it knows no option.
  opterr = 0;
  if (null_ == nullptr) return;
  stdout = null_;
  stderr = null_;
}

DropOutput::~DropOutput() {
  opterr = 1;
  stdout = output_;
  stderr = errors_;
  if (null_ != nullptr) std::fclose(null_);
}

}  // namespace shredder::net::dpdk
