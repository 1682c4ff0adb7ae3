// A shard's process, as its supervisor has it: started from this executable, with an end of a
// channel as its descriptor kChannelFd.
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
  // Null with a one-line reason in *error. `shard` is for who looks at the processes' list.
  static std::unique_ptr<Child> Start(uint32_t shard, std::string* error);
  // Ends the process if it has not ended, and waits for it.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable once the process has ended
  control::Channel& channel() { return channel_; }

  void Signal(int signal);
  // Ends the process, and waits until it has ended. What it has sent can be received still.
  void End();
  // The wait status, once the process has ended; nothing before.
  bool HasEnded(int* wait_status);

 private:
  Child(pid_t pid, net::UniqueFd pidfd, net::UniqueFd channel)
      : pid_(pid), pidfd_(std::move(pidfd)), channel_(std::move(channel)) {}

  const pid_t pid_;
  net::UniqueFd pidfd_;
  control::Channel channel_;
  bool has_ended_ = false;
};

}  // namespace shredder::supervisor
