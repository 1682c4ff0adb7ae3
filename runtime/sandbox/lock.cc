#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <vector>

#include "runtime/sandbox/sandbox.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

namespace shredder::sandbox {
namespace {

// Whatever their arguments are: they work on the process's own memory, threads and descriptors.
constexpr int kAllowed[] = {
    // Memory. V8 makes code, so that pages may become executable; that of WebAssembly, where the
    // processor has protection keys, under one that V8 has allocated before.
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(mremap),
    SCMP_SYS(munmap), SCMP_SYS(pkey_mprotect),
    // Threads, and the process's end.
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    // Signals, as they arrive.
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    // Time and randomness.
    SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom), SCMP_SYS(gettimeofday),
    SCMP_SYS(nanosleep), SCMP_SYS(time),
    // Who it is, which libraries take for granted that they are told.
    SCMP_SYS(getegid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getuid),
    // Descriptors: connections that it is handed, the channel to the supervisor, its store's file.
    SCMP_SYS(close), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_wait),
    SCMP_SYS(fstat), SCMP_SYS(ftruncate), SCMP_SYS(lseek), SCMP_SYS(poll), SCMP_SYS(ppoll),
    SCMP_SYS(read), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(shutdown), SCMP_SYS(write),
    SCMP_SYS(writev)};

struct Failing {
  int call;
  int error;
};

// What libraries ask for to see whether it is there, and do without.
constexpr Failing kFailing[] = {
    {SCMP_SYS(access), EPERM},
    // Its arguments lie in memory; libc takes clone instead.
    {SCMP_SYS(clone3), ENOSYS},
    {SCMP_SYS(faccessat), EPERM},
    {SCMP_SYS(faccessat2), EPERM},
    {SCMP_SYS(getcwd), EPERM},
    {SCMP_SYS(getrusage), EPERM},
    {SCMP_SYS(ioctl), EPERM},
    {SCMP_SYS(lstat), EPERM},
    {SCMP_SYS(membarrier), ENOSYS},
    {SCMP_SYS(newfstatat), EPERM},
    {SCMP_SYS(open), EPERM},
    {SCMP_SYS(openat), EPERM},
    {SCMP_SYS(pkey_alloc), ENOSYS},
    {SCMP_SYS(pkey_free), ENOSYS},
    {SCMP_SYS(readlink), EPERM},
    {SCMP_SYS(readlinkat), EPERM},
    {SCMP_SYS(stat), EPERM},
    {SCMP_SYS(statx), EPERM},
    {SCMP_SYS(sysinfo), EPERM},
    {SCMP_SYS(uname), EPERM},
};

// An argument that must be this, or must have these of the mask's bits.
constexpr scmp_arg_cmp Is(unsigned argument, uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}
constexpr scmp_arg_cmp Has(unsigned argument, uint64_t mask, uint64_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, bits};
}

// Of a thread, as libc starts one.
constexpr uint64_t kThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                                  CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |
                                  CLONE_CHILD_CLEARTID;

// Kernel's encoding of clocks (posix-timers.h): negative ones are of CPU time, those with this bit
// of one of the caller's own threads, the others of any process.
constexpr uint64_t kIsNegative = 0x80000000;
constexpr uint64_t kIsOfThread = 4;

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {}
  ~Filter() {
    if (context_ != nullptr) seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void Set(scmp_filter_attr attribute, uint32_t value) {
    if (context_ == nullptr) return;
    Note(seccomp_attr_set(context_, attribute, value));
  }

  // Where the arguments are all as they must be. Of other architectures' system calls, some are
  // none here.
  void Allow(int call, const std::vector<scmp_arg_cmp>& arguments = {}) {
    Add(SCMP_ACT_ALLOW, call, arguments);
  }
  void Fail(const Failing& failing) {
    Add(SCMP_ACT_ERRNO(static_cast<uint32_t>(failing.error)), failing.call, {});
  }

  // 0, or the negative error number of what has failed first.
  int Load() {
    if (context_ == nullptr) return -ENOMEM;
    return status_ != 0 ? status_ : seccomp_load(context_);
  }

 private:
  void Add(uint32_t action, int call, const std::vector<scmp_arg_cmp>& arguments) {
    if (context_ == nullptr || call < 0) return;
    Note(seccomp_rule_add_array(context_, action, call, static_cast<unsigned>(arguments.size()),
                                arguments.data()));
  }
  void Note(int status) {
    if (status_ == 0) status_ = status;
  }

  const scmp_filter_ctx context_;
  int status_ = 0;
};

void AllowSending(Filter* filter) {
  // A connected socket sends to its peer whatever address it is given. TCP's fast open is another
  // way to connect one.
  filter->Allow(SCMP_SYS(sendto), {Has(3, MSG_FASTOPEN, 0), Is(4, 0)});
  filter->Allow(SCMP_SYS(sendmsg), {Has(2, MSG_FASTOPEN, 0)});
}

void AllowDescriptors(Filter* filter) {
  // Not F_SETOWN and F_SETSIG, which send signals.
  for (const uint64_t command : {F_GETFD, F_GETFL, F_GET_SEALS, F_DUPFD_CLOEXEC}) {
    filter->Allow(SCMP_SYS(fcntl), {Is(1, command)});
  }
  filter->Allow(SCMP_SYS(fcntl), {Is(1, F_SETFL), Has(2, O_ASYNC, 0)});
}

void AllowThreads(Filter* filter) {
  filter->Allow(SCMP_SYS(clone), {Is(0, kThreadFlags)});
  for (const uint64_t option : {PR_SET_NAME, PR_SET_VMA}) {
    filter->Allow(SCMP_SYS(prctl), {Is(0, option)});
  }
  // To read its own limits.
  filter->Allow(SCMP_SYS(prlimit64), {Is(0, 0), Is(2, 0)});
  filter->Allow(SCMP_SYS(getrlimit));
  // abort(), and what a thread tells another one of this process.
  filter->Allow(SCMP_SYS(tgkill), {Is(0, static_cast<uint64_t>(getpid()))});
}

void AllowClocks(Filter* filter) {
  filter->Allow(SCMP_SYS(clock_gettime), {Has(0, kIsNegative, 0)});
  constexpr uint64_t kOwn = kIsNegative | kIsOfThread;
  filter->Allow(SCMP_SYS(clock_gettime), {Has(0, kOwn, kOwn)});
}

}  // namespace

bool Lock(std::string* error) {
  Filter filter;
  filter.Set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  filter.Set(SCMP_FLTATR_CTL_TSYNC, 1);     // all threads, not the caller alone
  filter.Set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // found by halving, not one after the other
  for (const int call : kAllowed) filter.Allow(call);
  for (const Failing& failing : kFailing) filter.Fail(failing);
  AllowSending(&filter);
  AllowDescriptors(&filter);
  AllowThreads(&filter);
  AllowClocks(&filter);
  const int status = filter.Load();
  if (status == 0) return true;
  *error = std::string("seccomp: ") + std::strerror(-status) +
           "; isolation = \"process\" needs a kernel with seccomp filters (CONFIG_SECCOMP_FILTER)";
  return false;
}

}  // namespace shredder::sandbox
