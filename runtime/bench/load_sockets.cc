// The load generator over the kernel's sockets.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "runtime/bench/load_network.h"

namespace shredder::bench {
namespace {

constexpr int kMaxEvents = 256;

class SocketConnection final : public LoadConnection {
 public:
  SocketConnection(int epoll, const std::string& server, uint16_t port, size_t index)
      : epoll_(epoll), index_(index), fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (inet_pton(AF_INET, server.c_str(), &address.sin_addr) != 1) {
      FailLoad("not an IPv4 address: " + server);
    }
    const int on = 1;
    if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        fcntl(fd_, F_SETFL, O_NONBLOCK) != 0) {
      FailLoadWithErrno("cannot connect to " + server + ":" + std::to_string(port));
    }
    Watch(EPOLL_CTL_ADD, EPOLLIN);
  }
  ~SocketConnection() override { close(fd_); }

 protected:
  size_t Send(std::string_view bytes) override {
    const ssize_t size = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && errno != EAGAIN) FailLoadWithErrno("cannot send");
    return size < 0 ? 0 : static_cast<size_t>(size);
  }
  ptrdiff_t Receive(std::span<char> place) override {
    const ssize_t size = recv(fd_, place.data(), place.size(), 0);
    if (size < 0 && errno != EAGAIN) FailLoadWithErrno("cannot receive");
    return size;
  }
  void AwaitRoom(bool awaits) override {
    Watch(EPOLL_CTL_MOD, awaits ? uint32_t{EPOLLIN | EPOLLOUT} : uint32_t{EPOLLIN});
  }

 private:
  void Watch(int operation, uint32_t events) const {
    epoll_event event{.events = events, .data = {.u64 = index_}};
    if (epoll_ctl(epoll_, operation, fd_, &event) != 0) FailLoadWithErrno("epoll_ctl");
  }

  const int epoll_;
  const size_t index_;
  const int fd_;
};

class SocketNetwork final : public LoadNetwork {
 public:
  explicit SocketNetwork(const std::string& server)
      : server_(server), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) FailLoadWithErrno("epoll_create1");
  }
  ~SocketNetwork() override { close(epoll_); }

  std::unique_ptr<LoadConnection> Connect(uint16_t port, size_t index) override {
    return std::make_unique<SocketConnection>(epoll_, server_, port, index);
  }
  void Wait(int64_t wait_ns, std::vector<size_t>* ready) override {
    std::array<epoll_event, kMaxEvents> events;
    const timespec timeout = {.tv_sec = wait_ns / 1'000'000'000,
                              .tv_nsec = wait_ns % 1'000'000'000};
    int count;
    do {
      count = epoll_pwait2(epoll_, events.data(), kMaxEvents, &timeout, nullptr);
    } while (count < 0 && errno == EINTR);
    if (count < 0) FailLoadWithErrno("epoll_pwait2");
    for (int i = 0; i < count; i++) ready->push_back(events[i].data.u64);
  }

 private:
  const std::string server_;
  const int epoll_;
};

}  // namespace

std::unique_ptr<LoadNetwork> OpenSocketNetwork(const std::string& server) {
  return std::make_unique<SocketNetwork>(server);
}

}  // namespace shredder::bench
