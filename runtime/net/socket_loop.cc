#include "runtime/net/socket_loop.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

namespace shredder::net {

namespace {

constexpr uint64_t kAcceptRetryMs = 100;
// Of one listener in one turn. Fewer from a shared one: what this loop takes, no other can serve.
constexpr int kAcceptsPerTurn = 128;
constexpr int kSharedAcceptsPerTurn = 16;

// The flag is the open file's: it has the value that the loop before needed.
void SetNonblocking(int fd, bool nonblocking) {
  const int flags = fcntl(fd, F_GETFL);
  const int wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (flags >= 0 && wanted != flags) fcntl(fd, F_SETFL, wanted);
}

}  // namespace

SocketLoop::SocketLoop(const EventLoopOptions& options, UniqueFd wake_fd)
    : LoopBase(options), wake_fd_(std::move(wake_fd)) {}

void SocketLoop::Wake() {
  const int saved_errno = errno;
  const uint64_t one = 1;
  // Fails only where the counter is full, and then the loop wakes anyway.
  [[maybe_unused]] const ssize_t written = write(wake_fd_.get(), &one, sizeof(one));
  errno = saved_errno;
}

// ---- Listening

bool SocketLoop::ListenTcp(const std::string& address, uint16_t port, ConnectionHandler* handler,
                           std::string* error) {
  ListeningSocket socket = ListeningSocket::OpenTcp(address, port, error);
  if (!socket.valid()) return false;
  return Listen(std::move(socket), handler, /*shared=*/false);
}

bool SocketLoop::ListenUnix(const std::string& path, ConnectionHandler* handler,
                            std::string* error) {
  ListeningSocket socket = ListeningSocket::OpenUnix(path, error);
  return socket.valid() && Listen(std::move(socket), handler, /*shared=*/false);
}

bool SocketLoop::AdoptListener(UniqueFd fd, ConnectionHandler* handler, std::string* error) {
  ListeningSocket socket = ListeningSocket::Adopt(std::move(fd), error);
  return socket.valid() && Listen(std::move(socket), handler, /*shared=*/true);
}

bool SocketLoop::Listen(ListeningSocket socket, ConnectionHandler* handler, bool shared) {
  if (socket.port() != 0) bound_port_ = socket.port();
  listeners_.push_back(std::make_unique<Listener>(Listener{std::move(socket), handler, shared}));
  StartAccepting(listeners_.size() - 1);
  return true;
}

void SocketLoop::StopListening() {
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i]->stopped) continue;
    listeners_[i]->stopped = true;
    if (StopAccepting(i)) CloseListener(i);
  }
  Submit();
}

void SocketLoop::CloseListener(size_t index) {
  listener(index).accepting = false;
  listener(index).socket.reset();
}

// ---- Accepting

bool SocketLoop::AcceptWaiting(size_t index) {
  const Listener& from = listener(index);
  const int flags = SOCK_CLOEXEC | (nonblocking_sockets() ? SOCK_NONBLOCK : 0);
  for (int left = from.shared ? kSharedAcceptsPerTurn : kAcceptsPerTurn; left > 0; --left) {
    if (from.stopped) return true;  // by the handler of the one before
    UniqueFd fd(accept4(from.socket->fd(), nullptr, nullptr, flags));
    if (fd.valid()) {
      Accepted(index, std::move(fd));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return false;
    // The peer has given up, or the network has a complaint about it: on to the next.
  }
  return true;
}

void SocketLoop::Accepted(size_t index, UniqueFd fd) {
  const Listener& from = listener(index);
  if (!Admits()) {
    static_cast<void>(
        send(fd.get(), refusal().data(), refusal().size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    shutdown(fd.get(), SHUT_WR);
    return;
  }
  from.socket->ConfigureAccepted(fd.get());
  std::string peer = from.socket->PeerAddress(fd.get());
  Open(NewSocket(std::move(fd)), from.handler, std::move(peer));
}

void SocketLoop::AcceptFailed(size_t index) {
  listener(index).accepting = false;
  accept_again_at_ms_ = NowMs() + kAcceptRetryMs;
}

void SocketLoop::RunDue() {
  if (accept_again_at_ms_ == kForEver || NowMs() < accept_again_at_ms_) return;
  accept_again_at_ms_ = kForEver;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (!listeners_[i]->accepting && !listeners_[i]->stopped) StartAccepting(i);
  }
}

// ---- Adopting

void SocketLoop::Adopt(ReleasedConnection released, ConnectionHandler* handler, void* user_data) {
  SetNonblocking(released.fd.get(), nonblocking_sockets());
  std::unique_ptr<LoopConnection> connection = NewSocket(std::move(released.fd));
  TakeIn(std::move(connection), std::move(released), handler, user_data);
}

}  // namespace shredder::net
