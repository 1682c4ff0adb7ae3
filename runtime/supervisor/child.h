// A shard's process, as its supervisor has it: started from this executable, with an end of a
// channel as its descriptor kChannelFd, and no other descriptor than that and the standard ones.
//
// Thread: the supervisor's.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "runtime/control/channel.h"
#include "runtime/net/socket.h"

namespace shredder::supervisor {

// The first argument of a shard's command line.
inline constexpr std::string_view kShardArgument = "shard-process";
inline constexpr int kChannelFd = 3;

class Child {
 public:
  // Null with a one-line reason in *error. `shard` is for who looks at the processes' list. A
  // sandboxed one has no environment, and writes what it logs into a pipe, log_fd(): nothing that
  // was told to this process is its business, and what it writes may be anything.
  static std::unique_ptr<Child> Start(uint32_t shard, bool is_sandboxed, std::string* error);
  // Ends the process if it has not ended, and waits for it.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable once the process has ended
  control::Channel& channel() { return channel_; }
  int log_fd() const { return log_.get(); }  // non-blocking; -1 where there is none
  void CloseLog() { log_ = net::UniqueFd(); }

  void Signal(int signal);
  // Ends the process, and waits until it has ended. What it has sent can be received still.
  void End();
  // The wait status, once the process has ended; nothing before.
  bool HasEnded(int* wait_status);

 private:
  Child(pid_t pid, net::UniqueFd pidfd, control::Channel channel, net::UniqueFd log)
      : pid_(pid), pidfd_(std::move(pidfd)), channel_(std::move(channel)), log_(std::move(log)) {}

  const pid_t pid_;
  net::UniqueFd pidfd_;
  control::Channel channel_;
  net::UniqueFd log_;
  bool has_ended_ = false;
};

}  // namespace shredder::supervisor
