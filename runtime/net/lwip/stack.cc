#include "runtime/net/lwip/stack.h"

#include <cstring>
#include <stdexcept>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "runtime/net/lwip/port.h"

namespace shredder::net::lwip {
namespace {

ip4_addr_t ParseIp4(const std::string& text) {
  ip4_addr_t address;
  if (ip4addr_aton(text.c_str(), &address) == 0) {
    throw std::invalid_argument("not an IPv4 address: " + text);
  }
  return address;
}

uint16_t ChecksumFlags(Checksums checksums) {
  switch (checksums) {
    case Checksums::kSoftware:
      return NETIF_CHECKSUM_ENABLE_ALL;
    case Checksums::kGenerateOnly:
      return NETIF_CHECKSUM_GEN_IP | NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_ICMP |
             NETIF_CHECKSUM_GEN_ICMP6;
    case Checksums::kNone:
      break;
  }
  return NETIF_CHECKSUM_DISABLE_ALL;
}

}  // namespace

LwipStack& LwipStack::Instance() {
  static LwipStack stack;
  return stack;
}

LwipStack::LwipStack() {
  DrawKeys();
  lwip_init();
}

void LwipStack::SetNow(uint64_t now_ms) { SetClock(now_ms); }
void LwipStack::RunTimers() { sys_check_timeouts(); }
uint32_t LwipStack::NextTimer() const { return sys_timeouts_sleeptime(); }

HeldBytes BytesHeld(const tcp_pcb& pcb) {
  HeldBytes held{.sending = TCP_SND_BUF - size_t{pcb.snd_buf}};
  for (const tcp_seg* each = pcb.ooseq; each != nullptr; each = each->next) {
    held.out_of_order += each->len;
  }
  return held;
}

Interface::Interface(const InterfaceOptions& options, NetworkDevice& device)
    : options_(options), device_(device) {
  LwipStack::Instance();
  ip4_addr_t address{}, netmask{}, gateway{};
  if (!options.address.empty()) {
    address = ParseIp4(options.address);
    netmask = ParseIp4(options.netmask);
    if (!options.gateway.empty()) gateway = ParseIp4(options.gateway);
  }
  std::vector<ip6_addr_t> ip6_addresses;
  for (const std::string& text : options.ip6_addresses) {
    ip6_addr_t ip6_address;
    if (ip6addr_aton(text.c_str(), &ip6_address) == 0) {
      throw std::invalid_argument("not an IPv6 address: " + text);
    }
    ip6_addresses.push_back(ip6_address);
  }
  // The first of lwIP's is the link-local one.
  if (ip6_addresses.size() > LWIP_IPV6_NUM_ADDRESSES - 1) {
    throw std::invalid_argument("an interface has at most two IPv6 addresses");
  }
  if (netif_add(&netif_, &address, &netmask, &gateway, this, Initialize, ethernet_input) ==
      nullptr) {
    throw std::runtime_error("lwIP has no interface left");
  }
  netif_set_link_up(&netif_);
  netif_set_up(&netif_);
  netif_create_ip6_linklocal_address(&netif_, 1);
  netif_ip6_addr_set_state(&netif_, 0, IP6_ADDR_PREFERRED);
  for (size_t i = 0; i < ip6_addresses.size(); i++) {
    const auto index = static_cast<s8_t>(i + 1);
    netif_ip6_addr_set(&netif_, index, &ip6_addresses[i]);
    netif_ip6_addr_set_state(&netif_, index, IP6_ADDR_PREFERRED);
  }
}

Interface::~Interface() { netif_remove(&netif_); }

void Interface::Input(pbuf* frame) {
  if (netif_.input(frame, &netif_) != ERR_OK) pbuf_free(frame);
}

bool Interface::Input(std::span<const uint8_t> frame) {
  if (frame.size() > UINT16_MAX) return false;
  pbuf* const copy = pbuf_alloc(PBUF_RAW, static_cast<u16_t>(frame.size()), PBUF_RAM);
  if (copy == nullptr) return false;
  if (!frame.empty()) std::memcpy(copy->payload, frame.data(), frame.size());
  Input(copy);
  return true;
}

err_t Interface::Initialize(netif* netif) {
  const auto& self = *static_cast<Interface*>(netif->state);
  netif->name[0] = 's';
  netif->name[1] = 'h';
  netif->hwaddr_len = static_cast<u8_t>(self.options_.mac.size());
  std::memcpy(netif->hwaddr, self.options_.mac.data(), self.options_.mac.size());
  netif->mtu = self.options_.mtu;
  netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
  netif->output = etharp_output;
  netif->output_ip6 = ethip6_output;
  netif->linkoutput = Transmit;
  netif->chksum_flags = ChecksumFlags(self.options_.checksums);
  return ERR_OK;
}

err_t Interface::Transmit(netif* netif, pbuf* frame) {
  return static_cast<Interface*>(netif->state)->device_.Transmit(*frame) ? ERR_OK : ERR_MEM;
}

}  // namespace shredder::net::lwip
