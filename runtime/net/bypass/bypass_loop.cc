#include "runtime/net/bypass/bypass_loop.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "runtime/net/lwip/port.h"
#include "runtime/net/lwip/prefetch.h"

namespace shredder::net {

namespace {

// Frames that are taken before what they have brought is served.
constexpr size_t kBurst = 32;
// How often sockets and descriptors are looked after.
constexpr uint64_t kKernelIntervalNs = 100'000;
// After the last event.
constexpr uint64_t kSpinNs = 50'000;
constexpr long kRestNs = 50'000;
constexpr uint64_t kNsPerMs = 1'000'000;

uint64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

std::unique_ptr<BypassLoop> BypassLoop::Create(const EventLoopOptions& options,
                                               const BypassOptions& bypass,
                                               lwip::PacketDevice* device, std::string* error) {
  std::optional<Descriptors> descriptors = OpenDescriptors(error);
  if (!descriptors) return nullptr;
  try {
    std::unique_ptr<BypassLoop> loop(
        new BypassLoop(options, bypass, device, std::move(*descriptors)));
    loop->set_backend_note(device->description());
    return loop;
  } catch (const std::invalid_argument& reason) {
    *error = std::string(reason.what()) + " (write it as 10.0.0.2 or fd00::2)";
    return nullptr;
  }
}

BypassLoop::BypassLoop(const EventLoopOptions& options, const BypassOptions& bypass,
                       lwip::PacketDevice* device, Descriptors descriptors)
    : EpollLoop(options, std::move(descriptors)),
      options_(bypass),
      device_(*device),
      interface_((lwip::LwipStack::Instance().SetNow(bypass.clock_ms ? bypass.clock_ms() : NowMs()),
                  lwip::InterfaceOver(bypass.interface, *device)),
                 *device) {}

BypassLoop::~BypassLoop() {
  StopListening();
  CloseAll();
  accepted_.clear();
  device_.Flush();
}

bool BypassLoop::ListenBypass(uint16_t port, ConnectionHandler* handler, std::string* error) {
  tcp_pcb* const pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  if (pcb == nullptr) {
    *error = "no memory for a listener of the bypass";
    return false;
  }
  tcp_bind_netif(pcb, interface_.get());
  if (tcp_bind(pcb, IP_ANY_TYPE, port) != ERR_OK) {
    tcp_close(pcb);
    *error = "port " + std::to_string(port) + " of the bypass is in use (choose another one)";
    return false;
  }
  // Frees `pcb` for one of another kind.
  tcp_pcb* const listening = tcp_listen(pcb);
  if (listening == nullptr) {
    tcp_close(pcb);
    *error = "no memory for a listener of the bypass";
    return false;
  }
  bypass_listeners_.push_back(
      std::make_unique<BypassListener>(BypassListener{this, handler, listening}));
  tcp_arg(listening, bypass_listeners_.back().get());
  tcp_accept(listening, OnAccepted);
  return true;
}

void BypassLoop::StopListening() {
  for (const auto& listener : bypass_listeners_) {
    if (tcp_pcb* const pcb = std::exchange(listener->pcb, nullptr)) tcp_close(pcb);
  }
  EpollLoop::StopListening();
}

BypassCounters BypassLoop::counters() const {
  const stats_& all = lwip_stats;
  return {
      .device = device_.counters(),
      .busy_polls = busy_polls_,
      .idle_polls = idle_polls_,
      .busy_ns = busy_ns_,
      .retransmitted = all.mib2.tcpretranssegs,
      .dropped = uint64_t{all.link.drop} + all.etharp.drop + all.ip.drop + all.ip6.drop +
                 all.icmp.drop + all.icmp6.drop + all.nd6.drop + all.mld6.drop + all.tcp.drop,
      .out_of_memory = uint64_t{all.link.memerr} + all.etharp.memerr + all.ip.memerr +
                       all.ip6.memerr + all.nd6.memerr + all.tcp.memerr,
      .stack_bytes = lwip::MemoryUsed(),
      .half_open = tcp_half_open.count,
      .time_wait = tcp_time_wait.count,
  };
}

// ---- Turns

void BypassLoop::HandleEvents(int timeout_ms) {
  uint64_t now_ns = NowNs();
  const uint64_t until_ns =
      timeout_ms < 0 ? UINT64_MAX : now_ns + static_cast<uint64_t>(timeout_ms) * kNsPerMs;
  for (;;) {
    SendFrames();
    const uint64_t now_ms = ClockMs(now_ns);
    lwip::LwipStack::Instance().SetNow(now_ms);
    const size_t frames = TakeFrames();
    const bool serves = !accepted_.empty() || !due_.empty();
    const bool busy = frames > 0 || serves;
    if (serves) FoundEvents();
    ServeQueues();
    RunTimers(now_ms);
    SendFrames();
    const bool looks_at_kernel = now_ns >= look_at_kernel_ns_;
    if (busy) {
      const uint64_t end_ns = NowNs();
      busy_polls_++;
      busy_ns_ += end_ns - now_ns;
      last_busy_ns_ = end_ns;
    } else {
      idle_polls_++;
    }
    if (looks_at_kernel) {
      look_at_kernel_ns_ = now_ns + kKernelIntervalNs;
      EpollLoop::HandleEvents(0);
    }
    // After a look at the kernel, too: there may have been something for the loop.
    if (serves || looks_at_kernel || now_ns >= until_ns) break;
    now_ns = NowNs();
    if (options_.sleeps && now_ns > last_busy_ns_ + kSpinNs) {
      Rest();
      now_ns = NowNs();
    }
  }
}

size_t BypassLoop::TakeFrames() {
  std::array<pbuf*, kBurst> frames;
  const size_t count = device_.Receive(frames);
  if (count > 1 && has_many_connections()) {
    lwip::PrefetchConnections(std::span(frames).first(count), PcbConnection::Prefetch);
  }
  for (size_t i = 0; i < count; i++) interface_.Input(frames[i]);
  return count;
}

// An inner turn takes from the same queues.
void BypassLoop::ServeQueues() {
  for (size_t left = accepted_.size(); left > 0 && !accepted_.empty(); --left) {
    Accepted accepted = std::move(accepted_.front());
    accepted_.pop_front();
    Accept(std::move(accepted));
  }
  if (due_.size() > 1 && has_many_connections()) PrefetchDue();
  for (size_t left = due_.size(); left > 0 && !due_.empty(); --left) {
    LoopConnection* const connection = Find(due_.front());
    due_.pop_front();
    if (connection != nullptr) static_cast<PcbConnection*>(connection)->Serve();
  }
}

// Most connections themselves have been asked for with the frames.
void BypassLoop::PrefetchDue() {
  bool goes_on = true;
  for (unsigned step = 1; step < kPrefetchSteps && goes_on; step++) {
    goes_on = false;
    for (size_t i = 0; i < std::min(due_.size(), kBurst); i++) {
      goes_on |= Prefetch(due_[i].slot, step);
    }
  }
}

// After the frames, among which the acknowledgments may be of what would be sent again.
void BypassLoop::RunTimers(uint64_t now_ms) {
  if (now_ms == timers_ran_ms_) return;
  timers_ran_ms_ = now_ms;
  lwip::LwipStack::Instance().RunTimers();
}

void BypassLoop::SendFrames() {
  while (!output_.empty()) {
    LoopConnection* const connection = Find(output_.front());
    output_.pop_front();
    if (connection != nullptr) static_cast<PcbConnection*>(connection)->Output();
  }
  device_.Flush();
}

void BypassLoop::Submit() { SendFrames(); }

void BypassLoop::Rest() {
  // Else the kernel would round it up by as much again.
  thread_local const int prepared = prctl(PR_SET_TIMERSLACK, 1);
  static_cast<void>(prepared);
  const timespec rest{.tv_sec = 0, .tv_nsec = kRestNs};
  nanosleep(&rest, nullptr);
}

uint64_t BypassLoop::ClockMs(uint64_t now_ns) const {
  return options_.clock_ms ? options_.clock_ms() : now_ns / kNsPerMs;
}

// ---- Accepting

err_t BypassLoop::OnAccepted(void* self, tcp_pcb* pcb, err_t error) {
  if (error != ERR_OK || pcb == nullptr) return ERR_VAL;
  const auto& listener = *static_cast<BypassListener*>(self);
  BypassLoop& loop = *listener.loop;
  loop.accepted_.push_back({std::make_unique<PcbConnection>(&loop, pcb), listener.handler});
  return ERR_OK;
}

void BypassLoop::Accept(Accepted accepted) {
  PcbConnection& connection = *accepted.connection;
  if (connection.is_gone()) return;
  if (!Admits()) return connection.Refuse(refusal());
  std::string peer = connection.PeerAddress();
  Open(std::move(accepted.connection), accepted.handler, std::move(peer));
}

}  // namespace shredder::net
