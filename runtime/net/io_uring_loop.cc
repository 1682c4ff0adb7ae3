#include "runtime/net/io_uring_loop.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "runtime/net/socket_connection.h"

namespace shredder::net {

namespace {

constexpr unsigned kSubmissionEntries = 512;  // more are submitted early
constexpr unsigned kCompletionEntries = 4096;
constexpr unsigned kCompletionsPerTurn = 1024;
constexpr unsigned kBufferCount = 256;  // a power of two
constexpr size_t kBufferBytes = 16 * 1024;
constexpr uint16_t kBufferGroup = 0;
constexpr std::chrono::microseconds kSpin{50};

// What a completion is about: the upper byte of its user data; below it a listener's index, a
// connection's slot, or the id of what is watched. A slot is not used again before all completions
// of its connection have come.
enum Operation : uint64_t {
  kCancel,
  kWake,
  kWatch,
  kAccept,
  kAcceptable,
  kReceive,
  kReceivable,
  kSendable
};

uint64_t UserData(Operation operation, uint64_t subject) { return operation << 56 | subject; }

// Stronger settings first; each has what a kernel between 6.0 and 6.1 may lack.
constexpr unsigned kRingFlags[] = {
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
    IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
    0,
};

// 0, or the error of the last attempt.
int OpenRing(io_uring* ring, unsigned entries, unsigned extra_flags) {
  int status = 0;
  for (const unsigned flags : kRingFlags) {
    io_uring_params parameters{};
    parameters.flags = flags | extra_flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    parameters.cq_entries = kCompletionEntries;
    status = -io_uring_queue_init_params(entries, ring, &parameters);
    if (status != EINVAL) break;
  }
  return status;
}

constexpr size_t kBufferRingBytes = kBufferCount * sizeof(io_uring_buf);
constexpr size_t kAllBuffersBytes = kBufferCount * kBufferBytes;
// The buffers lie behind the ring of them, at the start of a page.
static_assert(kBufferRingBytes % 4096 == 0);

}  // namespace

// ---- The ring and its buffers

IoUringLoop::Ring::~Ring() {
  if (open) io_uring_queue_exit(&ring);
}

IoUringLoop::ReceiveBuffers::~ReceiveBuffers() {
  if (ring_ != nullptr) munmap(ring_, kBufferRingBytes + kAllBuffersBytes);
}

int IoUringLoop::ReceiveBuffers::Register(io_uring* ring) {
  void* const memory = mmap(nullptr, kBufferRingBytes + kAllBuffersBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return errno;
  ring_ = static_cast<io_uring_buf_ring*>(memory);
  bytes_ = static_cast<char*>(memory) + kBufferRingBytes;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(ring_);
  registration.ring_entries = kBufferCount;
  registration.bgid = kBufferGroup;
  const int status = io_uring_register_buf_ring(ring, &registration, 0);
  if (status != 0) return -status;
  io_uring_buf_ring_init(ring_);
  for (unsigned id = 0; id < kBufferCount; ++id) Return(static_cast<uint16_t>(id));
  return 0;
}

std::string_view IoUringLoop::ReceiveBuffers::Get(uint16_t id, size_t size) const {
  return {bytes_ + id * kBufferBytes, size};
}

void IoUringLoop::ReceiveBuffers::Return(uint16_t id) {
  static_assert(offsetof(io_uring_buf_ring, bufs) == 0, "the buffers overlay the ring's header");
  io_uring_buf_ring_add(ring_, bytes_ + id * kBufferBytes, kBufferBytes, id,
                        io_uring_buf_ring_mask(kBufferCount), 0);
  io_uring_buf_ring_advance(ring_, 1);
}

void IoUringLoop::ReceiveBuffers::GiveBackMemory() {
  madvise(bytes_, kAllBuffersBytes, MADV_DONTNEED);
}

// With DEFER_TASKRUN the kernel receives only while this thread submits or asks for events, and so
// not now; what it has received already is in a completion.
void IoUringLoop::TrimBuffers() {
  LoopBase::TrimBuffers();
  const io_uring* const ring = &ring_.ring;
  if ((ring->flags & IORING_SETUP_DEFER_TASKRUN) == 0 || io_uring_cq_ready(ring) > 0) return;
  buffers_.GiveBackMemory();
}

// ---- A connection's socket

// Sends by direct system calls: one costs no more than a queued one (with 50 connections 5.6 us of
// processor time a request either way, nearly all of it TCP's), and the reply does not wait for
// what other connections ask for in the same turn.
class IoUringLoop::Socket final : public SocketConnection {
 public:
  Socket(IoUringLoop* its_loop, UniqueFd its_fd)
      : SocketConnection(its_loop, std::move(its_fd)), loop_(*its_loop) {}

  void AwaitRoom() override;
  void UpdateReading() override;
  // Ends the operations in flight; the descriptor closes with the connection, once they have
  // completed. Sooner, a queued operation could meet a new connection under the same number.
  void Detach() override { shutdown(fd.get(), SHUT_RDWR); }
  bool Quiescent() const override { return receiving_ == Receiving::kIdle && !awaits_room; }
  void Withdraw() override;

  // The poll for what arrives, or the last completion of the receive, has come.
  void ReceivingEnded() { receiving_ = Receiving::kIdle; }
  // Ends a multishot receive that has become unwanted.
  void CancelReceive();

 private:
  enum class Receiving : uint8_t { kIdle, kArmed, kCancelling, kPolling };

  IoUringLoop& loop_;
  Receiving receiving_ = Receiving::kIdle;
};

void IoUringLoop::Socket::AwaitRoom() {
  io_uring_sqe* const sqe = loop_.NextSqe();
  io_uring_prep_poll_add(sqe, fd.get(), POLLOUT);
  io_uring_sqe_set_data64(sqe, UserData(kSendable, ref.slot));
}

void IoUringLoop::Socket::UpdateReading() {
  if (!wants_reading()) return;
  if (has_large_messages) CancelReceive();
  if (receiving_ != Receiving::kIdle) return;
  io_uring_sqe* const sqe = loop_.NextSqe();
  if (has_large_messages) {
    io_uring_prep_poll_add(sqe, fd.get(), POLLIN);
    io_uring_sqe_set_data64(sqe, UserData(kReceivable, ref.slot));
    receiving_ = Receiving::kPolling;
    return;
  }
  io_uring_prep_recv_multishot(sqe, fd.get(), nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = kBufferGroup;
  io_uring_sqe_set_data64(sqe, UserData(kReceive, ref.slot));
  receiving_ = Receiving::kArmed;
}

void IoUringLoop::Socket::CancelReceive() {
  if (receiving_ != Receiving::kArmed) return;
  loop_.Cancel(UserData(kReceive, ref.slot));
  receiving_ = Receiving::kCancelling;
}

void IoUringLoop::Socket::Withdraw() {
  CancelReceive();
  if (receiving_ == Receiving::kPolling) loop_.Cancel(UserData(kReceivable, ref.slot));
  if (awaits_room) loop_.Cancel(UserData(kSendable, ref.slot));
}

// ---- Opening and closing

std::unique_ptr<IoUringLoop> IoUringLoop::Create(const EventLoopOptions& options,
                                                 std::string* error) {
  // Blocking: io_uring fails a read of an empty non-blocking descriptor instead of waiting.
  UniqueFd wake_fd(eventfd(0, EFD_CLOEXEC));
  if (!wake_fd.valid()) {
    *error = std::string("eventfd: ") + std::strerror(errno);
    return nullptr;
  }
  std::unique_ptr<IoUringLoop> loop(new IoUringLoop(options, std::move(wake_fd)));
  if (!loop->Try(error) || !loop->Open(error)) return nullptr;
  return loop;
}

IoUringLoop::IoUringLoop(const EventLoopOptions& options, UniqueFd wake_fd)
    : SocketLoop(options, std::move(wake_fd)) {}

// Receives one byte the way the loop does, on a ring of its own.
bool IoUringLoop::Try(std::string* error) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    *error = std::string("socketpair: ") + std::strerror(errno);
    return false;
  }
  const UniqueFd reader(pair[0]);
  const UniqueFd writer(pair[1]);
  ReceiveBuffers buffers;
  Ring trial;
  if (const int status = OpenRing(&trial.ring, 8, 0); status != 0) {
    *error = std::string("io_uring_setup: ") + std::strerror(status);
    return false;
  }
  trial.open = true;
  if ((trial.ring.features & IORING_FEAT_EXT_ARG) == 0 ||
      (trial.ring.features & IORING_FEAT_NODROP) == 0) {
    *error = "io_uring lacks timed waits or lossless completions (Linux 6.0 has them)";
    return false;
  }
  if (const int status = buffers.Register(&trial.ring); status != 0) {
    *error = std::string("io_uring buffer ring: ") + std::strerror(status);
    return false;
  }
  io_uring_sqe* const sqe = io_uring_get_sqe(&trial.ring);
  io_uring_prep_recv_multishot(sqe, reader.get(), nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = kBufferGroup;
  if (send(writer.get(), "x", 1, MSG_NOSIGNAL) != 1) {
    *error = std::string("send: ") + std::strerror(errno);
    return false;
  }
  __kernel_timespec timeout{.tv_sec = 1, .tv_nsec = 0};
  io_uring_cqe* cqe = nullptr;
  int status = io_uring_submit_and_wait_timeout(&trial.ring, &cqe, 1, &timeout, nullptr);
  if (status >= 0 && cqe != nullptr) status = cqe->res;
  const bool granted = status == 1 && cqe != nullptr && (cqe->flags & IORING_CQE_F_MORE) != 0;
  if (!granted) {
    *error = std::string("io_uring multishot receive: ") +
             (status < 0 ? std::strerror(-status) : "not repeated") + " (Linux 6.0 has it)";
  }
  return granted;
}

bool IoUringLoop::Open(std::string* error) {
  // Disabled until the first turn: the ring belongs to the thread that enables it, which need not
  // be the one that creates the loop.
  int status = OpenRing(&ring_.ring, kSubmissionEntries, IORING_SETUP_R_DISABLED);
  if (status == 0) {
    ring_.open = true;
    status = buffers_.Register(&ring_.ring);
  }
  if (status != 0) *error = std::string("io_uring_setup: ") + std::strerror(status);
  return status == 0;
}

void IoUringLoop::Enable() {
  enabled_ = true;
  // liburing 2.3 declares io_uring_enable_rings but does not export it.
  io_uring_register(static_cast<unsigned>(ring_.ring.ring_fd), IORING_REGISTER_ENABLE_RINGS,
                    nullptr, 0);
  // Spares each entry a look-up of the descriptor; works without.
  io_uring_register_ring_fd(&ring_.ring);
  WatchWakeFd();
}

IoUringLoop::~IoUringLoop() {
  closing_ = true;
  CloseAll();
  // The kernel may still read or write the memory of operations in flight. Shut down sockets end
  // theirs at once, so that this bound is for a kernel that misbehaves.
  for (int turns = 0; has_connections() && turns < 100; ++turns) HandleEvents(10);
}

// ---- Turns

// Whether something has happened within a short time, which is waited for without sleeping; only
// after a turn in which something did. To wake a sleeping thread is the sender's work: clients on
// this machine would pay for it with every request. Of a large message, or of many at once, it
// would be little of what they pay for, and the time until the next one is long.
bool IoUringLoop::SpinForEvents() {
  const bool moved_much = HasMovedMuch();
  if (!spin_ || !had_events_ || moved_much) return false;
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    io_uring_submit_and_get_events(&ring_.ring);
    if (io_uring_cq_ready(&ring_.ring) > 0) return true;
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

void IoUringLoop::HandleEvents(int timeout_ms) {
  if (!enabled_) Enable();
  io_uring* const ring = &ring_.ring;
  io_uring_cqe* cqe = nullptr;
  if (timeout_ms == 0 || SpinForEvents()) {
    // Enters the kernel even with nothing to submit: deferred completions are made there.
    io_uring_submit_and_get_events(ring);
  } else if (timeout_ms < 0) {
    io_uring_submit_and_wait_timeout(ring, &cqe, 1, nullptr, nullptr);
  } else {
    __kernel_timespec timeout{.tv_sec = timeout_ms / 1000,
                              .tv_nsec = timeout_ms % 1000 * 1'000'000ll};
    io_uring_submit_and_wait_timeout(ring, &cqe, 1, &timeout, nullptr);
  }
  had_events_ = io_uring_cq_ready(ring) > 0;
  if (had_events_) FoundEvents();
  for (unsigned left = kCompletionsPerTurn; left > 0; --left) {
    if (io_uring_peek_cqe(ring, &cqe) != 0) break;
    PrefetchAhead(io_uring_cq_ready(ring), left == kCompletionsPerTurn,
                  [this](unsigned completion) { return SlotOf(completion); });
    // Given back before it is handled, so that a nested turn goes on with the next one.
    const io_uring_cqe completion = *cqe;
    io_uring_cqe_seen(ring, cqe);
    Handle(completion);
  }
}

// Of the completion so many behind the next one.
uint32_t IoUringLoop::SlotOf(unsigned completion) const {
  const io_uring_cq& queue = ring_.ring.cq;
  const uint64_t user_data = queue.cqes[(*queue.khead + completion) & queue.ring_mask].user_data;
  return user_data >> 56 == kReceive ? static_cast<uint32_t>(user_data) : kNoSlot;
}

void IoUringLoop::Submit() {
  if (enabled_ && io_uring_sq_ready(&ring_.ring) > 0) io_uring_submit(&ring_.ring);
}

io_uring_sqe* IoUringLoop::NextSqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_.ring);
  while (sqe == nullptr) {
    // The kernel takes all that is queued, whatever becomes of it.
    io_uring_submit_and_get_events(&ring_.ring);
    sqe = io_uring_get_sqe(&ring_.ring);
  }
  return sqe;
}

void IoUringLoop::WatchWakeFd() {
  io_uring_sqe* const sqe = NextSqe();
  io_uring_prep_read(sqe, wake_fd(), &wake_count_, sizeof(wake_count_), 0);
  io_uring_sqe_set_data64(sqe, UserData(kWake, 0));
}

void IoUringLoop::Cancel(uint64_t user_data) {
  io_uring_sqe* const sqe = NextSqe();
  io_uring_prep_cancel64(sqe, user_data, 0);
  io_uring_sqe_set_data64(sqe, UserData(kCancel, 0));
}

void IoUringLoop::Handle(const io_uring_cqe& cqe) {
  const uint32_t subject = static_cast<uint32_t>(cqe.user_data);
  switch (static_cast<Operation>(cqe.user_data >> 56)) {
    case kCancel:
      break;  // the cancelled operation's own completion tells
    case kWake:
      if (!closing_) WatchWakeFd();
      break;
    case kWatch:
      // A failure is for the callback to find out.
      if (!closing_ && cqe.res != -ECANCELED) OnWatched(subject);
      break;
    case kAccept:
      HandleAccept(subject, cqe);
      break;
    case kAcceptable:
      HandleAcceptable(subject, cqe);
      break;
    case kReceive:
      HandleReceive(SocketAt(subject), cqe);
      break;
    case kReceivable:
      HandleReceivable(SocketAt(subject));
      break;
    case kSendable:
      HandleSendable(SocketAt(subject));
      break;
  }
}

// ---- Accepting

void IoUringLoop::StartAccepting(size_t index) {
  Listener& from = listener(index);
  if (from.accepting) return;
  from.accepting = true;
  const int fd = from.socket->fd();
  if (from.shared) {
    // Not a multishot accept: what it accepts would wait in the completion queue of a process that
    // is held up, while another one has nothing to do; and it needs a blocking socket.
    io_uring_sqe* const sqe = NextSqe();
    io_uring_prep_poll_add(sqe, fd, POLLIN);
    io_uring_sqe_set_data64(sqe, UserData(kAcceptable, index));
    return;
  }
  // As for the eventfd: io_uring waits only on blocking descriptors.
  const int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  io_uring_sqe* const sqe = NextSqe();
  io_uring_prep_multishot_accept(sqe, fd, nullptr, nullptr, SOCK_CLOEXEC);
  io_uring_sqe_set_data64(sqe, UserData(kAccept, index));
}

bool IoUringLoop::StopAccepting(size_t index) {
  if (!listener(index).accepting) return true;
  Cancel(UserData(listener(index).shared ? kAcceptable : kAccept, index));
  return false;
}

void IoUringLoop::HandleAccept(size_t index, const io_uring_cqe& cqe) {
  UniqueFd fd(cqe.res);
  if (closing_) return;
  const bool ended = (cqe.flags & IORING_CQE_F_MORE) == 0;
  if (listener(index).stopped) {
    if (ended) CloseListener(index);
    return;
  }
  if (ended) {
    // What ails one connection (ECONNABORTED) passes; a want of resources needs a pause.
    listener(index).accepting = false;
    if (cqe.res < 0 && cqe.res != -ECONNABORTED) {
      AcceptFailed(index);
    } else {
      StartAccepting(index);
    }
  }
  if (fd.valid()) Accepted(index, std::move(fd));
}

void IoUringLoop::HandleAcceptable(size_t index, const io_uring_cqe& cqe) {
  if (closing_) return;
  if (listener(index).stopped) {
    CloseListener(index);
    return;
  }
  listener(index).accepting = false;
  const bool accepted = cqe.res >= 0 && AcceptWaiting(index);
  if (listener(index).stopped) return;
  if (accepted) {
    StartAccepting(index);
  } else {
    AcceptFailed(index);
  }
}

// ---- Watching

bool IoUringLoop::StartWatching(const Watched& watched) {
  if (fcntl(watched.fd, F_GETFD) < 0) return false;
  ArmWatch(watched);
  return true;
}

void IoUringLoop::ArmWatch(const Watched& watched) {
  io_uring_sqe* const sqe = NextSqe();
  io_uring_prep_poll_add(sqe, watched.fd, POLLIN);
  io_uring_sqe_set_data64(sqe, UserData(kWatch, watched.id));
}

// Submitted at once: once the caller closes the descriptor, its number may be another's.
void IoUringLoop::StopWatching(const Watched& watched) {
  Cancel(UserData(kWatch, watched.id));
  Submit();
}

// ---- Connections

std::unique_ptr<LoopConnection> IoUringLoop::NewSocket(UniqueFd fd) {
  return std::make_unique<Socket>(this, std::move(fd));
}

// Only these have operations in flight.
IoUringLoop::Socket& IoUringLoop::SocketAt(uint32_t slot) const {
  return *static_cast<Socket*>(FindSlot(slot));
}

void IoUringLoop::HandleReceive(Socket& connection, const io_uring_cqe& cqe) {
  if ((cqe.flags & IORING_CQE_F_MORE) == 0) connection.ReceivingEnded();
  if (cqe.res > 0) {
    const uint16_t id = static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
    Received(connection, buffers_.Get(id, static_cast<size_t>(cqe.res)));
    buffers_.Return(id);
  } else if (cqe.res == 0) {
    ReceivedEof(connection);
  } else if (cqe.res != -ENOBUFS && cqe.res != -ECANCELED && cqe.res != -EINTR &&
             cqe.res != -EAGAIN && connection.sends()) {
    Close(connection);
  }
  if (HasLeft(connection)) return;
  if (!connection.wants_reading()) connection.CancelReceive();
  connection.UpdateReading();
}

void IoUringLoop::HandleReceivable(Socket& connection) {
  connection.ReceivingEnded();
  if (HasLeft(connection)) return;
  ReceiveAvailable(connection);
  if (!HasLeft(connection)) connection.UpdateReading();
}

void IoUringLoop::HandleSendable(Socket& connection) {
  HasRoom(connection);
  HasLeft(connection);
}

// Where it failed while it was being released, the adopter finds out.
bool IoUringLoop::HasLeft(LoopConnection& connection) {
  if (connection.sends()) return false;
  ReleaseIfDone(connection);
  DestroyIfDone(connection);
  return true;
}

}  // namespace shredder::net
