#include "runtime/net/socket_connection.h"

#include <sys/socket.h>

#include <cerrno>

namespace shredder::net {

namespace {

msghdr MessageOf(std::span<const iovec> parts) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());  // which is read only
  message.msg_iovlen = parts.size();
  return message;
}

Moved Result(ssize_t size) {
  if (size >= 0) return {.outcome = Moved::Outcome::kSome, .bytes = static_cast<size_t>(size)};
  const bool blocked = errno == EAGAIN || errno == EWOULDBLOCK;
  return {.outcome = blocked ? Moved::Outcome::kBlocked : Moved::Outcome::kFailed};
}

}  // namespace

Moved SocketConnection::Send(std::span<const iovec> parts) {
  const msghdr message = MessageOf(parts);
  ssize_t size;
  do {
    size = sendmsg(fd.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  return Result(size);
}

Moved SocketConnection::Receive(std::span<const iovec> parts) {
  msghdr message = MessageOf(parts);
  ssize_t size;
  do {
    size = recvmsg(fd.get(), &message, MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  return Result(size);
}

void SocketConnection::ShutdownSending() { shutdown(fd.get(), SHUT_WR); }

}  // namespace shredder::net
