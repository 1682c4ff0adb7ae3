#include "runtime/net/memory_loop_testing.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/epoll_loop.h"

namespace shredder::net {

namespace {

// What a direction holds before its sender has to wait.
constexpr size_t kPipeBytes = 256 * 1024;
// So many bytes arrive in one piece, as in a segment of TCP.
constexpr size_t kSegmentBytes = 1460;
constexpr int kPollMs = 1;

// A queue of bytes.
class Pipe {
 public:
  size_t size() const { return bytes_.size() - begin_; }
  size_t room() const { return kPipeBytes - size(); }

  void Put(std::string_view bytes) {
    bytes_.erase(0, std::exchange(begin_, 0));
    bytes_ += bytes;
  }
  size_t Take(std::span<char> place) {
    const size_t taken = std::min(size(), place.size());
    std::memcpy(place.data(), bytes_.data() + begin_, taken);
    begin_ += taken;
    return taken;
  }

 private:
  std::string bytes_;
  size_t begin_ = 0;
};

}  // namespace

class MemoryEnd;

// A connection. All but `end` is the wire's mutex's.
struct MemoryLink {
  Pipe to_loop;
  Pipe to_client;
  bool client_ended = false;  // sends no more
  bool client_gone = false;
  bool client_failed = false;
  bool loop_ended = false;
  bool loop_gone = false;
  bool loop_failed = false;
  bool has_news = false;  // is in Wire::news

  MemoryEnd* end = nullptr;  // the loop's, as long as that is attached
};

// What the clients and the loop's thread share.
struct MemoryNetwork::Wire {
  std::mutex mutex;
  bool listening = false;
  std::deque<std::shared_ptr<MemoryLink>> connecting;
  // Something happened to them since the loop has last looked.
  std::vector<std::shared_ptr<MemoryLink>> news;

  void Tell(const std::shared_ptr<MemoryLink>& link) {
    if (!std::exchange(link->has_news, true)) news.push_back(link);
  }
};

// ---- The client's end

class MemoryPeer final : public TestPeer {
 public:
  MemoryPeer(std::shared_ptr<MemoryNetwork::Wire> wire, std::shared_ptr<MemoryLink> link)
      : wire_(std::move(wire)), link_(std::move(link)) {}
  ~MemoryPeer() override {
    const std::scoped_lock lock(wire_->mutex);
    link_->client_ended = true;
    link_->client_gone = true;
    // As TCP does it where somebody closes who has not read all.
    link_->client_failed |= link_->to_client.size() > 0;
    wire_->Tell(link_);
  }

  size_t Send(std::string_view bytes) override {
    const std::scoped_lock lock(wire_->mutex);
    if (link_->client_ended || link_->loop_gone) return 0;
    const std::string_view taken = bytes.substr(0, link_->to_loop.room());
    link_->to_loop.Put(taken);
    wire_->Tell(link_);
    return taken.size();
  }
  Moved Receive(std::span<char> place) override {
    const std::scoped_lock lock(wire_->mutex);
    if (const size_t taken = link_->to_client.Take(place); taken > 0) {
      wire_->Tell(link_);
      return {.bytes = taken};
    }
    if (link_->loop_failed) return {.outcome = Moved::Outcome::kFailed};
    return {.outcome = link_->loop_ended ? Moved::Outcome::kSome : Moved::Outcome::kBlocked};
  }
  bool HasArrived() const override { return true; }
  void ShutdownSending() override {
    const std::scoped_lock lock(wire_->mutex);
    link_->client_ended = true;
    wire_->Tell(link_);
  }
  void Abort() override {
    const std::scoped_lock lock(wire_->mutex);
    link_->client_failed = true;
  }

 private:
  const std::shared_ptr<MemoryNetwork::Wire> wire_;
  const std::shared_ptr<MemoryLink> link_;
};

// ---- The loop's end

class MemoryLoop final : public EpollLoop {
 public:
  static std::unique_ptr<MemoryLoop> Create(const EventLoopOptions& options,
                                            std::shared_ptr<MemoryNetwork::Wire> wire,
                                            ConnectionHandler* handler, std::string* error) {
    std::optional<Descriptors> descriptors = OpenDescriptors(error);
    if (!descriptors) return nullptr;
    return std::unique_ptr<MemoryLoop>(
        new MemoryLoop(options, std::move(*descriptors), std::move(wire), handler));
  }
  ~MemoryLoop() override {
    StopListening();
    CloseAll();
  }

  void StopListening() override;

 protected:
  void HandleEvents(int timeout_ms) override;

 private:
  friend class MemoryEnd;

  MemoryLoop(const EventLoopOptions& options, Descriptors descriptors,
             std::shared_ptr<MemoryNetwork::Wire> wire, ConnectionHandler* handler)
      : EpollLoop(options, std::move(descriptors)), wire_(std::move(wire)), handler_(handler) {}

  bool OneIn(uint32_t count) { return random_() % count == 0; }
  void TakeNews();
  void Accept(const std::shared_ptr<MemoryLink>& link);
  void Serve(MemoryEnd& end);

  const std::shared_ptr<MemoryNetwork::Wire> wire_;
  ConnectionHandler* const handler_;
  std::mt19937 random_{1};
  std::deque<std::shared_ptr<MemoryLink>> connecting_;
  std::deque<ConnectionRef> due_;  // may have something to tell
};

class MemoryEnd final : public LoopConnection {
 public:
  MemoryEnd(MemoryLoop* its_loop, std::shared_ptr<MemoryLink> link)
      : LoopConnection(its_loop), loop_(*its_loop), link_(std::move(link)) {
    link_->end = this;
  }

  Moved Send(std::span<const iovec> parts) override {
    const std::scoped_lock lock(loop_.wire_->mutex);
    if (link_->client_gone) return {.outcome = Moved::Outcome::kFailed};
    size_t room = link_->to_client.room();
    if (room == 0 || loop_.OneIn(8)) return {.outcome = Moved::Outcome::kBlocked};
    if (loop_.OneIn(2)) room = 1 + loop_.random_() % room;
    Moved moved;
    for (const iovec& part : parts) {
      const size_t size = std::min(part.iov_len, room - moved.bytes);
      link_->to_client.Put({static_cast<const char*>(part.iov_base), size});
      moved.bytes += size;
    }
    return moved;
  }
  // Where there is room already, the next turn tells; else there is news once there is some.
  void AwaitRoom() override {
    if (HasRoomNow()) Queue();
  }
  Moved Receive(std::span<const iovec> parts) override {
    const std::scoped_lock lock(loop_.wire_->mutex);
    size_t left = link_->to_loop.size();
    if (left == 0 && !link_->client_ended) return {.outcome = Moved::Outcome::kBlocked};
    if (left > kSegmentBytes && loop_.OneIn(2)) {
      left = kSegmentBytes + loop_.random_() % (left - kSegmentBytes);
    }
    Moved moved;
    for (const iovec& part : parts) {
      const size_t size = std::min(part.iov_len, left);
      link_->to_loop.Take({static_cast<char*>(part.iov_base), size});
      moved.bytes += size;
      left -= size;
    }
    return moved;
  }
  void UpdateReading() override {
    if (wants_reading() && HasArrived()) Queue();
  }
  void ShutdownSending() override {
    const std::scoped_lock lock(loop_.wire_->mutex);
    link_->loop_ended = true;
  }
  void Detach() override {
    const std::scoped_lock lock(loop_.wire_->mutex);
    link_->loop_ended = true;
    link_->loop_gone = true;
    link_->loop_failed = link_->to_loop.size() > 0;
    link_->end = nullptr;
  }

  bool HasFailed() const {
    const std::scoped_lock lock(loop_.wire_->mutex);
    return link_->client_failed;
  }
  bool HasRoomNow() const {
    const std::scoped_lock lock(loop_.wire_->mutex);
    return link_->client_gone || link_->to_client.room() > 0;
  }
  bool HasArrived() const {
    const std::scoped_lock lock(loop_.wire_->mutex);
    return link_->to_loop.size() > 0 || link_->client_ended;
  }
  // For this turn or the next one.
  void Queue() {
    if (!std::exchange(is_due_, true)) loop_.due_.push_back(ref);
  }
  void TakenFromQueue() { is_due_ = false; }

 private:
  MemoryLoop& loop_;
  const std::shared_ptr<MemoryLink> link_;
  bool is_due_ = false;  // in MemoryLoop::due_
};

void MemoryLoop::StopListening() {
  {
    const std::scoped_lock lock(wire_->mutex);
    wire_->listening = false;
  }
  EpollLoop::StopListening();
}

void MemoryLoop::HandleEvents(int timeout_ms) {
  TakeNews();
  const bool waits = timeout_ms != 0 && connecting_.empty() && due_.empty();
  EpollLoop::HandleEvents(waits ? kPollMs : 0);
  if (!connecting_.empty() || !due_.empty()) FoundEvents();
  for (size_t left = connecting_.size(); left > 0 && !connecting_.empty(); --left) {
    const std::shared_ptr<MemoryLink> link = std::move(connecting_.front());
    connecting_.pop_front();
    Accept(link);
  }
  const size_t due = due_.size();
  for (size_t left = due; left > 0 && !due_.empty(); --left) {
    PrefetchAhead(static_cast<unsigned>(due_.size()), left == due,
                  [this](unsigned behind) { return due_[behind].slot; });
    LoopConnection* const connection = Find(due_.front());
    due_.pop_front();
    if (connection != nullptr) Serve(*static_cast<MemoryEnd*>(connection));
  }
}

// Only queues: where there is news, handlers may be running.
void MemoryLoop::TakeNews() {
  const std::scoped_lock lock(wire_->mutex);
  for (auto& link : wire_->connecting) connecting_.push_back(std::move(link));
  wire_->connecting.clear();
  for (const auto& link : wire_->news) {
    link->has_news = false;
    if (link->end != nullptr) link->end->Queue();
  }
  wire_->news.clear();
}

void MemoryLoop::Accept(const std::shared_ptr<MemoryLink>& link) {
  if (Admits()) {
    return Open(std::make_unique<MemoryEnd>(this, link), handler_, "memory:client");
  }
  const std::scoped_lock lock(wire_->mutex);
  link->to_client.Put(std::string_view(refusal()).substr(0, link->to_client.room()));
  link->loop_ended = true;
}

void MemoryLoop::Serve(MemoryEnd& end) {
  end.TakenFromQueue();
  if (!end.sends()) return;
  if (end.HasFailed()) return Close(end);
  if (end.awaits_room && end.HasRoomNow()) HasRoom(end);
  if (end.wants_reading() && end.HasArrived()) ReceiveAvailable(end);
  end.UpdateReading();
}

// ---- The network

MemoryNetwork::MemoryNetwork() : wire_(std::make_shared<Wire>()) {}
MemoryNetwork::~MemoryNetwork() = default;

std::unique_ptr<EventLoop> MemoryNetwork::CreateLoop(const EventLoopOptions& options,
                                                     ConnectionHandler* handler,
                                                     std::string* error) {
  std::unique_ptr<MemoryLoop> loop = MemoryLoop::Create(options, wire_, handler, error);
  if (loop == nullptr || !loop->ListenTcp("127.0.0.1", 0, handler, error)) return nullptr;
  wire_->listening = true;
  return loop;
}

TestClient MemoryNetwork::Connect() {
  const auto link = std::make_shared<MemoryLink>();
  {
    const std::scoped_lock lock(wire_->mutex);
    if (!wire_->listening) ADD_FAILURE() << "nobody listens";
    wire_->connecting.push_back(link);
  }
  return TestClient(std::make_unique<MemoryPeer>(wire_, link));
}

}  // namespace shredder::net
