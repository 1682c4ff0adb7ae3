// The event loop over io_uring: multishot accept and receive into provided buffers, one system call
// a turn; a system call for each reply, and for large messages. Needs Linux 6.0 (multishot
// receive); uses SINGLE_ISSUER and DEFER_TASKRUN from 6.1 on.
#pragma once

#include <liburing.h>

#include <memory>
#include <string>
#include <thread>

#include "runtime/net/socket_loop.h"

namespace shredder::net {

class IoUringLoop final : public SocketLoop {
 public:
  // Null with a one-line reason in *error where the kernel does not grant what is needed: a trial
  // of each feature over a socket pair tells.
  static std::unique_ptr<IoUringLoop> Create(const EventLoopOptions& options, std::string* error);
  ~IoUringLoop() override;

  Backend backend() const override { return Backend::kIoUring; }
  void TrimBuffers() override;

 protected:
  void HandleEvents(int timeout_ms) override;
  void Submit() override;
  void StartAccepting(size_t listener) override;
  bool StopAccepting(size_t listener) override;
  bool StartWatching(const Watched& watched) override;
  void ArmWatch(const Watched& watched) override;
  void StopWatching(const Watched& watched) override;
  std::unique_ptr<LoopConnection> NewSocket(UniqueFd fd) override;
  bool nonblocking_sockets() const override { return false; }

 private:
  class Socket;
  // Buffers that the kernel receives into, handed back as soon as OnData has returned.
  class ReceiveBuffers {
   public:
    ~ReceiveBuffers();
    // Errno of the failing call, 0 for success.
    int Register(io_uring* ring);
    std::string_view Get(uint16_t id, size_t size) const;
    void Return(uint16_t id);
    // While none has anything that is still wanted, and the kernel receives nothing.
    void GiveBackMemory();

   private:
    io_uring_buf_ring* ring_ = nullptr;  // a mapping, as are the buffers
    char* bytes_ = nullptr;
  };
  struct Ring {
    ~Ring();
    io_uring ring;
    bool open = false;
  };

  IoUringLoop(const EventLoopOptions& options, UniqueFd wake_fd);

  bool Open(std::string* error);
  bool Try(std::string* error);
  void Enable();
  io_uring_sqe* NextSqe();
  void WatchWakeFd();
  void Cancel(uint64_t user_data);
  bool SpinForEvents();
  uint32_t SlotOf(unsigned completion) const;
  void Handle(const io_uring_cqe& cqe);
  void HandleAccept(size_t listener, const io_uring_cqe& cqe);
  void HandleAcceptable(size_t listener, const io_uring_cqe& cqe);
  Socket& SocketAt(uint32_t slot) const;
  void HandleReceive(Socket& connection, const io_uring_cqe& cqe);
  void HandleReceivable(Socket& connection);
  void HandleSendable(Socket& connection);
  // After a completion: true where the connection has left, or is about to.
  bool HasLeft(LoopConnection& connection);

  ReceiveBuffers buffers_;  // outlives the ring
  Ring ring_;
  bool enabled_ = false;
  // On a single processor a client gets nowhere while this thread spins.
  const bool spin_ = std::thread::hardware_concurrency() > 1;
  bool had_events_ = false;  // in the last turn
  bool closing_ = false;
  uint64_t wake_count_ = 0;
};

}  // namespace shredder::net
