#include "runtime/net/bypass/bypass_client.h"

#include <time.h>

#include <array>
#include <span>

#include "runtime/net/lwip/prefetch.h"
#include "runtime/prefetch.h"

namespace shredder::net {

namespace {

constexpr size_t kBurst = 32;
// From so many on they do not stay in the cache from one burst to the next.
constexpr size_t kManyStreams = 512;

uint64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

}  // namespace

ClientStream::ClientStream(BypassClient* client, tcp_pcb* pcb) : PcbStream(pcb), client_(*client) {
  client_.streams_++;
}

ClientStream::~ClientStream() {
  client_.streams_--;
  if (has_event_) std::erase(client_.events_, this);
}

size_t ClientStream::Send(std::string_view bytes) {
  const iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  const Moved moved = PcbStream::Send({&part, 1});
  Output();
  return moved.bytes;
}

void ClientStream::Prefetch(const void* arg) { PrefetchBytes(arg, sizeof(ClientStream)); }

void ClientStream::OnEvent() {
  if (!std::exchange(has_event_, true)) client_.events_.push_back(this);
}

err_t ClientStream::OnConnected(void* self, tcp_pcb*, err_t) {
  auto& stream = *static_cast<ClientStream*>(static_cast<PcbStream*>(self));
  stream.connected_ = true;
  stream.OnEvent();
  return ERR_OK;
}

BypassClient::BypassClient(const lwip::InterfaceOptions& interface, lwip::PacketDevice* device)
    : device_(*device),
      interface_(
          (lwip::LwipStack::Instance().SetNow(NowMs()), lwip::InterfaceOver(interface, *device)),
          *device) {}

BypassClient::~BypassClient() { device_.Flush(); }

std::unique_ptr<ClientStream> BypassClient::Connect(const std::string& address, uint16_t port,
                                                    std::string* error) {
  ip_addr_t peer;
  if (ipaddr_aton(address.c_str(), &peer) == 0) {
    *error = "not an IP address: " + address + " (write it as 10.0.0.2 or fd00::2)";
    return nullptr;
  }
  tcp_pcb* const pcb = tcp_new_ip_type(IP_GET_TYPE(&peer));
  if (pcb == nullptr) {
    *error = "no memory for a connection to " + address;
    return nullptr;
  }
  tcp_bind_netif(pcb, interface_.get());
  std::unique_ptr<ClientStream> stream(new ClientStream(this, pcb));
  const err_t failure = tcp_connect(pcb, &peer, port, ClientStream::OnConnected);
  if (failure != ERR_OK) {
    *error = "cannot connect to " + address + ": " +
             (failure == ERR_RTE ? "no route to it (give an address of its network, or a gateway)"
                                 : "the stack has no memory or no port left");
    return nullptr;
  }
  return stream;
}

size_t BypassClient::Poll() {
  lwip::LwipStack& stack = lwip::LwipStack::Instance();
  const uint64_t now_ms = NowMs();
  stack.SetNow(now_ms);
  std::array<pbuf*, kBurst> frames;
  const size_t count = device_.Receive(frames);
  if (count > 1 && streams_ >= kManyStreams) {
    lwip::PrefetchConnections(std::span(frames).first(count), ClientStream::Prefetch);
  }
  for (size_t i = 0; i < count; i++) interface_.Input(frames[i]);
  if (now_ms != timers_ran_ms_) {
    timers_ran_ms_ = now_ms;
    stack.RunTimers();
  }
  device_.Flush();
  return count;
}

void BypassClient::Flush() { device_.Flush(); }

ClientStream* BypassClient::NextEvent() {
  if (events_.empty()) return nullptr;
  ClientStream* const stream = events_.front();
  events_.pop_front();
  stream->has_event_ = false;
  return stream;
}

}  // namespace shredder::net
