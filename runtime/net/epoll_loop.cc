#include "runtime/net/epoll_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/net/socket_connection.h"

namespace shredder::net {

namespace {

constexpr int kEventsPerTurn = 256;

// epoll's user data: a connection's slot and generation, or one of these in the upper half with, in
// the lower one, a listener's index or the id of what is watched. Generations start at 1 and do not
// get this far in practice.
constexpr uint32_t kListenerTag = UINT32_MAX;
constexpr uint32_t kWakeTag = UINT32_MAX - 1;
constexpr uint32_t kWatchTag = UINT32_MAX - 2;

uint64_t Pack(uint32_t high, uint32_t low) { return static_cast<uint64_t>(high) << 32 | low; }

}  // namespace

// ---- A connection's socket

class EpollLoop::Socket final : public SocketConnection {
 public:
  Socket(EpollLoop* its_loop, UniqueFd its_fd)
      : SocketConnection(its_loop, std::move(its_fd)), loop_(*its_loop) {}

  void AwaitRoom() override { Register(); }
  void UpdateReading() override {
    if (wants_reading() && !(events_ & EPOLLIN)) Register();
  }
  void Detach() override;
  void Withdraw() override;

  // Makes what is registered with epoll what the connection wants.
  void Register();

 private:
  EpollLoop& loop_;
  bool registered_ = false;
  uint32_t events_ = 0;
};

void EpollLoop::Socket::Detach() {
  Withdraw();
  fd = UniqueFd();
}

// As with listeners: another process may have the socket open, which gave it or takes it.
void EpollLoop::Socket::Withdraw() {
  if (!registered_) return;
  epoll_ctl(loop_.epoll_fd_.get(), EPOLL_CTL_DEL, fd.get(), nullptr);
  registered_ = false;
  events_ = 0;
}

void EpollLoop::Socket::Register() {
  if (!sends()) return;
  const uint32_t events =
      (wants_reading() ? uint32_t{EPOLLIN} : 0) | (awaits_room ? uint32_t{EPOLLOUT} : 0);
  if (registered_ && events == events_) return;
  epoll_event event{.events = events, .data = {.u64 = Pack(ref.generation, ref.slot)}};
  const int operation = registered_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(loop_.epoll_fd_.get(), operation, fd.get(), &event) != 0) {
    loop_.Close(*this);
    return;
  }
  registered_ = true;
  events_ = events;
}

// ---- The loop

std::unique_ptr<EpollLoop> EpollLoop::Create(const EventLoopOptions& options, std::string* error) {
  std::optional<Descriptors> descriptors = OpenDescriptors(error);
  if (!descriptors) return nullptr;
  return std::unique_ptr<EpollLoop>(new EpollLoop(options, std::move(*descriptors)));
}

std::optional<EpollLoop::Descriptors> EpollLoop::OpenDescriptors(std::string* error) {
  UniqueFd wake_fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  UniqueFd epoll_fd(epoll_create1(EPOLL_CLOEXEC));
  if (!wake_fd.valid() || !epoll_fd.valid()) {
    *error = std::string("cannot create the event loop: ") + std::strerror(errno) +
             " (raise the limit of open files)";
    return std::nullopt;
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = Pack(kWakeTag, 0)}};
  if (epoll_ctl(epoll_fd.get(), EPOLL_CTL_ADD, wake_fd.get(), &event) != 0) {
    *error = std::string("cannot create the event loop: epoll_ctl: ") + std::strerror(errno);
    return std::nullopt;
  }
  return Descriptors{std::move(wake_fd), std::move(epoll_fd)};
}

EpollLoop::EpollLoop(const EventLoopOptions& options, Descriptors descriptors)
    : SocketLoop(options, std::move(descriptors.wake)), epoll_fd_(std::move(descriptors.epoll)) {}

EpollLoop::~EpollLoop() { CloseAll(); }

void EpollLoop::HandleEvents(int timeout_ms) {
  std::array<epoll_event, kEventsPerTurn> events;
  const int count = epoll_wait(epoll_fd_.get(), events.data(), kEventsPerTurn, timeout_ms);
  if (count > 0) FoundEvents();
  for (int i = 0; i < count; ++i) {
    // Of what is no connection, there may be none in the slot, or another one: no harm.
    PrefetchAhead(static_cast<unsigned>(count - i), i == 0, [&](unsigned behind) {
      return static_cast<uint32_t>(events[static_cast<size_t>(i) + behind].data.u64);
    });
    const uint32_t high = static_cast<uint32_t>(events[i].data.u64 >> 32);
    const uint32_t low = static_cast<uint32_t>(events[i].data.u64);
    if (high == kWakeTag) {
      uint64_t ignored;
      static_cast<void>(!read(wake_fd(), &ignored, sizeof(ignored)));
    } else if (high == kListenerTag) {
      Accept(low);
    } else if (high == kWatchTag) {
      OnWatched(low);
    } else if (LoopConnection* const connection = Find({low, high})) {
      // Something in an earlier event may have closed or released it, or a nested turn may have
      // read it dry.
      if (!connection->sends()) continue;
      const uint32_t happened = events[i].events;
      if (happened & EPOLLOUT) HasRoom(*connection);
      if (connection->wants_reading()) {
        if (happened & (EPOLLIN | EPOLLHUP | EPOLLERR)) ReceiveAvailable(*connection);
      } else if (happened & (EPOLLHUP | EPOLLERR)) {
        Close(*connection);
      }
      static_cast<Socket*>(connection)->Register();
    }
  }
}

// A shared listener is level-triggered for all of its loops, not EPOLLEXCLUSIVE: that would wake
// one, and a process that is stopped or killed before it accepts takes the wake-up with it. Those
// that wake in vain find nothing to accept.
void EpollLoop::StartAccepting(size_t index) {
  epoll_event event{.events = EPOLLIN,
                    .data = {.u64 = Pack(kListenerTag, static_cast<uint32_t>(index))}};
  if (epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, listener(index).socket->fd(), &event) == 0) {
    listener(index).accepting = true;
  } else {
    AcceptFailed(index);
  }
}

// Not left to closing the descriptor: epoll forgets a socket only when no process has it open.
bool EpollLoop::StopAccepting(size_t index) {
  if (listener(index).accepting) {
    epoll_ctl(epoll_fd_.get(), EPOLL_CTL_DEL, listener(index).socket->fd(), nullptr);
  }
  return true;
}

void EpollLoop::Accept(size_t index) {
  if (listener(index).stopped || AcceptWaiting(index)) return;
  epoll_ctl(epoll_fd_.get(), EPOLL_CTL_DEL, listener(index).socket->fd(), nullptr);
  AcceptFailed(index);
}

bool EpollLoop::StartWatching(const Watched& watched) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = Pack(kWatchTag, watched.id)}};
  return epoll_ctl(epoll_fd_.get(), EPOLL_CTL_ADD, watched.fd, &event) == 0;
}

void EpollLoop::StopWatching(const Watched& watched) {
  epoll_ctl(epoll_fd_.get(), EPOLL_CTL_DEL, watched.fd, nullptr);
}

std::unique_ptr<LoopConnection> EpollLoop::NewSocket(UniqueFd fd) {
  return std::make_unique<Socket>(this, std::move(fd));
}

}  // namespace shredder::net
