// This process: its file, its identity, and the file that tells its port.
#pragma once

#include <cstdint>
#include <string>

namespace shredder::control {

// Of this program, as it was when the process began; empty where the kernel does not tell.
std::string ExecutablePath();
// 40 hexadecimal digits, as Redis's run_id.
std::string RandomRunId();
uint64_t UnixMs();
// As far as the hard limit goes: each client takes a descriptor, and the usual soft limit is 1024.
void RaiseDescriptorLimit();
// Whether this process may leave a core dump, as far as the hard limit allows.
void LimitCoreDumps(bool allowed);
// Whether a port file can be written there; false with a one-line reason in *error.
bool CheckPortFile(const std::string& path, std::string* error);
// Under another name first, so that a reader never sees half of it. False with a one-line reason in
// *error.
bool WritePortFile(const std::string& path, uint16_t port, std::string* error);

}  // namespace shredder::control
