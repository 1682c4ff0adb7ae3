#include "runtime/supervisor/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace shredder::supervisor {

namespace {

// The longest message that a sandboxed shard sends is of a library.
constexpr uint64_t kMaxSandboxedMessageBytes = 64 << 20;

bool MakeLogPipe(net::UniqueFd* ours, net::UniqueFd* theirs, std::string* error) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    *error = std::string("cannot make a pipe for a shard's log: ") + std::strerror(errno) +
             "; raise the limit of open files";
    return false;
  }
  *ours = net::UniqueFd(ends[0]);
  *theirs = net::UniqueFd(ends[1]);
  fcntl(ours->get(), F_SETFL, O_NONBLOCK);
  return true;
}

}  // namespace

std::unique_ptr<Child> Child::Start(uint32_t shard, bool is_sandboxed, std::string* error) {
  net::UniqueFd ours;
  net::UniqueFd theirs;
  net::UniqueFd our_log;
  net::UniqueFd their_log;
  if (!control::Channel::MakePair(&ours, &theirs, error) ||
      (is_sandboxed && !MakeLogPipe(&our_log, &their_log, error))) {
    return nullptr;
  }

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (is_sandboxed) {
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, their_log.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, their_log.get(), STDERR_FILENO);
  }
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), kChannelFd);
  posix_spawn_file_actions_addclosefrom_np(&actions, kChannelFd + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string name = "shredderd";
  std::string argument(kShardArgument);
  std::string number = std::to_string(shard);
  char* const argv[] = {name.data(), argument.data(), number.data(), nullptr};
  pid_t pid;
  char* const nothing[] = {nullptr};
  const int status = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv,
                                 is_sandboxed ? nothing : environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (status != 0) {
    *error = std::string("cannot start a shard: ") + std::strerror(status);
    return nullptr;
  }
  net::UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    *error = std::string("cannot watch a shard: pidfd_open: ") + std::strerror(errno) +
             "; Linux 5.3 has it";
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return nullptr;
  }
  control::Channel channel(std::move(ours),
                           is_sandboxed ? kMaxSandboxedMessageBytes : control::kMaxMessageBytes);
  return std::unique_ptr<Child>(
      new Child(pid, std::move(pidfd), std::move(channel), std::move(our_log)));
}

Child::~Child() { End(); }

void Child::End() {
  if (has_ended_) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  has_ended_ = true;
}

void Child::Signal(int signal) {
  if (!has_ended_) kill(pid_, signal);
}

bool Child::HasEnded(int* wait_status) {
  if (has_ended_) return true;
  has_ended_ = waitpid(pid_, wait_status, WNOHANG) == pid_;
  return has_ended_;
}

}  // namespace shredder::supervisor
