// What the system says of a device, to name what is wrong with it.
#pragma once

#include <string>

#include "runtime/net/dpdk/device_name.h"
#include "runtime/net/dpdk/failures.h"

namespace shredder::net::dpdk {

PciFacts ReadPci(const std::string& address);
InterfaceFacts ReadInterface(const std::string& name);

// Whether the interface is one end of something virtual, whose frames the kernel may send without
// whole checksums.
bool IsVirtualInterface(const std::string& name);

// Removes the socket file of a memif's server that has died without doing so, which the driver
// would take for one in use. True where somebody listens on it.
bool PrepareSocket(const DeviceName& device);

}  // namespace shredder::net::dpdk
