#include "runtime/net/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

namespace shredder::net {

namespace {

constexpr int kBacklog = 1024;  // the kernel caps it at net.core.somaxconn
constexpr mode_t kUnixSocketMode = 0700;

// A peer that is gone without a word is noticed after 300 + 3 * 100 seconds, as in Redis.
constexpr int kKeepaliveIdleSeconds = 300;
constexpr int kKeepaliveIntervalSeconds = 100;
constexpr int kKeepaliveProbes = 3;

std::string ErrnoText() { return std::strerror(errno); }

void SetOption(int fd, int level, int option, int value) {
  // Each is an improvement only; a socket without it still works.
  static_cast<void>(setsockopt(fd, level, option, &value, sizeof(value)));
}

std::string BindRemedy() {
  switch (errno) {
    case EADDRINUSE:
      return " (stop what listens there, or choose another port)";
    case EADDRNOTAVAIL:
      return " (choose an address of this machine)";
    case EACCES:
      return " (choose a port from 1024 up)";
    default:
      return "";
  }
}

// Whether somebody accepts connections on the socket file.
bool IsServed(const sockaddr_un& address) {
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return true;
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
         errno != ECONNREFUSED;
}

// Removes a socket file left behind by a dead server. False with a reason where the path is taken.
bool RemoveStaleSocket(const std::string& path, const sockaddr_un& address, std::string* reason) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return true;
    *reason = ErrnoText();
    return false;
  }
  if (!S_ISSOCK(status.st_mode)) {
    *reason = "a file that is not a socket is in the way (remove it, or choose another path)";
    return false;
  }
  if (IsServed(address)) {
    *reason = "another server listens there (stop it, or choose another path)";
    return false;
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    *reason = "cannot remove the stale socket: " + ErrnoText();
    return false;
  }
  return true;
}

uint16_t PortOf(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) close(fd_);
}

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) close(fd_);
    fd_ = other.Release();
  }
  return *this;
}

UniqueFd DuplicateFd(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

ListeningSocket ListeningSocket::OpenTcp(const std::string& address, uint16_t port,
                                         std::string* error) {
  const std::string where = "cannot listen on " + address + ":" + std::to_string(port) + ": ";
  addrinfo hints{};
  hints.ai_family = address == "*" ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(address == "*" ? nullptr : address.c_str(),
                                 std::to_string(port).c_str(), &hints, &found);
  if (status != 0) {
    *error = where + gai_strerror(status) + " (give an IP address or a known host name)";
    return {};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, freeaddrinfo);
  ListeningSocket listener;
  UniqueFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    *error = where + ErrnoText();
    return {};
  }
  SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (found->ai_family == AF_INET6) SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || listen(fd.get(), kBacklog) != 0) {
    *error = where + ErrnoText() + BindRemedy();
    return {};
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    *error = where + ErrnoText();
    return {};
  }
  listener.port_ = PortOf(bound);
  listener.fd_ = std::move(fd);
  return listener;
}

ListeningSocket ListeningSocket::OpenUnix(const std::string& path, std::string* error) {
  const std::string where = "cannot listen on unix:" + path + ": ";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    *error = where + "the path must have 1 to " + std::to_string(sizeof(address.sun_path) - 1) +
             " bytes";
    return {};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  std::string reason;
  if (!RemoveStaleSocket(path, address, &reason)) {
    *error = where + reason;
    return {};
  }
  ListeningSocket listener;
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // Linux gives the file the mode of the socket: no moment in which others could connect.
  if (!fd.valid() || fchmod(fd.get(), kUnixSocketMode) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    *error = where + ErrnoText();
    return {};
  }
  struct stat status{};
  if (stat(path.c_str(), &status) == 0) {
    listener.device_ = status.st_dev;
    listener.inode_ = status.st_ino;
  }
  listener.unix_path_ = path;
  listener.fd_ = std::move(fd);
  return listener;
}

ListeningSocket ListeningSocket::Adopt(UniqueFd fd, std::string* error) {
  const std::string where = "cannot listen on descriptor " + std::to_string(fd.get()) + ": ";
  int listening = 0;
  socklen_t listening_size = sizeof(listening);
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  if (getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_size) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    *error = where + ErrnoText() + " (hand over a listening socket)";
    return {};
  }
  const bool is_unix = bound.ss_family == AF_UNIX;
  if (listening == 0 || (!is_unix && bound.ss_family != AF_INET && bound.ss_family != AF_INET6)) {
    *error = where + "not a listening TCP or Unix socket (hand over one that is)";
    return {};
  }
  const int flags = fcntl(fd.get(), F_GETFL);
  if ((flags & O_NONBLOCK) == 0 && fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    *error = where + ErrnoText();
    return {};
  }
  ListeningSocket listener;
  if (is_unix) {
    const auto& address = reinterpret_cast<const sockaddr_un&>(bound);
    const size_t bytes = size - offsetof(sockaddr_un, sun_path);
    listener.unix_path_.assign(address.sun_path, strnlen(address.sun_path, bytes));
    // Of the abstract name space; written as ss and /proc/net/unix write it.
    if (listener.unix_path_.empty()) {
      listener.unix_path_ = "@" + std::string(address.sun_path + 1, bytes - 1);
    }
  } else {
    listener.port_ = PortOf(bound);
  }
  listener.fd_ = std::move(fd);
  return listener;
}

ListeningSocket::~ListeningSocket() {
  struct stat status{};
  if (valid() && !unix_path_.empty() && lstat(unix_path_.c_str(), &status) == 0 &&
      status.st_dev == device_ && status.st_ino == inode_) {
    unlink(unix_path_.c_str());
  }
}

// What was here goes with `other`.
ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(port_, other.port_);
  std::swap(unix_path_, other.unix_path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

void ListeningSocket::ConfigureAccepted(int fd) const {
  if (!unix_path_.empty()) return;
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

std::string ListeningSocket::PeerAddress(int fd) const {
  if (!unix_path_.empty()) return "unix:" + unix_path_;
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  char text[INET6_ADDRSTRLEN] = "";
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return "unknown:0";
  if (peer.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6&>(peer);
    inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof(text));
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(address.sin6_port));
  }
  const auto& address = reinterpret_cast<const sockaddr_in&>(peer);
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
  return std::string(text) + ":" + std::to_string(ntohs(address.sin_port));
}

}  // namespace shredder::net
