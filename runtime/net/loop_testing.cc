#include "runtime/net/loop_testing.h"

#include <arpa/inet.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/net/memory_loop_testing.h"
#ifdef SHREDDER_HAS_BYPASS
#include "runtime/net/bypass/bypass_testing.h"
#endif

namespace shredder::net {

namespace {

bool RepeatUntil(const std::function<bool()>& condition, const std::function<void()>& turn) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    turn();
  }
  return true;
}

// A non-blocking client socket.
class SocketPeer final : public TestPeer {
 public:
  explicit SocketPeer(UniqueFd fd) : fd_(std::move(fd)) {}

  size_t Send(std::string_view bytes) override {
    size_t total = 0;
    while (total < bytes.size()) {
      const ssize_t sent =
          send(fd(), bytes.data() + total, bytes.size() - total, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) break;
      total += static_cast<size_t>(sent);
    }
    return total;
  }
  Moved Receive(std::span<char> place) override {
    const ssize_t size = recv(fd(), place.data(), place.size(), MSG_DONTWAIT);
    if (size >= 0) return {.bytes = static_cast<size_t>(size)};
    const bool blocked = errno == EAGAIN || errno == EWOULDBLOCK;
    return {.outcome = blocked ? Moved::Outcome::kBlocked : Moved::Outcome::kFailed};
  }
  bool HasArrived() const override {
    int unacknowledged = 0;
    return ioctl(fd(), SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
  }
  void ShutdownSending() override { shutdown(fd(), SHUT_WR); }
  void Abort() override {
    const linger abort{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  }
  int fd() const override { return fd_.get(); }

 private:
  UniqueFd fd_;
};

TestClient Connect(int family, const sockaddr* address, socklen_t size) {
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), address, size) != 0) {
    ADD_FAILURE() << "connect: " << std::strerror(errno);
  }
  return TestClient(std::make_unique<SocketPeer>(std::move(fd)));
}

sockaddr_in LoopbackAddress(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Sockets alone.
template <Backend backend>
class SocketNetwork final : public TestNetwork {
 public:
  static std::unique_ptr<TestNetwork> Make() { return std::make_unique<SocketNetwork>(); }

  std::unique_ptr<EventLoop> CreateLoop(const EventLoopOptions& options, ConnectionHandler* handler,
                                        std::string* error) override {
    EventLoopOptions own = options;
    own.backend = backend;
    std::unique_ptr<EventLoop> loop = EventLoop::Create(own, error);
    if (loop == nullptr || !loop->ListenTcp("127.0.0.1", 0, handler, error)) return nullptr;
    port_ = loop->bound_port();
    return loop;
  }
  TestClient Connect() override { return TestClient::ConnectTcp(port_); }
  std::string peer_prefix() const override { return "127.0.0.1:"; }

 private:
  uint16_t port_ = 0;
};

}  // namespace

// ---- Clients

TestClient TestClient::ConnectTcp(uint16_t port) {
  const sockaddr_in address = LoopbackAddress(port);
  return Connect(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

TestClient TestClient::ConnectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return Connect(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

bool TestClient::CanConnectTcp(uint16_t port) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = LoopbackAddress(port);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

bool TestClient::Receive(size_t at_most) {
  if (peer_ == nullptr) return false;
  std::array<char, 64 * 1024> buffer;
  while (at_most > 0) {
    const Moved moved = peer_->Receive(std::span(buffer).first(std::min(buffer.size(), at_most)));
    if (moved.outcome == Moved::Outcome::kBlocked) return true;
    was_reset_ = moved.outcome == Moved::Outcome::kFailed;
    if (moved.bytes == 0) return false;
    received_.append(buffer.data(), moved.bytes);
    at_most -= moved.bytes;
  }
  return true;
}

// ---- Loops

std::vector<LoopKind> AllLoops() {
  return {
      {"IoUring", Backend::kIoUring, SocketNetwork<Backend::kIoUring>::Make},
      {"Epoll", Backend::kEpoll, SocketNetwork<Backend::kEpoll>::Make},
      {"Memory", Backend::kEpoll, MemoryNetwork::Make},
#ifdef SHREDDER_HAS_BYPASS
      {"Bypass", Backend::kEpoll, FrameNetwork::Make},
      {"BypassWithFaults", Backend::kEpoll, FrameNetwork::MakeFaulty},
#endif
  };
}

std::string LoopName(const testing::TestParamInfo<LoopKind>& info) { return info.param.name; }

void LoopTest::Start(EventLoopOptions options) {
  network_ = GetParam().make_network();
  std::string error;
  loop_ = network_->CreateLoop(options, &handler_, &error);
  ASSERT_NE(loop_, nullptr) << error;
}

bool LoopTest::TurnUntil(const std::function<bool()>& condition) {
  return RepeatUntil(condition, [this] { loop_->PollOnce(); });
}

void LoopTest::Turn(int turns) {
  for (int i = 0; i < turns; ++i) {
    loop_->PollOnce();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

void LoopTest::TurnUntilSteady(const size_t& count) {
  for (size_t before = count + 1; before != count;) {
    before = count;
    Turn(100);
  }
}

bool LoopTest::ReceiveBytes(TestClient& client, size_t bytes) {
  return TurnUntil([&] {
    client.Receive();
    return client.received().size() >= bytes;
  });
}

bool LoopTest::ReceiveEnd(TestClient& client) {
  return TurnUntil([&] { return !client.Receive(); });
}

void LoopPairTest::CreateLoops(const EventLoopOptions& options) {
  const Backend backends[] = {std::get<0>(GetParam()), std::get<1>(GetParam())};
  for (int i = 0; i < 2; ++i) {
    EventLoopOptions own = options;
    own.backend = backends[i];
    std::string error;
    loops_[i] = EventLoop::Create(own, &error);
    ASSERT_NE(loops_[i], nullptr) << error;
  }
}

bool LoopPairTest::TurnUntil(const std::function<bool()>& condition) {
  return RepeatUntil(condition, [this] {
    for (const auto& loop : loops_) loop->PollOnce();
  });
}

void LoopPairTest::Turn(int turns) {
  for (int i = 0; i < turns; ++i) {
    for (const auto& loop : loops_) loop->PollOnce();
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

bool LoopPairTest::ReceiveBytes(TestClient& client, size_t bytes) {
  return TurnUntil([&] {
    client.Receive();
    return client.received().size() >= bytes;
  });
}

bool LoopPairTest::ReceiveEnd(TestClient& client) {
  return TurnUntil([&] { return !client.Receive(); });
}

INSTANTIATE_TEST_SUITE_P(Loops, LoopTest, testing::ValuesIn(AllLoops()), LoopName);

const char* BackendName(Backend backend) {
  return backend == Backend::kIoUring ? "IoUring" : "Epoll";
}

std::string Pattern(size_t bytes) {
  std::string pattern(bytes, '\0');
  uint64_t state = 0x9e3779b97f4a7c15;
  for (size_t at = 0; at < bytes; at += sizeof(state)) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(pattern.data() + at, &state, std::min(sizeof(state), bytes - at));
  }
  return pattern;
}

}  // namespace shredder::net
