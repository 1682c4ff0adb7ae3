// Listening sockets and the options of accepted ones.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace shredder::net {

// Owns a descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd();
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_ = -1;
};

// Another descriptor of what `fd` is one of; invalid, with errno set, where there is room for none.
UniqueFd DuplicateFd(int fd);

// A bound, listening, non-blocking socket. Removes its Unix socket file when destroyed, unless
// another process has replaced that file.
class ListeningSocket {
 public:
  // Invalid with a one-line reason in *error. `address` is an IPv4 or IPv6 address, a host name, or
  // "*" for all IPv4 addresses.
  static ListeningSocket OpenTcp(const std::string& address, uint16_t port, std::string* error);
  // A socket file that nobody listens on is replaced. Only the owner may connect (mode 0700).
  static ListeningSocket OpenUnix(const std::string& path, std::string* error);
  // A socket that somebody else has bound and listens on; made non-blocking. Its socket file, if it
  // has one, is not removed.
  static ListeningSocket Adopt(UniqueFd fd, std::string* error);

  ListeningSocket() = default;
  ~ListeningSocket();
  ListeningSocket(ListeningSocket&&) noexcept = default;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;

  bool valid() const { return fd_.valid(); }
  int fd() const { return fd_.get(); }
  uint16_t port() const { return port_; }  // 0 for Unix sockets

  // Sets TCP_NODELAY and keepalive on an accepted socket; what Connection::peer_address tells of
  // it.
  void ConfigureAccepted(int fd) const;
  std::string PeerAddress(int fd) const;

 private:
  UniqueFd fd_;
  uint16_t port_ = 0;
  std::string unix_path_;
  dev_t device_ = 0;  // of the socket file
  ino_t inode_ = 0;   // 0: the file is somebody else's
};

}  // namespace shredder::net
