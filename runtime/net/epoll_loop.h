// The event loop over epoll, level-triggered: runs on every Linux.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "runtime/net/loop_base.h"

namespace shredder::net {

class EpollLoop final : public LoopBase {
 public:
  // Null with a one-line reason in *error.
  static std::unique_ptr<EpollLoop> Create(const EventLoopOptions& options, std::string* error);
  ~EpollLoop() override;

  Backend backend() const override { return Backend::kEpoll; }

 protected:
  void HandleEvents(int timeout_ms) override;
  void Submit() override {}
  void StartAccepting(size_t listener) override;
  bool StopAccepting(size_t listener) override;
  bool StartWatching(const Watched& watched) override;
  void ArmWatch(const Watched&) override {}
  void StopWatching(const Watched& watched) override;
  void Detach(LoopConnection& connection) override;
  void Withdraw(LoopConnection& connection) override;
  bool Quiescent(const LoopConnection&) const override { return true; }
  void UpdateReading(LoopConnection& connection) override;
  void StartSending(LoopConnection& connection) override;
  bool nonblocking_sockets() const override { return true; }

 private:
  EpollLoop(const EventLoopOptions& options, UniqueFd wake_fd, UniqueFd epoll_fd);

  void Accept(size_t listener);
  // Makes what is registered with epoll what the connection wants.
  void Register(LoopConnection& connection);

  UniqueFd epoll_fd_;
};

}  // namespace shredder::net
