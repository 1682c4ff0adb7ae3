// A network between a client and a server of one machine: takes TCP connections, opens one to the
// server for each, and passes bytes on in both directions, each half a round trip after the link
// had carried it. All connections share one link in each direction, of so many bits a second, on
// which bytes travel in Ethernet frames.
//
//   shredder-relay PORT    PORT is the server's, on 127.0.0.1
//
// Prints the port that it listens on, on 127.0.0.1, and then answers each line of standard input by
// one, until standard input ends:
//
//   set ROUND_TRIP_US GBIT_PER_S   from now on; 0 Gbit/s: no limit. `ok`
//   lateness                       of all bytes since the last `set`: how long after its time a
//                                  chunk was passed on. `CHUNKS P50_US P99_US`
//
// It polls without a pause while bytes are under way, and for a while after, so it takes a whole
// core then: a processor that sleeps takes longer to wake than what is to be emulated.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace shredder::bench {
namespace {

// Read at a time, and passed on as one.
constexpr size_t kChunkBytes = 16 * 1024;
// Of one direction of a connection; what is more waits with its sender.
constexpr size_t kMaxQueuedBytes = 8 << 20;
// Ethernet: bytes of TCP's payload in a frame, and what a frame takes besides: preamble, header,
// checksum and gap, IPv4 and TCP with timestamps.
constexpr size_t kSegmentBytes = 1448;
constexpr size_t kFrameBytes = 90;
constexpr int64_t kPollForNs = 20'000'000;
constexpr size_t kMaxLateness = 1'000'000;
constexpr int kMaxEvents = 64;

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "shredder-relay: %s\n", message.c_str());
  std::exit(1);
}

[[noreturn]] void FailWithErrno(const std::string& what) {
  Fail(what + ": " + std::strerror(errno));
}

int64_t NowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void Prepare(int fd) {
  const int on = 1;
  if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
    FailWithErrno("a socket");
  }
}

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// One direction of all connections: bytes go onto it one after the other.
struct Link {
  int64_t free_at_ns = 0;
};

struct Network {
  int64_t one_way_ns = 0;
  double ns_per_byte = 0;

  // When the bytes that enter the link now have left it at the other end.
  int64_t ArrivalOf(size_t bytes, int64_t now_ns, Link* link) const {
    const size_t frames = (bytes + kSegmentBytes - 1) / kSegmentBytes;
    const auto takes_ns =
        static_cast<int64_t>(static_cast<double>(bytes + frames * kFrameBytes) * ns_per_byte);
    link->free_at_ns = std::max(link->free_at_ns, now_ns) + takes_ns;
    return link->free_at_ns + one_way_ns;
  }
};

struct Chunk {
  int64_t due_ns;
  size_t size;
  size_t sent;
  std::unique_ptr<std::array<char, kChunkBytes>> bytes;
};

class Relay {
 public:
  explicit Relay(uint16_t server_port) : server_port_(server_port) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address = Loopback(0);
    socklen_t length = sizeof address;
    if (epoll_ < 0 || listener_ < 0 ||
        bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, SOMAXCONN) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      FailWithErrno("cannot listen");
    }
    Watch(listener_, &listener_);
    Watch(STDIN_FILENO, &epoll_);
    Answer(std::to_string(ntohs(address.sin_port)));
  }

  void Run() {
    std::array<epoll_event, kMaxEvents> events;
    int64_t poll_until_ns = 0;
    bool under_way = false;
    while (!ended_) {
      // No event tells when bytes are due, so that it must not sleep on any, however late it is.
      const int timeout = under_way || NowNs() < poll_until_ns ? 0 : -1;
      const int count = epoll_wait(epoll_, events.data(), kMaxEvents, timeout);
      if (count < 0 && errno != EINTR) FailWithErrno("epoll_wait");
      for (int i = 0; i < count; i++) {
        void* what = events[i].data.ptr;
        if (what == &listener_) {
          Accept();
        } else if (what == &epoll_) {
          ReadOrders();
        } else {
          Receive(static_cast<Direction*>(what));
        }
      }
      under_way = PassOn();
      if (under_way || count > 0) poll_until_ns = NowNs() + kPollForNs;
      std::erase_if(
          pairs_, [](const auto& pair) { return pair->to_server.ended && pair->to_client.ended; });
    }
  }

 private:
  struct Direction {
    int from;
    int to;
    Link* link;
    std::deque<Chunk> chunks;
    size_t queued_bytes = 0;
    bool at_end = false;  // whether all has been read
    bool ended = false;   // and passed on
  };

  struct Pair {
    Pair(int client, int server, Link* to_server_link, Link* to_client_link)
        : to_server{.from = client, .to = server, .link = to_server_link, .chunks = {}},
          to_client{.from = server, .to = client, .link = to_client_link, .chunks = {}} {}
    ~Pair() {
      close(to_server.from);
      close(to_server.to);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    Direction to_server;
    Direction to_client;
  };

  static void Answer(const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  void Watch(int fd, void* what) const {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = what}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) FailWithErrno("epoll_ctl");
  }

  void Accept() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) {
      if (errno == EAGAIN || errno == ECONNABORTED) return;
      FailWithErrno("accept");
    }
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(server_port_);
    if (server < 0 ||
        connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      FailWithErrno("cannot connect to 127.0.0.1:" + std::to_string(server_port_));
    }
    Prepare(client);
    Prepare(server);
    Pair& pair = *pairs_.emplace_back(
        std::make_unique<Pair>(client, server, &to_server_link_, &to_client_link_));
    Watch(client, &pair.to_server);
    Watch(server, &pair.to_client);
  }

  void Receive(Direction* direction) {
    while (!direction->at_end && direction->queued_bytes < kMaxQueuedBytes) {
      auto bytes = TakeBuffer();
      const ssize_t size = recv(direction->from, bytes->data(), kChunkBytes, 0);
      if (size < 0 && errno == EAGAIN) {
        buffers_.push_back(std::move(bytes));
        return;
      }
      if (size <= 0) {
        direction->at_end = true;
        epoll_ctl(epoll_, EPOLL_CTL_DEL, direction->from, nullptr);
        buffers_.push_back(std::move(bytes));
        return;
      }
      const auto length = static_cast<size_t>(size);
      const int64_t due_ns = network_.ArrivalOf(length, NowNs(), direction->link);
      direction->queued_bytes += length;
      direction->chunks.push_back({due_ns, length, 0, std::move(bytes)});
      if (length < kChunkBytes) return;
    }
  }

  // Whether anything is still under way.
  bool PassOn() {
    bool under_way = false;
    for (const auto& pair : pairs_) {
      for (Direction* direction : {&pair->to_server, &pair->to_client}) {
        while (!direction->chunks.empty() && SendFirst(direction)) {
        }
        under_way |= !direction->chunks.empty();
        if (direction->at_end && direction->chunks.empty() && !direction->ended) {
          direction->ended = true;
          shutdown(direction->to, SHUT_WR);
        }
      }
    }
    return under_way;
  }

  // Whether the first chunk is gone.
  bool SendFirst(Direction* direction) {
    Chunk& chunk = direction->chunks.front();
    const int64_t now_ns = NowNs();
    if (now_ns < chunk.due_ns) return false;
    const ssize_t size = send(direction->to, chunk.bytes->data() + chunk.sent,
                              chunk.size - chunk.sent, MSG_NOSIGNAL);
    if (size < 0 && errno == EAGAIN) return false;
    if (chunk.sent == 0 && lateness_ns_.size() < kMaxLateness) {
      lateness_ns_.push_back(now_ns - chunk.due_ns);
    }
    // Who has closed gets nothing more.
    chunk.sent = size < 0 ? chunk.size : chunk.sent + static_cast<size_t>(size);
    if (chunk.sent < chunk.size) return false;
    direction->queued_bytes -= chunk.size;
    buffers_.push_back(std::move(chunk.bytes));
    direction->chunks.pop_front();
    return true;
  }

  std::unique_ptr<std::array<char, kChunkBytes>> TakeBuffer() {
    if (buffers_.empty()) return std::make_unique<std::array<char, kChunkBytes>>();
    auto buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
  }

  void ReadOrders() {
    std::array<char, 4096> bytes;
    const ssize_t size = read(STDIN_FILENO, bytes.data(), bytes.size());
    if (size <= 0) {
      ended_ = true;
      return;
    }
    orders_.append(bytes.data(), static_cast<size_t>(size));
    for (size_t end; (end = orders_.find('\n')) != std::string::npos; orders_.erase(0, end + 1)) {
      Obey(orders_.substr(0, end));
    }
  }

  void Obey(const std::string& line) {
    std::istringstream words(line);
    std::string order;
    double round_trip_us = 0;
    double gbit_per_s = 0;
    words >> order;
    if (order == "set" && words >> round_trip_us >> gbit_per_s && round_trip_us >= 0 &&
        gbit_per_s >= 0) {
      network_ = {.one_way_ns = static_cast<int64_t>(round_trip_us * 500),
                  .ns_per_byte = gbit_per_s == 0 ? 0 : 8 / gbit_per_s};
      lateness_ns_.clear();
      Answer("ok");
    } else if (order == "lateness") {
      std::sort(lateness_ns_.begin(), lateness_ns_.end());
      const size_t count = lateness_ns_.size();
      const auto us = [&](double part) {
        if (count == 0) return 0.0;
        const auto index = static_cast<size_t>(static_cast<double>(count) * part);
        return static_cast<double>(lateness_ns_[std::min(index, count - 1)]) / 1e3;
      };
      std::ostringstream answer;
      answer << count << " " << us(0.5) << " " << us(0.99);
      Answer(answer.str());
    } else {
      Fail("\"" + line + "\" is no order; write \"set ROUND_TRIP_US GBIT_PER_S\" or \"lateness\"");
    }
  }

  const uint16_t server_port_;
  int epoll_;
  int listener_;
  bool ended_ = false;
  Network network_;
  Link to_server_link_;
  Link to_client_link_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::vector<std::unique_ptr<std::array<char, kChunkBytes>>> buffers_;
  std::vector<int64_t> lateness_ns_;
  std::string orders_;
};

}  // namespace
}  // namespace shredder::bench

int main(int argc, char** argv) {
  uint16_t port = 0;
  if (argc == 2) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), port);
  if (port == 0) {
    std::fprintf(stderr, "usage: shredder-relay PORT\n");
    return 2;
  }
  shredder::bench::Relay(port).Run();
}
