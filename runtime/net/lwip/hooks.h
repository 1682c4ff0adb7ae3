// What lwIP asks of us while it runs; named in lwipopts.h, included by lwIP's C.
#pragma once

#include "lwip/ip_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

// The initial sequence number of a connection (RFC 6528): a clock of 4 microseconds plus a keyed
// hash of the addresses and ports, which are in host byte order.
u32_t shredder_lwip_isn(const ip_addr_t* local_ip, u16_t local_port, const ip_addr_t* remote_ip,
                        u16_t remote_port);

// The hash that connections are found by: keyed too, so that nobody can have them all in one
// bucket.
u32_t shredder_lwip_hash(const ip_addr_t* local_ip, u16_t local_port, const ip_addr_t* remote_ip,
                         u16_t remote_port);

#ifdef __cplusplus
}
#endif
