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
#include <thread>
#include <utility>

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

}  // namespace

TestClient TestClient::ConnectTcp(uint16_t port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    ADD_FAILURE() << "connect: " << std::strerror(errno);
  }
  return TestClient(std::move(fd));
}

TestClient TestClient::ConnectUnix(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    ADD_FAILURE() << "connect: " << std::strerror(errno);
  }
  return TestClient(std::move(fd));
}

bool TestClient::CanConnectTcp(uint16_t port) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
}

size_t TestClient::Send(std::string_view bytes) {
  size_t total = 0;
  while (total < bytes.size()) {
    const ssize_t sent =
        send(fd(), bytes.data() + total, bytes.size() - total, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) break;
    total += static_cast<size_t>(sent);
  }
  return total;
}

bool TestClient::Receive(size_t at_most) {
  std::array<char, 64 * 1024> buffer;
  while (at_most > 0) {
    const ssize_t size = recv(fd(), buffer.data(), std::min(buffer.size(), at_most), MSG_DONTWAIT);
    if (size == 0) return false;
    if (size < 0) {
      was_reset_ = errno == ECONNRESET;
      return errno == EAGAIN || errno == EWOULDBLOCK;
    }
    received_.append(buffer.data(), static_cast<size_t>(size));
    at_most -= static_cast<size_t>(size);
  }
  return true;
}

bool TestClient::HasArrived() const {
  int unacknowledged = 0;
  return ioctl(fd(), SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
}

void TestClient::ShutdownSending() { shutdown(fd(), SHUT_WR); }

void TestClient::Reset() {
  const linger abort{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  Close();
}

void LoopTest::Start(EventLoopOptions options) {
  options.backend = GetParam();
  std::string error;
  loop_ = EventLoop::Create(options, &error);
  ASSERT_NE(loop_, nullptr) << error;
  ASSERT_TRUE(loop_->ListenTcp("127.0.0.1", 0, &handler_, &error)) << error;
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

INSTANTIATE_TEST_SUITE_P(Backends, LoopTest, testing::Values(Backend::kIoUring, Backend::kEpoll),
                         [](const auto& info) { return BackendName(info.param); });

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
