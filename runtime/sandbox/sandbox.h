// How a process locks itself up before it runs code that may be hostile, and that may take it over
// through a hole in V8: from then on it reads and writes the memory and the descriptors that it has
// been given, and reaches nothing else. In two steps, for between them the process starts its
// threads and opens what it will need:
//
//   Confine   with one thread: namespaces without files and without a network, an unprivileged
//             user, no capabilities, limits. What the kernel refuses is left out, and told.
//   Lock      with all threads that it has: a list of the system calls that are allowed, and of
//             their arguments. Without it no such code may run.
//
// Neither can be undone, by the process or by whom it would start.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace shredder::sandbox {

// The user of a confined process that root has started is one that nobody else is: this plus its
// number. systemd's map of user ids has the range as unused (https://systemd.io/UIDS-GIDS).
inline constexpr uid_t kFirstUser = 0x70000000;

struct ConfineOptions {
  // No two confined processes of a machine that live at a time should have the same: then neither
  // shares limits with the other, nor could be signalled or traced by it.
  uint32_t number = 0;
  // The longest that a file may become that it writes: of its memory files.
  uint64_t max_file_bytes = 0;
  bool core_dumps = false;  // RLIMIT_CORE says how large
};

// What was not to be had, each with the kernel's reason; empty: nothing.
std::vector<std::string> Confine(const ConfineOptions& options);

// False with a one-line reason in *error.
//
// A system call of the list is made. One that libraries make to see whether they may, and do
// without, fails: those that would open or look for files. Any other ends the process by SIGSYS,
// for it is no mistake, and whoever has made it is not to try another one.
bool Lock(std::string* error);

}  // namespace shredder::sandbox
