#include "runtime/net/lwip/lwip_testing.h"

#include <algorithm>
#include <random>
#include <utility>

#include "lwip/priv/tcp_priv.h"
#include "runtime/net/lwip/port.h"

namespace shredder::net::lwip {
namespace {

// Any, but the same for all tests of a process: it must not go back.
uint64_t now_ms = 1'000'000;

InterfaceOptions Host(uint8_t number, Checksums checksums = Checksums::kSoftware) {
  InterfaceOptions options;
  options.checksums = checksums;
  options.mac = {2, 0, 0, 0, 0, number};
  options.address = "10.0.0." + std::to_string(number);
  // The other one, so that what comes from elsewhere is answered by way of it.
  options.gateway = "10.0.0." + std::to_string(3 - number);
  options.ip6_addresses = {"fd00::" + std::to_string(number)};
  return options;
}

void Advance() { LwipStack::Instance().SetNow(++now_ms); }

}  // namespace

bool LinkDevice::Transmit(pbuf& frame) {
  Frame bytes(frame.tot_len);
  pbuf_copy_partial(&frame, bytes.data(), frame.tot_len, 0);
  if (bytes.size() > 23 && bytes[12] == 8 && bytes[13] == 0 && bytes[23] == 6) segments++;
  return out_.Push(bytes);
}

TwoHosts::TwoHosts(const LinkFaults& faults, uint64_t seed, Checksums server_checksums)
    : link(faults, seed),
      server_device(link.back),
      client_device(link.there),
      server((Advance(), Host(1, server_checksums)), server_device),
      client(Host(2), client_device) {}

TwoHosts::~TwoHosts() {
  // What is left belongs to no test any more.
  while (tcp_active_pcbs != nullptr) tcp_abort(tcp_active_pcbs);
  while (tcp_tw_pcbs != nullptr) tcp_abort(tcp_tw_pcbs);
}

void TwoHosts::Deliver() {
  // As many as are there: an answer to an answer comes at the next millisecond at the earliest,
  // so that nothing goes round for ever within one.
  for (size_t left = link.there.size(); left > 0; left--) server.Input(*link.there.Pop());
  for (size_t left = link.back.size(); left > 0; left--) client.Input(*link.back.Pop());
}

void TwoHosts::Pass(uint64_t milliseconds) {
  for (uint64_t i = 0; i < milliseconds; i++) {
    Advance();
    Deliver();
    LwipStack::Instance().RunTimers();
  }
}

void TwoHosts::Skip(uint64_t milliseconds) {
  now_ms += milliseconds;
  LwipStack::Instance().SetNow(now_ms);
  Deliver();
  LwipStack::Instance().RunTimers();
}

bool TwoHosts::PassUntil(const std::function<bool()>& holds, uint64_t milliseconds) {
  for (uint64_t i = 0; i < milliseconds; i++) {
    if (holds()) return true;
    Pass(1);
  }
  return holds();
}

uint64_t TwoHosts::now() { return now_ms; }

namespace {

ip_addr_t AddressOf(Interface& interface, bool ip6) {
  ip_addr_t address;
  if (ip6) {
    ip_addr_copy_from_ip6(address, *netif_ip6_addr(interface.get(), 1));
  } else {
    ip_addr_copy_from_ip4(address, *netif_ip4_addr(interface.get()));
  }
  return address;
}

}  // namespace

ip_addr_t TwoHosts::server_address(bool ip6) const {
  return AddressOf(const_cast<Interface&>(server), ip6);
}

ip_addr_t TwoHosts::client_address(bool ip6) const {
  return AddressOf(const_cast<Interface&>(client), ip6);
}

TestConnection::TestConnection(TwoHosts& hosts, uint16_t port, bool ip6) {
  tcp_pcb* const pcb = tcp_new_ip_type(ip6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
  EXPECT_NE(pcb, nullptr);
  if (pcb == nullptr) return;
  // Both hosts are in one stack, which would choose an interface by the network alone.
  tcp_bind_netif(pcb, hosts.client.get());
  Adopt(pcb);
  const ip_addr_t local = hosts.client_address(ip6), remote = hosts.server_address(ip6);
  EXPECT_EQ(tcp_bind(pcb, &local, 0), ERR_OK);
  EXPECT_EQ(tcp_connect(pcb, &remote, port, OnConnected), ERR_OK);
}

TestConnection::~TestConnection() {
  for (pbuf* const data : arrived_) pbuf_free(data);
  arrived_.clear();
  if (pcb_ != nullptr) Reset();
}

void TestConnection::Adopt(tcp_pcb* pcb) {
  pcb_ = pcb;
  tcp_arg(pcb, this);
  tcp_nagle_disable(pcb);
  tcp_recv(pcb, OnReceived);
  tcp_err(pcb, OnError);
}

void TestConnection::Send(std::string_view bytes) {
  unsent_ += bytes;
  Work();
}

void TestConnection::Work() {
  while (!hold && !arrived_.empty()) {
    pbuf* const data = arrived_.front();
    arrived_.pop_front();
    const size_t start = received.size();
    received.resize(start + data->tot_len);
    pbuf_copy_partial(data, received.data() + start, data->tot_len, 0);
    if (pcb_ != nullptr) tcp_recved(pcb_, data->tot_len);
    pbuf_free(data);
  }
  if (pcb_ == nullptr) return;
  bool wrote = false;
  while (sent_ < unsent_.size()) {
    const size_t piece =
        std::min({unsent_.size() - sent_, size_t{tcp_sndbuf(pcb_)}, size_t{16384}});
    if (piece == 0 || tcp_write(pcb_, unsent_.data() + sent_, static_cast<u16_t>(piece),
                                TCP_WRITE_FLAG_COPY) != ERR_OK) {
      break;
    }
    sent_ += piece;
    wrote = true;
  }
  if (wrote) tcp_output(pcb_);
  if (finish_ && sent_ == unsent_.size() && tcp_shutdown(pcb_, 0, 1) == ERR_OK) finish_ = false;
}

void TestConnection::Close() {
  tcp_pcb* const pcb = std::exchange(pcb_, nullptr);
  tcp_arg(pcb, nullptr);
  tcp_recv(pcb, nullptr);
  tcp_err(pcb, nullptr);
  EXPECT_EQ(tcp_close(pcb), ERR_OK);
}

void TestConnection::Reset() {
  tcp_pcb* const pcb = std::exchange(pcb_, nullptr);
  tcp_err(pcb, nullptr);
  tcp_abort(pcb);
}

err_t TestConnection::OnReceived(void* self, tcp_pcb* pcb, pbuf* data, err_t) {
  static_cast<void>(pcb);
  auto& connection = *static_cast<TestConnection*>(self);
  if (data == nullptr) {
    connection.ended = true;
  } else {
    connection.arrived_.push_back(data);
  }
  return ERR_OK;
}

err_t TestConnection::OnConnected(void* self, tcp_pcb*, err_t) {
  static_cast<TestConnection*>(self)->connected = true;
  return ERR_OK;
}

void TestConnection::OnError(void* self, err_t error) {
  auto& connection = *static_cast<TestConnection*>(self);
  // lwIP has freed it.
  connection.pcb_ = nullptr;
  connection.error = error;
}

TestListener::TestListener(TwoHosts& hosts, uint16_t port, bool ip6) {
  tcp_pcb* const pcb = tcp_new_ip_type(ip6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
  tcp_bind_netif(pcb, hosts.server.get());
  const ip_addr_t local = hosts.server_address(ip6);
  EXPECT_EQ(tcp_bind(pcb, &local, port), ERR_OK);
  pcb_ = tcp_listen(pcb);
  EXPECT_NE(pcb_, nullptr);
  tcp_arg(pcb_, this);
  tcp_accept(pcb_, OnAccepted);
}

TestListener::~TestListener() {
  accepted.clear();
  tcp_close(pcb_);
}

err_t TestListener::OnAccepted(void* self, tcp_pcb* pcb, err_t error) {
  if (error != ERR_OK || pcb == nullptr) return ERR_VAL;
  auto& listener = *static_cast<TestListener*>(self);
  listener.accepted.push_back(std::make_unique<TestConnection>(pcb));
  listener.accepted.back()->connected = true;
  return ERR_OK;
}

std::string Pattern(size_t bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(bytes, '\0');
  for (char& each : text) each = static_cast<char>(random());
  return text;
}

size_t CountConnections() {
  size_t count = 0;
  for (const tcp_pcb* each = tcp_active_pcbs; each != nullptr; each = each->next) count++;
  for (const tcp_pcb* each = tcp_tw_pcbs; each != nullptr; each = each->next) count++;
  return count;
}

}  // namespace shredder::net::lwip
