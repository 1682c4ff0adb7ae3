#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "runtime/sandbox/sandbox.h"

namespace shredder::sandbox {
namespace {

// Who nobody in particular is, where the process's user namespace has no others.
constexpr uid_t kNobody = 65534;
// The serving thread, V8's and the watchdogs', and some to spare.
constexpr rlim_t kMaxThreads = 256;

using Missing = std::vector<std::string>;

void Tell(const char* what, Missing* missing) {
  missing->push_back(std::string(what) + ": " + std::strerror(errno));
}

// --- Capabilities

using CapabilityData = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

__user_cap_header_struct CapabilityHeader() {
  return {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
}

bool HasCapability(unsigned capability) {
  __user_cap_header_struct header = CapabilityHeader();
  CapabilityData data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[capability / 32].effective >> capability % 32 & 1) != 0;
}

// Those that an executable could bring back. Refused where the process has no capabilities, and
// could not get any.
void DropBoundingSet() {
  for (unsigned capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
}

void DropCapabilities(Missing* missing) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = CapabilityHeader();
  const CapabilityData none{};
  if (syscall(SYS_capset, &header, none.data()) != 0) Tell("no capabilities", missing);
}

// --- Namespaces

// The root becomes a folder that is empty and stays so.
bool EmptyRoot() {
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  // Any folder that there is, for the file system that hides it.
  constexpr const char* kPlace = "/proc";
  return mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("none", kPlace, "tmpfs", kFlags, "size=4k,nr_inodes=2,mode=555") == 0 &&
         mount("none", kPlace, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kFlags, nullptr) == 0 &&
         chdir(kPlace) == 0 && syscall(SYS_pivot_root, ".", ".") == 0 &&
         umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

void LeaveNamespaces(Missing* missing) {
  struct Namespace {
    int flag;
    const char* what;
  };
  constexpr Namespace kNamespaces[] = {{CLONE_NEWNET, "a network namespace"},
                                       {CLONE_NEWIPC, "an IPC namespace"},
                                       {CLONE_NEWUTS, "a UTS namespace"}};
  for (const Namespace& each : kNamespaces) {
    if (unshare(each.flag) != 0) Tell(each.what, missing);
  }
  if (unshare(CLONE_NEWNS) != 0) {
    Tell("a mount namespace", missing);
  } else if (!EmptyRoot()) {
    Tell("an empty root", missing);
  }
}

// --- The user

// True where the process has become one that nobody else is.
bool LeaveUser(uint32_t number, Missing* missing) {
  if (!HasCapability(CAP_SETUID) || !HasCapability(CAP_SETGID)) {
    if (getuid() != 0) return false;
    errno = EPERM;
    Tell("another user", missing);
    return false;
  }
  // Whoever has started the process must be able to end it.
  if (!HasCapability(CAP_KILL)) {
    missing->emplace_back("another user: root could not end it without CAP_KILL");
    return false;
  }
  if (setgroups(0, nullptr) != 0) Tell("no groups", missing);
  for (const uid_t user : {kFirstUser + number, kNobody}) {
    if (setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0) {
      return user != kNobody;
    }
  }
  Tell("another user", missing);
  return false;
}

// --- Limits

void Limit(__rlimit_resource resource, rlim_t most, const char* what, Missing* missing) {
  rlimit limit{};
  if (getrlimit(resource, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max = std::min(limit.rlim_max, most);
    if (setrlimit(resource, &limit) == 0) return;
  }
  Tell(what, missing);
}

}  // namespace

std::vector<std::string> Confine(const ConfineOptions& options) {
  Missing missing;
  // Of descriptors a connection takes one, so that their number stays limited as in any process of
  // the server.
  Limit(RLIMIT_FSIZE, options.max_file_bytes, "a limit of files' size", &missing);
  const bool may_leave = HasCapability(CAP_SYS_ADMIN);
  if (may_leave) LeaveNamespaces(&missing);
  DropBoundingSet();
  const bool is_alone = LeaveUser(options.number, &missing);
  // Who may not leave the namespaces may do so in a user namespace of their own, in which they have
  // all capabilities until they give them up.
  if (unshare(CLONE_NEWUSER) != 0) {
    Tell("a user namespace", &missing);
    if (!may_leave) missing.emplace_back("an empty root, and a network, IPC and UTS namespace");
  } else if (!may_leave) {
    LeaveNamespaces(&missing);
  }
  DropBoundingSet();
  DropCapabilities(&missing);
  // Counted by user: that of somebody else may have any number of threads already.
  if (is_alone) Limit(RLIMIT_NPROC, kMaxThreads, "a limit of threads", &missing);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Tell("no new privileges", &missing);
  prctl(PR_SET_DUMPABLE, options.core_dumps ? 1 : 0, 0, 0, 0);
  // What the processor has guessed is nobody else's business: mitigations that a process asks for.
  // Where the kernel has none it needs none, or has them for all.
  prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_INDIRECT_BRANCH, PR_SPEC_FORCE_DISABLE, 0, 0);
  prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, PR_SPEC_FORCE_DISABLE, 0, 0);
  return missing;
}

}  // namespace shredder::sandbox
