#include "runtime/sandbox/sandbox_test_support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/sandbox/sandbox.h"

namespace shredder::sandbox {
namespace {

constexpr char kSecret[] = "of another tenant";
constexpr size_t kSecretBytes = 4096;
// Exit codes that no attempt has.
constexpr int kNotLocked = 99;

ConfineOptions Options() {
  return {.number = kNumber, .max_file_bytes = kMaxFileBytes, .core_dumps = false};
}

Outcome InChild(const std::function<int()>& body) {
  const pid_t pid = fork();
  if (pid == 0) {
    // What a shard is not given it does not have.
    syscall(SYS_close_range, kLastKeptFd + 1, ~0u, 0);
    _exit(body());
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  Outcome outcome;
  if (WIFSIGNALED(status)) {
    outcome.signal = WTERMSIG(status);
  } else {
    outcome.code = WEXITSTATUS(status);
  }
  return outcome;
}

}  // namespace

Outcome TryLocked(const std::function<int()>& attempt) {
  return InChild([&] {
    Confine(Options());
    std::string error;
    if (!Lock(&error)) {
      std::fprintf(stderr, "%s\n", error.c_str());
      return kNotLocked;
    }
    return attempt();
  });
}

Outcome TryConfined(const std::function<int()>& attempt) {
  return InChild([&] {
    Confine(Options());
    return attempt();
  });
}

Outcome TryFree(const std::function<int()>& attempt) { return InChild(attempt); }

std::vector<std::string> MissingHere() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {"a pipe for the test"};
  const pid_t pid = fork();
  if (pid == 0) {
    for (const std::string& line : Confine(Options())) dprintf(ends[1], "%s\n", line.c_str());
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t size; (size = read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(size));
  }
  close(ends[0]);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  std::vector<std::string> lines;
  for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
    lines.push_back(text.substr(0, end));
  }
  return lines;
}

bool IsMissing(const std::string& what) {
  const std::vector<std::string> missing = MissingHere();
  return std::any_of(missing.begin(), missing.end(),
                     [&](const std::string& line) { return line.find(what) != std::string::npos; });
}

Neighbour::Neighbour() {
  const int file = memfd_create("neighbour", 0);
  if (file < 0 || ftruncate(file, kSecretBytes) != 0) std::abort();
  void* const mapped = mmap(nullptr, kSecretBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) std::abort();
  secret_ = static_cast<char*>(mapped);
  std::memcpy(secret_, kSecret, sizeof kSecret);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(file, kSecretFd);
    for (;;) pause();
  }
  close(file);
  // Children that try something do not begin with what they are to get.
  madvise(secret_, kSecretBytes, MADV_DONTFORK);
}

Neighbour::~Neighbour() {
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  munmap(secret_, kSecretBytes);
}

bool Neighbour::IsUnharmed() const {
  int status = 0;
  return waitpid(pid_, &status, WNOHANG | WUNTRACED) == 0 &&
         std::memcmp(secret_, kSecret, sizeof kSecret) == 0;
}

}  // namespace shredder::sandbox
