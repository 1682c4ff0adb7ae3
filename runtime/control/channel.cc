#include "runtime/control/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace shredder::control {

namespace {

// What precedes a message: the lengths of its parts.
struct Header {
  uint32_t kind_bytes;
  uint32_t json_bytes;
  uint32_t bytes;
  uint32_t fds;
};

constexpr size_t kReadBytes = 64 * 1024;
// Consumed input that is kept before the rest moves to the front.
constexpr size_t kMoveBytes = 1 << 20;

uint64_t BodyBytes(const Header& header) {
  return uint64_t{header.kind_bytes} + header.json_bytes + header.bytes;
}

void WaitFor(int fd, short events) {
  pollfd waiting{.fd = fd, .events = events, .revents = 0};
  while (poll(&waiting, 1, -1) < 0 && errno == EINTR) {
  }
}

}  // namespace

bool Channel::MakePair(net::UniqueFd* first, net::UniqueFd* second, std::string* error) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    *error = std::string("cannot make a channel to a shard: socketpair: ") + std::strerror(errno) +
             "; raise the limit of open files";
    return false;
  }
  *first = net::UniqueFd(pair[0]);
  *second = net::UniqueFd(pair[1]);
  return true;
}

Channel::Channel(net::UniqueFd fd, uint64_t max_received_bytes)
    : fd_(std::move(fd)), max_received_bytes_(max_received_bytes) {
  fcntl(fd_.get(), F_SETFL, fcntl(fd_.get(), F_GETFL) | O_NONBLOCK);
}

void Channel::Send(Message message) {
  if (!open_) return;
  const Header header = {
      static_cast<uint32_t>(message.kind.size()), static_cast<uint32_t>(message.json.size()),
      static_cast<uint32_t>(message.bytes.size()), static_cast<uint32_t>(message.fds.size())};
  Unsent& unsent = unsent_.emplace_back();
  unsent.bytes.reserve(sizeof header + BodyBytes(header));
  unsent.bytes.append(reinterpret_cast<const char*>(&header), sizeof header);
  unsent.bytes.append(message.kind).append(message.json).append(message.bytes);
  unsent.fds = std::move(message.fds);
  Flush();
}

void Channel::Flush() {
  while (open_ && !unsent_.empty()) {
    Unsent& unsent = unsent_.front();
    iovec part{unsent.bytes.data() + unsent.sent, unsent.bytes.size() - unsent.sent};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) char space[CMSG_SPACE(kMaxMessageFds * sizeof(int))];
    if (!unsent.fds.empty()) {
      header.msg_control = space;
      header.msg_controllen = CMSG_SPACE(unsent.fds.size() * sizeof(int));
      cmsghdr* rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(unsent.fds.size() * sizeof(int));
      for (size_t i = 0; i < unsent.fds.size(); i++) {
        const int fd = unsent.fds[i].get();
        std::memcpy(CMSG_DATA(rights) + i * sizeof fd, &fd, sizeof fd);
      }
    }
    const ssize_t sent = sendmsg(fd_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      // ETOOMANYREFS: so many descriptors are on their way that the kernel wants them taken first.
      if (errno == ETOOMANYREFS || errno == ENOBUFS || errno == ENOMEM) return;
      open_ = false;
      return;
    }
    unsent.fds.clear();
    unsent.sent += static_cast<size_t>(sent);
    if (unsent.sent == unsent.bytes.size()) unsent_.pop_front();
  }
}

bool Channel::FlushAll() {
  for (Flush(); open_ && has_unsent(); Flush()) WaitFor(fd_.get(), POLLOUT);
  return open_;
}

// Takes what has arrived; false where nothing has.
bool Channel::Read() {
  char buffer[kReadBytes];
  iovec part{buffer, sizeof buffer};
  alignas(cmsghdr) char space[CMSG_SPACE(16 * kMaxMessageFds * sizeof(int))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = space;
  header.msg_controllen = sizeof space;
  const ssize_t size = recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) open_ = false;
    return false;
  }
  for (cmsghdr* part_header = CMSG_FIRSTHDR(&header); part_header != nullptr;
       part_header = CMSG_NXTHDR(&header, part_header)) {
    if (part_header->cmsg_level != SOL_SOCKET || part_header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part_header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part_header) + i * sizeof fd, sizeof fd);
      received_fds_.emplace_back(fd);
    }
  }
  // A descriptor that this process has no room for is lost, and which one is not told. More of them
  // than the message that is arriving and the next one have belong to none.
  if (size == 0 || (header.msg_flags & MSG_CTRUNC) != 0 ||
      received_fds_.size() > 2 * kMaxMessageFds) {
    open_ = false;
    return false;
  }
  received_.append(buffer, static_cast<size_t>(size));
  return true;
}

std::optional<Message> Channel::Parse() {
  const std::string_view rest = std::string_view(received_).substr(parsed_);
  Header header;
  if (rest.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, rest.data(), sizeof header);
  if (BodyBytes(header) > max_received_bytes_ || header.fds > kMaxMessageFds) {
    open_ = false;
    return std::nullopt;
  }
  if (rest.size() < sizeof header + BodyBytes(header)) return std::nullopt;
  if (header.fds > received_fds_.size()) {
    open_ = false;
    return std::nullopt;
  }
  Message message;
  size_t at = sizeof header;
  message.kind = rest.substr(at, header.kind_bytes);
  at += header.kind_bytes;
  message.json = rest.substr(at, header.json_bytes);
  at += header.json_bytes;
  message.bytes = rest.substr(at, header.bytes);
  at += header.bytes;
  for (uint32_t i = 0; i < header.fds; i++) {
    message.fds.push_back(std::move(received_fds_.front()));
    received_fds_.pop_front();
  }
  parsed_ += at;
  if (parsed_ == received_.size()) {
    received_.clear();
    parsed_ = 0;
  } else if (parsed_ > kMoveBytes) {
    received_.erase(0, parsed_);
    parsed_ = 0;
  }
  return message;
}

std::optional<Message> Channel::Receive() {
  std::optional<Message> message = Parse();
  while (!message && open_ && Read()) message = Parse();
  return message;
}

std::optional<Message> Channel::Wait() {
  for (;;) {
    if (std::optional<Message> message = Receive()) return message;
    if (!open_) return std::nullopt;
    WaitFor(fd_.get(), POLLIN);
  }
}

}  // namespace shredder::control
