// DPDK's headers of devices and frames, fit to stand beside lwIP's: the system's <netinet/ip6.h>,
// which they include, has a structure of a name that lwIP has given, too.
#pragma once

#define ip6_hdr netinet_ip6_hdr
#include <netinet/ip6.h>
#undef ip6_hdr

#include <rte_ethdev.h>
#include <rte_mbuf.h>
