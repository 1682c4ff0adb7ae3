// lwIP's options: a TCP server's core on one thread, over the raw API. What is not said here is
// lwIP's default (lwip/opt.h), or the patch series' (lwip-patches/).
#pragma once

// Without an operating system's threads: whoever polls the network card runs all of it.
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0

// Protocols: TCP over IPv4 and IPv6 on Ethernet. Addresses are configured, so that there is neither
// DHCP nor DNS, nor anything else over UDP.
#define LWIP_ETHERNET 1
#define LWIP_ARP 1
#define LWIP_IPV4 1
#define LWIP_ICMP 1
#define LWIP_IPV6 1
#define LWIP_IPV6_AUTOCONFIG 0
#define LWIP_IPV6_MLD 1  // switches that snoop deliver no neighbour solicitation without it
#define LWIP_TCP 1
#define LWIP_UDP 0
#define LWIP_RAW 0
#define LWIP_DHCP 0
#define LWIP_DNS 0
#define LWIP_IGMP 0

// No reassembly: TCP's segments come whole (the MSS and path MTU discovery see to it), and what
// does not come whole has been more trouble than use. IPv6 may have to fragment what was queued
// before a smaller MTU was learnt; IPv4 leaves that to routers.
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define LWIP_IPV6_REASS 0
#define LWIP_IPV6_FRAG 1
#define IP_FORWARD 0
#define LWIP_IPV6_FORWARD 0

// Neighbours: a connection remembers its entry, so that a table's size costs no search a segment.
#define LWIP_NETIF_HWADDRHINT 1
#define ARP_TABLE_SIZE 256
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 8
#define LWIP_ND6_NUM_NEIGHBORS 127
#define LWIP_ND6_NUM_DESTINATIONS 127  // lwIP counts them with 7 bits
#define ND6_QUEUE_LEN 8

// TCP.
#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 3
#define TCP_WND (256 * 1024)
#define TCP_SND_BUF (256 * 1024)
// Pbufs queued for sending on a connection, at most: half of the buffer in replies of 32 bytes each
// in a segment of its own, which has one pbuf.
#define TCP_SND_QUEUELEN 4096
// A connection is writable again where so much is free.
#define TCP_SNDLOWAT (32 * 1024)
#define TCP_SNDQUEUELOWAT 1024
#define TCP_OVERSIZE TCP_MSS  // small writes share a segment where told that more follows
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_KEEPALIVE 1
#define TCP_LISTEN_BACKLOG 0  // counts to 255 and then drops: TCP_MAX_HALF_OPEN bounds instead
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 8)

// Times. A tick is 10 ms.
#define TCP_TMR_INTERVAL 10
#define LWIP_TCP_RTO_TIME 1000  // RFC 6298, before there is a measurement
// RFC 6298 recommends 1 s and is alone with it; Linux uses 200 ms, which is also how long it delays
// an ACK at most: less would send again what has arrived.
#define LWIP_TCP_RTO_MIN 200
#define LWIP_TCP_RTO_MAX 60000
#define TCP_DELACK_TIME 40  // Linux's least
#define TCP_MSL 30000UL     // TIME_WAIT of 60 s, as Linux's
#define TCP_MAXRTX 12
#define TCP_SYNMAXRTX 5

// Bounds of what peers can make grow.
#define TCP_PCB_HASH_SIZE 65536  // buckets; a power of 2
#define TCP_PCB_HASH_STATS 1
#define TCP_MAX_HALF_OPEN 4096
#define TCP_MAX_TIME_WAIT 16384
#define TCP_OOSEQ_MAX_BYTES TCP_WND
#define TCP_OOSEQ_MAX_PBUFS 512

// Memory: the C library's, counted and bounded by port.cc. Pools would have counts of 16 bits.
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC shredder_lwip_malloc
#define MEM_CUSTOM_CALLOC shredder_lwip_calloc
#define MEM_CUSTOM_FREE shredder_lwip_free
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define LWIP_PBUF_REF_T u16_t
#define LWIP_SUPPORT_CUSTOM_PBUF 1  // a device's own buffers are received without a copy
#define PBUF_POOL_BUFSIZE 1536
#define ETH_PAD_SIZE 0

// Each interface says which checksums it generates and checks.
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1

#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define LWIP_STATS_DISPLAY 0
#define MIB2_STATS 1
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_HAVE_LOOPIF 0

#define LWIP_HOOK_FILENAME "runtime/net/lwip/hooks.h"
#define LWIP_HOOK_TCP_ISN shredder_lwip_isn
#define LWIP_HOOK_TCP_PCB_HASH shredder_lwip_hash
