#include "runtime/supervisor/child.h"

#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

extern char** environ;

namespace shredder::supervisor {

std::unique_ptr<Child> Child::Start(uint32_t shard, std::string* error) {
  net::UniqueFd ours;
  net::UniqueFd theirs;
  if (!control::Channel::MakePair(&ours, &theirs, error)) return nullptr;

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), kChannelFd);
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
  const int status = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, environ);
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
  return std::unique_ptr<Child>(new Child(pid, std::move(pidfd), std::move(ours)));
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
