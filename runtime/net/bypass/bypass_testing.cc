#include "runtime/net/bypass/bypass_testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"
#include "runtime/net/bypass/bypass_loop.h"

namespace shredder::net {

namespace {

constexpr uint16_t kPort = 7379;
// A client's reset waits for its bytes to be acknowledged, if they are sent again, but not for
// ever: the server may not read.
constexpr size_t kPollsBeforeAbort = 3;
constexpr uint32_t kPatientMs = 5000;  // of the stack's time
// Of what a client has given or not taken, beside what the stack holds.
constexpr size_t kPipeBytes = 256 * 1024;
// Frames that a device keeps for its other end.
constexpr size_t kRing = 256;
// Frames that have arrived and whose bytes are still in use. What a few connections hold that are
// not read must not come to that.
constexpr size_t kBuffers = 1024;

// The stack's time, which must not go back from one test to the next.
struct TestClock {
  uint64_t begin_ms = 1;
  uint64_t speed = 1;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();

  uint64_t Now() const {
    const auto passed = std::chrono::steady_clock::now() - began;
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(passed).count();
    return begin_ms + static_cast<uint64_t>(us) * speed / 1000;
  }
  void SetSpeed(uint64_t new_speed) {
    begin_ms = Now();
    began = std::chrono::steady_clock::now();
    speed = new_speed;
  }
};
TestClock test_clock;

// One client, as its peer's object and the loop's thread both see it.
struct Client {
  std::mutex mutex;
  std::string to_loop;
  std::string to_client;
  bool ended = false;  // the client sends no more
  bool gone = false;   // its object is
  bool aborts = false;
  bool loop_ended = false;
  bool loop_failed = false;
  bool all_arrived = false;  // of what was taken from to_loop
};

class FramePeer final : public TestPeer {
 public:
  explicit FramePeer(std::shared_ptr<Client> client) : client_(std::move(client)) {}
  ~FramePeer() override {
    const std::scoped_lock lock(client_->mutex);
    client_->gone = true;
  }
  size_t Send(std::string_view bytes) override {
    const std::scoped_lock lock(client_->mutex);
    if (client_->ended || client_->loop_failed) return 0;
    const std::string_view taken = bytes.substr(0, kPipeBytes - client_->to_loop.size());
    client_->to_loop += taken;
    client_->all_arrived &= taken.empty();
    return taken.size();
  }
  Moved Receive(std::span<char> place) override {
    const std::scoped_lock lock(client_->mutex);
    if (const size_t taken = client_->to_client.copy(place.data(), place.size()); taken > 0) {
      client_->to_client.erase(0, taken);
      return {.bytes = taken};
    }
    if (client_->loop_failed) return {.outcome = Moved::Outcome::kFailed};
    return {.outcome = client_->loop_ended ? Moved::Outcome::kSome : Moved::Outcome::kBlocked};
  }
  bool HasArrived() const override {
    const std::scoped_lock lock(client_->mutex);
    return client_->to_loop.empty() && client_->all_arrived;
  }
  void ShutdownSending() override {
    const std::scoped_lock lock(client_->mutex);
    client_->ended = true;
  }
  void Abort() override {
    const std::scoped_lock lock(client_->mutex);
    client_->aborts = true;
  }

 private:
  const std::shared_ptr<Client> client_;
};

// The client's end of a connection, in the loop's thread.
class ClientEnd {
 public:
  ClientEnd(std::shared_ptr<Client> client, lwip::Interface& interface)
      : client_(std::move(client)), pcb_(tcp_new()) {
    tcp_arg(pcb_, this);
    tcp_recv(pcb_, OnReceived);
    tcp_err(pcb_, OnError);
    tcp_nagle_disable(pcb_);
    tcp_bind_netif(pcb_, interface.get());
    ip_addr_t server;
    ipaddr_aton("10.0.0.1", &server);
    EXPECT_EQ(tcp_connect(pcb_, &server, kPort, OnConnected), ERR_OK);
  }
  ~ClientEnd() {
    for (pbuf* const data : arrived_) pbuf_free(data);
    if (pcb_ == nullptr) return;
    tcp_err(pcb_, nullptr);
    tcp_abort(pcb_);
  }
  ClientEnd(const ClientEnd&) = delete;
  ClientEnd& operator=(const ClientEnd&) = delete;

  // Moves what there is; false once there will be nothing more to do.
  bool Work() {
    const std::scoped_lock lock(client_->mutex);
    while (!arrived_.empty() && client_->to_client.size() < kPipeBytes) {
      pbuf* const data = arrived_.front();
      arrived_.pop_front();
      const size_t at = client_->to_client.size();
      client_->to_client.resize(at + data->tot_len);
      pbuf_copy_partial(data, client_->to_client.data() + at, data->tot_len, 0);
      if (pcb_ != nullptr) tcp_recved(pcb_, data->tot_len);
      pbuf_free(data);
    }
    if (arrived_.empty()) client_->loop_ended |= server_ended_;
    client_->loop_failed |= failed_;
    if (pcb_ == nullptr) return !arrived_.empty() && !client_->gone;
    if (!connected_) return true;
    polls_++;
    std::string& outgoing = client_->to_loop;
    while (!outgoing.empty()) {
      const size_t piece = std::min({outgoing.size(), size_t{tcp_sndbuf(pcb_)}, size_t{16384}});
      if (piece == 0 || tcp_write(pcb_, outgoing.data(), static_cast<u16_t>(piece),
                                  TCP_WRITE_FLAG_COPY) != ERR_OK) {
        break;
      }
      outgoing.erase(0, piece);
    }
    tcp_output(pcb_);
    client_->all_arrived = pcb_->snd_queuelen == 0;
    if (client_->gone && client_->aborts) {
      // So that the loop has seen it before, as where the kernel connects; the destructor resets.
      if (!resets_since_ms_) resets_since_ms_ = sys_now();
      return polls_ < kPollsBeforeAbort ||
             (pcb_->snd_queuelen > 0 && sys_now() - *resets_since_ms_ < kPatientMs);
    }
    if (!outgoing.empty()) return true;
    if (client_->gone) {
      // As TCP does it where somebody closes who has not read all.
      if (!client_->to_client.empty() || !arrived_.empty()) return false;
      tcp_arg(pcb_, nullptr);
      tcp_recv(pcb_, nullptr);
      tcp_err(pcb_, nullptr);
      tcp_close(std::exchange(pcb_, nullptr));
      return false;
    }
    if (client_->ended && !shut_) shut_ = tcp_shutdown(pcb_, 0, 1) == ERR_OK;
    return true;
  }

 private:
  static err_t OnConnected(void* self, tcp_pcb*, err_t) {
    static_cast<ClientEnd*>(self)->connected_ = true;
    return ERR_OK;
  }
  static err_t OnReceived(void* self, tcp_pcb*, pbuf* data, err_t) {
    auto& end = *static_cast<ClientEnd*>(self);
    if (data == nullptr) {
      end.server_ended_ = true;
    } else {
      end.arrived_.push_back(data);
    }
    return ERR_OK;
  }
  static void OnError(void* self, err_t error) {
    auto& end = *static_cast<ClientEnd*>(self);
    end.pcb_ = nullptr;
    end.failed_ = error != ERR_CLSD;
    end.server_ended_ |= error == ERR_CLSD;
  }

  const std::shared_ptr<Client> client_;
  tcp_pcb* pcb_;
  std::deque<pbuf*> arrived_;
  size_t polls_ = 0;  // since it is connected
  std::optional<uint32_t> resets_since_ms_;
  bool connected_ = false;
  bool server_ended_ = false;
  bool failed_ = false;
  bool shut_ = false;
};

lwip::InterfaceOptions HostOptions(uint8_t number) {
  lwip::InterfaceOptions options;
  options.mac = {2, 0, 0, 0, 0, number};
  options.address = "10.0.0." + std::to_string(number);
  return options;
}

lwip::Frame Copy(const pbuf& frame) {
  lwip::Frame bytes(frame.tot_len);
  pbuf_copy_partial(&frame, bytes.data(), frame.tot_len, 0);
  return bytes;
}

}  // namespace

// ---- The clients' host

class FrameNetwork::Host final : public lwip::NetworkDevice {
 public:
  explicit Host(lwip::PacketLink& link) : link_(link), interface_(HostOptions(2), *this) {}

  void Connect(std::shared_ptr<Client> client) {
    const std::scoped_lock lock(mutex_);
    connecting_.push_back(std::move(client));
  }
  void Work() {
    for (size_t left = link_.back.size(); left > 0; left--) interface_.Input(*link_.back.Pop());
    {
      const std::scoped_lock lock(mutex_);
      for (auto& client : std::exchange(connecting_, {})) {
        ends_.push_back(std::make_unique<ClientEnd>(std::move(client), interface_));
      }
    }
    std::erase_if(ends_, [](const auto& end) { return !end->Work(); });
  }
  void CloseAll() { ends_.clear(); }

  bool Transmit(pbuf& frame) override { return link_.there.Push(Copy(frame)); }

 private:
  lwip::PacketLink& link_;
  lwip::Interface interface_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Client>> connecting_;
  std::vector<std::unique_ptr<ClientEnd>> ends_;
};

// ---- The loop's device

class FrameNetwork::Device final : public lwip::PacketDevice {
 public:
  explicit Device(const lwip::LinkFaults& faults) : link_(faults), host_(link_) {}
  ~Device() override {
    host_.CloseAll();
    while (tcp_active_pcbs != nullptr) tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs != nullptr) tcp_abort(tcp_tw_pcbs);
    EXPECT_EQ(in_use_, 0u) << "frames that nobody has freed";
  }

  size_t Receive(std::span<pbuf*> frames) override {
    host_.Work();
    size_t count = 0;
    while (count < frames.size() && in_use_ < kBuffers && !link_.there.empty()) {
      lwip::Frame frame = *link_.there.Pop();
      auto* const buffer = new Buffer{{}, this, std::move(frame)};
      buffer->pbuf.custom_free_function = FreeBuffer;
      const auto size = static_cast<u16_t>(buffer->frame.size());
      frames[count++] =
          pbuf_alloced_custom(PBUF_RAW, size, PBUF_REF, &buffer->pbuf, buffer->frame.data(), size);
      in_use_++;
      counters_.received++;
    }
    return count;
  }
  bool Transmit(pbuf& frame) override {
    if (ring_.size() >= kRing) {
      counters_.unsent++;
      return false;
    }
    ring_.push_back(Copy(frame));
    return true;
  }
  // Not all at once, now and then.
  void Flush() override {
    size_t left = random_() % 8 == 0 ? random_() % (ring_.size() + 1) : ring_.size();
    for (; left > 0 && link_.back.Push(ring_.front()); left--) {
      ring_.pop_front();
      counters_.sent++;
    }
  }
  lwip::DeviceCounters counters() const override { return counters_; }
  std::array<uint8_t, 6> mac() const override { return {2, 0, 0, 0, 0, 1}; }
  uint16_t mtu() const override { return 1500; }
  lwip::Checksums checksums() const override { return lwip::Checksums::kSoftware; }
  std::string description() const override { return "frames in memory"; }

  void Connect(std::shared_ptr<Client> client) { host_.Connect(std::move(client)); }
  size_t buffers_in_use() const { return in_use_; }

 private:
  // The pbuf comes first: lwIP knows a custom one by its address.
  struct Buffer {
    pbuf_custom pbuf;
    Device* device;
    lwip::Frame frame;
  };
  static void FreeBuffer(pbuf* freed) {
    auto* const buffer = reinterpret_cast<Buffer*>(freed);
    buffer->device->in_use_--;
    delete buffer;
  }

  lwip::PacketLink link_;
  Host host_;
  std::mt19937 random_{1};
  std::deque<lwip::Frame> ring_;
  size_t in_use_ = 0;
  lwip::DeviceCounters counters_;
};

// ---- The network

std::unique_ptr<TestNetwork> FrameNetwork::Make() {
  return std::make_unique<FrameNetwork>(lwip::LinkFaults{}, 1);
}

std::unique_ptr<TestNetwork> FrameNetwork::MakeFaulty() {
  const lwip::LinkFaults faults{
      .lost = 5, .duplicated = 20, .reordered = 20, .truncated = 5, .corrupted = 5};
  return std::make_unique<FrameNetwork>(faults, 50);
}

FrameNetwork::FrameNetwork(const lwip::LinkFaults& faults, uint64_t clock_speed) {
  test_clock.SetSpeed(clock_speed);
  lwip::LwipStack::Instance().SetNow(test_clock.Now());
  device_ = std::make_unique<Device>(faults);
}

FrameNetwork::~FrameNetwork() = default;

std::unique_ptr<EventLoop> FrameNetwork::CreateLoop(const EventLoopOptions& options,
                                                    ConnectionHandler* handler,
                                                    std::string* error) {
  BypassOptions bypass;
  bypass.interface = HostOptions(1);
  bypass.clock_ms = [] { return test_clock.Now(); };
  std::unique_ptr<BypassLoop> loop = BypassLoop::Create(options, bypass, device_.get(), error);
  if (loop == nullptr || !loop->ListenTcp("127.0.0.1", 0, handler, error) ||
      !loop->ListenBypass(kPort, handler, error)) {
    return nullptr;
  }
  return loop;
}

std::unique_ptr<EventLoop> FrameNetwork::CreateLoopAt(const std::string& address,
                                                      std::string* error) {
  BypassOptions bypass;
  bypass.interface.address = address;
  bypass.clock_ms = [] { return test_clock.Now(); };
  return BypassLoop::Create({}, bypass, device_.get(), error);
}

size_t FrameNetwork::buffers_in_use() const { return device_->buffers_in_use(); }

size_t FrameNetwork::CountConnections() {
  size_t count = 0;
  for (const tcp_pcb* each = tcp_active_pcbs; each != nullptr; each = each->next) {
    count += each->local_port == kPort;
  }
  return count;
}

TestClient FrameNetwork::Connect() {
  auto client = std::make_shared<Client>();
  device_->Connect(client);
  return TestClient(std::make_unique<FramePeer>(std::move(client)));
}

}  // namespace shredder::net
