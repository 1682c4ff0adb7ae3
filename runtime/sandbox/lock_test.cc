// What a locked process can do, tried by machine code that runs in it: what an attacker has who has
// taken V8 over.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>

#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/sandbox_test_support.h"

namespace shredder::sandbox {
namespace {

// Exit codes of attempts.
constexpr int kRefused = 0;
constexpr int kSucceeded = 1;

int Refused(long result) { return result < 0 ? kRefused : kSucceeded; }

// --- What it cannot do ------------------------------------------------------------------------

// The process that an attempt is about, and one of its addresses.
struct Target {
  pid_t pid;
  char* address;
};

struct Attempt {
  const char* name;
  int (*make)(const Target& target);
};

char buffer[256];

int Open(const std::string& path, int flags = O_RDONLY) {
  return Refused(syscall(SYS_openat, AT_FDCWD, path.c_str(), flags, 0600));
}

std::string ProcessFile(const Target& target, const char* name) {
  return "/proc/" + std::to_string(target.pid) + "/" + name;
}

// A TCP connection to a listener of this process, made before it is locked; -1 where there is none.
int connected = -1;
sockaddr_in elsewhere{};

int SendElsewhere(const sockaddr* address, socklen_t size) {
  return Refused(
      syscall(SYS_sendto, connected, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, address, size));
}

const Attempt kAttempts[] = {
    // Files
    {"open_a_file", [](const Target&) { return Open("/etc/passwd"); }},
    {"open_the_root", [](const Target&) { return Open("/", O_DIRECTORY); }},
    {"make_a_file", [](const Target&) { return Open("file", O_CREAT | O_WRONLY); }},
    {"make_a_file_without_a_name", [](const Target&) { return Open("/tmp", O_TMPFILE | O_RDWR); }},
    {"open_by_the_old_call",
     [](const Target&) { return Refused(syscall(SYS_open, "/etc/passwd", O_RDONLY)); }},
    {"open_by_the_new_call",
     [](const Target&) {
       const uint64_t how[3] = {};
       return Refused(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof how));
     }},
    {"open_by_a_handle",
     [](const Target&) { return Refused(syscall(SYS_open_by_handle_at, 0, buffer, O_RDONLY)); }},
    {"ask_whether_a_file_is_there",
     [](const Target&) { return Refused(syscall(SYS_access, "/etc/passwd", F_OK)); }},
    {"ask_for_a_files_status",
     [](const Target&) {
       return Refused(syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", buffer, 0));
     }},
    {"read_a_link",
     [](const Target&) { return Refused(syscall(SYS_readlink, "/proc/self/exe", buffer, 99)); }},
    {"read_its_own_maps", [](const Target&) { return Open("/proc/self/maps"); }},
    {"read_its_memory_file", [](const Target&) { return Open("/proc/self/mem", O_RDWR); }},
    {"make_a_memory_file",
     [](const Target&) { return Refused(syscall(SYS_memfd_create, "x", 0)); }},
    {"remove_a_file", [](const Target&) { return Refused(syscall(SYS_unlink, "/tmp/none")); }},
    {"make_a_folder", [](const Target&) { return Refused(syscall(SYS_mkdir, "/tmp/x", 0700)); }},
    {"change_its_root", [](const Target&) { return Refused(syscall(SYS_chroot, "/")); }},
    {"change_its_folder", [](const Target&) { return Refused(syscall(SYS_chdir, "/")); }},
    {"mount",
     [](const Target&) { return Refused(syscall(SYS_mount, "none", "/", "proc", 0, nullptr)); }},
    {"open_a_file_system", [](const Target&) { return Refused(syscall(SYS_fsopen, "proc", 0)); }},
    {"lengthen_a_file_beyond_its_limit",
     [](const Target&) { return Refused(ftruncate(0, 2 * kMaxFileBytes)); }},
    // Networks
    {"make_a_tcp_socket",
     [](const Target&) { return Refused(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0)); }},
    {"make_a_unix_socket",
     [](const Target&) { return Refused(syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0)); }},
    {"make_a_netlink_socket",
     [](const Target&) { return Refused(syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0)); }},
    {"make_a_pair_of_sockets",
     [](const Target&) {
       int pair[2];
       return Refused(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair));
     }},
    {"connect_a_socket_that_it_has",
     [](const Target&) {
       return Refused(syscall(SYS_connect, connected, &elsewhere, sizeof elsewhere));
     }},
    {"disconnect_a_socket_by_fast_open",
     [](const Target&) {
       const sockaddr nowhere{};
       return SendElsewhere(&nowhere, sizeof nowhere);
     }},
    {"connect_a_socket_by_fast_open",
     [](const Target&) {
       return SendElsewhere(reinterpret_cast<const sockaddr*>(&elsewhere), sizeof elsewhere);
     }},
    {"connect_a_socket_by_fast_open_in_a_message",
     [](const Target&) {
       iovec part{buffer, 1};
       msghdr message{};
       message.msg_name = &elsewhere;
       message.msg_namelen = sizeof elsewhere;
       message.msg_iov = &part;
       message.msg_iovlen = 1;
       return Refused(syscall(SYS_sendmsg, connected, &message, MSG_FASTOPEN));
     }},
    {"send_many_messages",
     [](const Target&) { return Refused(syscall(SYS_sendmmsg, connected, nullptr, 0, 0)); }},
    {"send_to_an_address",
     [](const Target&) {
       return Refused(
           syscall(SYS_sendto, connected, "x", 1, MSG_NOSIGNAL, &elsewhere, sizeof elsewhere));
     }},
    {"set_a_sockets_option",
     [](const Target&) {
       const int one = 1;
       return Refused(
           syscall(SYS_setsockopt, connected, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one));
     }},
    {"bind",
     [](const Target&) {
       return Refused(syscall(SYS_bind, connected, &elsewhere, sizeof elsewhere));
     }},
    {"listen", [](const Target&) { return Refused(syscall(SYS_listen, connected, 1)); }},
    {"accept",
     [](const Target&) { return Refused(syscall(SYS_accept4, connected, nullptr, nullptr, 0)); }},
    // Programs and processes
    {"execute",
     [](const Target&) {
       char* const nothing[] = {nullptr};
       return Refused(syscall(SYS_execve, "/bin/true", nothing, nothing));
     }},
    {"execute_a_descriptor",
     [](const Target&) {
       char* const nothing[] = {nullptr};
       return Refused(syscall(SYS_execveat, 0, "", nothing, nothing, AT_EMPTY_PATH));
     }},
    {"fork", [](const Target&) { return Refused(syscall(SYS_fork)); }},
    {"fork_by_vfork", [](const Target&) { return Refused(syscall(SYS_vfork)); }},
    {"fork_by_clone",
     [](const Target&) { return Refused(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }},
    {"make_a_user_namespace_by_clone",
     [](const Target&) {
       return Refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
     }},
    {"fork_by_clone3",
     [](const Target&) {
       uint64_t arguments[11] = {};
       arguments[4] = SIGCHLD;
       return Refused(syscall(SYS_clone3, arguments, sizeof arguments));
     }},
    {"unshare", [](const Target&) { return Refused(syscall(SYS_unshare, CLONE_NEWUSER)); }},
    {"enter_a_namespace", [](const Target&) { return Refused(syscall(SYS_setns, 0, 0)); }},
    // Other processes
    {"kill", [](const Target& target) { return Refused(syscall(SYS_kill, target.pid, SIGKILL)); }},
    {"kill_everybody", [](const Target&) { return Refused(syscall(SYS_kill, -1, SIGKILL)); }},
    {"ask_whether_it_may_kill",
     [](const Target& target) { return Refused(syscall(SYS_kill, target.pid, 0)); }},
    {"kill_a_thread",
     [](const Target& target) {
       return Refused(syscall(SYS_tgkill, target.pid, target.pid, SIGKILL));
     }},
    {"kill_a_thread_by_the_old_call",
     [](const Target& target) { return Refused(syscall(SYS_tkill, target.pid, SIGKILL)); }},
    {"queue_a_signal",
     [](const Target& target) {
       siginfo_t info{};
       info.si_code = SI_QUEUE;
       return Refused(syscall(SYS_rt_sigqueueinfo, target.pid, SIGKILL, &info));
     }},
    {"have_a_signal_sent_by_a_descriptor",
     [](const Target& target) { return Refused(syscall(SYS_fcntl, 0, F_SETOWN, target.pid)); }},
    {"choose_the_signal_that_a_descriptor_sends",
     [](const Target&) { return Refused(syscall(SYS_fcntl, 0, F_SETSIG, SIGKILL)); }},
    {"have_signals_sent",
     [](const Target&) { return Refused(syscall(SYS_fcntl, 0, F_SETFL, O_ASYNC)); }},
    {"open_a_process",
     [](const Target& target) { return Refused(syscall(SYS_pidfd_open, target.pid, 0)); }},
    {"take_a_processs_descriptor",
     [](const Target&) { return Refused(syscall(SYS_pidfd_getfd, 0, Neighbour::kSecretFd, 0)); }},
    {"signal_by_a_processs_descriptor",
     [](const Target&) { return Refused(syscall(SYS_pidfd_send_signal, 0, SIGKILL, nullptr, 0)); }},
    {"trace",
     [](const Target& target) {
       return Refused(syscall(SYS_ptrace, PTRACE_ATTACH, target.pid, nullptr, nullptr));
     }},
    {"be_traced",
     [](const Target&) { return Refused(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0)); }},
    {"read_anothers_memory",
     [](const Target& target) {
       const iovec own{buffer, 8};
       const iovec theirs{target.address, 8};
       return Refused(syscall(SYS_process_vm_readv, target.pid, &own, 1, &theirs, 1, 0));
     }},
    {"write_anothers_memory",
     [](const Target& target) {
       const iovec own{buffer, 8};
       const iovec theirs{target.address, 8};
       return Refused(syscall(SYS_process_vm_writev, target.pid, &own, 1, &theirs, 1, 0));
     }},
    {"open_anothers_memory",
     [](const Target& target) { return Open(ProcessFile(target, "mem"), O_RDWR); }},
    {"open_anothers_file",
     [](const Target& target) { return Open(ProcessFile(target, "fd/9"), O_RDWR); }},
    {"read_anothers_maps", [](const Target& target) { return Open(ProcessFile(target, "maps")); }},
    {"compare_with_another",
     [](const Target& target) {
       return Refused(syscall(SYS_kcmp, getpid(), target.pid, 0, 0, 0));
     }},
    {"limit_another",
     [](const Target& target) {
       const rlimit limit{};
       return Refused(syscall(SYS_prlimit64, target.pid, RLIMIT_CPU, &limit, nullptr));
     }},
    {"read_anothers_limits",
     [](const Target& target) {
       return Refused(syscall(SYS_prlimit64, target.pid, RLIMIT_CPU, nullptr, buffer));
     }},
    {"raise_its_own_limits",
     [](const Target&) {
       const rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
       return Refused(syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, &limit, nullptr));
     }},
    {"read_anothers_cpu_time",
     [](const Target& target) {
       const auto clock = static_cast<clockid_t>(~static_cast<unsigned>(target.pid) << 3 | 2);
       return Refused(syscall(SYS_clock_gettime, clock, buffer));
     }},
    {"lower_anothers_priority",
     [](const Target& target) {
       return Refused(syscall(SYS_setpriority, PRIO_PROCESS, target.pid, 19));
     }},
    {"choose_anothers_processors",
     [](const Target& target) {
       return Refused(syscall(SYS_sched_setaffinity, target.pid, 8, buffer));
     }},
    {"advise_on_anothers_memory",
     [](const Target&) { return Refused(syscall(SYS_process_madvise, 0, nullptr, 0, 0, 0)); }},
    {"share_memory_by_a_key",
     [](const Target&) { return Refused(syscall(SYS_shmget, 1, 4096, IPC_CREAT | 0600)); }},
    {"open_a_message_queue",
     [](const Target&) { return Refused(syscall(SYS_mq_open, "x", O_CREAT, 0600, nullptr)); }},
    // The kernel
    {"set_up_io_uring",
     [](const Target&) {
       io_uring_params parameters{};
       return Refused(syscall(SYS_io_uring_setup, 4, &parameters));
     }},
    {"register_with_io_uring",
     [](const Target&) { return Refused(syscall(SYS_io_uring_register, 0, 0, nullptr, 0)); }},
    {"enter_io_uring",
     [](const Target&) { return Refused(syscall(SYS_io_uring_enter, 0, 0, 0, 0, nullptr, 0)); }},
    {"load_a_bpf_program", [](const Target&) { return Refused(syscall(SYS_bpf, 0, buffer, 128)); }},
    {"watch_events",
     [](const Target&) { return Refused(syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0)); }},
    {"handle_page_faults", [](const Target&) { return Refused(syscall(SYS_userfaultfd, 0)); }},
    {"use_keys", [](const Target&) { return Refused(syscall(SYS_keyctl, 0, -3, 0, 0, 0)); }},
    {"load_a_module",
     [](const Target&) { return Refused(syscall(SYS_init_module, buffer, 1, "")); }},
    {"control_a_device",
     [](const Target&) { return Refused(syscall(SYS_ioctl, 0, FIONREAD, buffer)); }},
    {"push_input_into_a_terminal",
     [](const Target&) { return Refused(syscall(SYS_ioctl, 0, TIOCSTI, "x")); }},
    {"splice", [](const Target&) { return Refused(syscall(SYS_splice, 0, 0, 1, 0, 1, 0)); }},
    {"read_the_kernels_log",
     [](const Target&) { return Refused(syscall(SYS_syslog, 3, buffer, 99)); }},
    // Itself
    {"become_another_user", [](const Target&) { return Refused(syscall(SYS_setuid, 0)); }},
    {"get_capabilities",
     [](const Target&) { return Refused(syscall(SYS_capset, buffer, buffer + 64)); }},
    {"outlive_its_parent",
     [](const Target&) { return Refused(syscall(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0)); }},
    {"let_others_trace_it",
     [](const Target&) { return Refused(syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)); }},
    {"replace_the_filter",
     [](const Target&) {
       sock_filter all[] = {{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
       const sock_fprog program{1, all};
       return Refused(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
     }},
    {"set_a_timer_that_signals",
     [](const Target&) { return Refused(syscall(SYS_timer_create, 0, nullptr, buffer)); }},
    {"lock_memory", [](const Target&) { return Refused(syscall(SYS_mlockall, MCL_FUTURE)); }},
#ifdef __x86_64__
    {"call_by_the_x32_convention",
     [](const Target&) { return Refused(syscall(0x40000000 | SYS_getpid)); }},
    {"call_by_the_32_bit_convention",
     [](const Target&) {
       long result = 20;  // getpid
       asm volatile("int $0x80" : "+a"(result) : : "memory");
       return Refused(result);
     }},
#endif
};

class LockedAttempt : public testing::TestWithParam<Attempt> {};

// A connection and where else it could go: a listener of the test's, which would hear of it.
class Listener {
 public:
  Listener() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    elsewhere.sin_family = AF_INET;
    elsewhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    elsewhere.sin_port = 0;
    socklen_t size = sizeof elsewhere;
    if (bind(fd_, reinterpret_cast<sockaddr*>(&elsewhere), size) != 0 || listen(fd_, 8) != 0 ||
        getsockname(fd_, reinterpret_cast<sockaddr*>(&elsewhere), &size) != 0) {
      std::abort();
    }
    connected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(connected, reinterpret_cast<sockaddr*>(&elsewhere), size) != 0) std::abort();
    close(accept(fd_, nullptr, nullptr));
    // Where the children find it, below what they close.
    dup2(connected, kLastKeptFd);
    close(connected);
    connected = kLastKeptFd;
  }
  ~Listener() {
    close(connected);
    close(fd_);
  }
  bool HasHeard() const {
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) > 0;
  }

 private:
  int fd_;
};

TEST_P(LockedAttempt, IsRefused) {
  const Neighbour neighbour;
  const Listener listener;
  for (const pid_t pid : {neighbour.pid(), getpid()}) {
    const Target target{pid, neighbour.secret()};
    const Outcome outcome = TryLocked([&] { return GetParam().make(target); });
    // SIGSEGV: a kernel without the 32-bit convention knows no such instruction.
    const bool has_no_such_call = outcome.signal == SIGSEGV &&
                                  GetParam().name == std::string("call_by_the_32_bit_convention");
    EXPECT_TRUE(outcome.signal == SIGSYS || outcome.signal == SIGXFSZ || outcome.code == kRefused ||
                has_no_such_call)
        << "signal " << outcome.signal << ", code " << outcome.code;
  }
  EXPECT_FALSE(listener.HasHeard());
  EXPECT_TRUE(neighbour.IsUnharmed());
}

INSTANTIATE_TEST_SUITE_P(All, LockedAttempt, testing::ValuesIn(kAttempts),
                         [](const auto& info) { return std::string(info.param.name); });

// The attempts are such that a process that is not locked succeeds: it is the lock that refuses.
TEST(LockedAttempts, SucceedWithoutALock) {
  const Neighbour neighbour;
  const Target target{neighbour.pid(), neighbour.secret()};
  for (const std::string_view name :
       {"open_a_file", "read_a_link", "make_a_memory_file", "make_a_tcp_socket",
        "make_a_pair_of_sockets", "fork_by_clone", "ask_whether_it_may_kill", "open_a_process",
        "read_anothers_cpu_time", "read_anothers_limits", "read_anothers_maps",
        "outlive_its_parent"}) {
    const Listener listener;
    const auto* const attempt =
        std::find_if(std::begin(kAttempts), std::end(kAttempts),
                     [&](const Attempt& candidate) { return candidate.name == name; });
    ASSERT_NE(attempt, std::end(kAttempts)) << name;
    EXPECT_EQ(TryFree([&] { return attempt->make(target); }).code, kSucceeded) << name;
  }
}

// --- Threads ----------------------------------------------------------------------------------

TEST(Lock, HoldsForThreadsThatAreThereAndForThoseThatCome) {
  for (const bool is_early : {true, false}) {
    const Outcome outcome = TryConfined([&] {
      std::atomic<bool> is_locked = false;
      const auto attempt = [&] {
        while (!is_locked) std::this_thread::yield();
        static_cast<void>(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
      };
      std::thread early;
      if (is_early) early = std::thread(attempt);
      std::string error;
      if (!Lock(&error)) return 2;
      is_locked = true;
      if (is_early) {
        early.join();
      } else {
        std::thread(attempt).join();
      }
      return kSucceeded;
    });
    EXPECT_EQ(outcome.signal, SIGSYS) << is_early << ", code " << outcome.code;
  }
}

// --- What it can do ---------------------------------------------------------------------------

constexpr int kDone = 42;

#define REQUIRE(condition) \
  if (!(condition)) return __LINE__ % 200

TEST(Lock, LeavesMemoryThreadsAndTime) {
  // Without a key it is mprotect, on any processor; some kernels do not have it.
  const bool has_keys = syscall(SYS_pkey_mprotect, nullptr, 0, PROT_READ, -1) == 0;
  const Outcome outcome = TryLocked([has_keys] {
    // Code that was made just now runs.
    void* const code =
        mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(code != MAP_FAILED);
#ifdef __x86_64__
    constexpr unsigned char kReturn7[] = {0xb8, 7, 0, 0, 0, 0xc3};
    std::memcpy(code, kReturn7, sizeof kReturn7);
    REQUIRE(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
    REQUIRE(!has_keys || syscall(SYS_pkey_mprotect, code, 4096, PROT_READ | PROT_EXEC, -1) == 0);
    REQUIRE(reinterpret_cast<int (*)()>(code)() == 7);
#endif
    REQUIRE(madvise(code, 4096, MADV_DONTNEED) == 0);
    REQUIRE(munmap(code, 4096) == 0);
    std::atomic<int> count = 0;
    std::thread([&] { count++; }).join();
    std::thread([&] {
      clockid_t clock;
      timespec time;
      if (pthread_getcpuclockid(pthread_self(), &clock) == 0 && clock_gettime(clock, &time) == 0) {
        count++;
      }
    }).join();
    REQUIRE(count == 2);
    clockid_t clock;
    timespec time;
    REQUIRE(pthread_getcpuclockid(pthread_self(), &clock) == 0 && clock_gettime(clock, &time) == 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(getrandom(buffer, sizeof buffer, 0) == sizeof buffer);
    REQUIRE(prctl(PR_SET_NAME, "name") == 0);
    rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    std::string long_text(10 << 20, 'x');
    long_text += long_text;
    return kDone;
  });
  EXPECT_EQ(outcome.code, kDone) << "signal " << outcome.signal;
}

TEST(Lock, LeavesItsOwnFileInMemory) {
  const Outcome outcome = TryConfined([] {
    const int file = memfd_create("own", 0);
    REQUIRE(file >= 0 && ftruncate(file, 8192) == 0);
    void* own = mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    REQUIRE(own != MAP_FAILED);
    std::string error;
    REQUIRE(Lock(&error));
    std::memset(own, 1, 8192);
    REQUIRE(madvise(own, 4096, MADV_REMOVE) == 0);
    REQUIRE(static_cast<char*>(own)[0] == 0 && static_cast<char*>(own)[4096] == 1);
    REQUIRE(lseek(file, 0, SEEK_DATA) >= 0);
    REQUIRE(ftruncate(file, static_cast<off_t>(kMaxFileBytes)) == 0);
    own = mremap(own, 8192, kMaxFileBytes, MREMAP_MAYMOVE);
    REQUIRE(own != MAP_FAILED);
    static_cast<char*>(own)[kMaxFileBytes - 1] = 1;
    return kDone;
  });
  EXPECT_EQ(outcome.code, kDone) << "signal " << outcome.signal;
}

// A pair of sockets stands for the channel to the supervisor; over it comes a connection.
TEST(Lock, LeavesConnectionsThatItIsHanded) {
  int channel[2];
  int connection[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, channel), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, connection), 0);
  ASSERT_EQ(dup2(channel[1], kLastKeptFd), kLastKeptFd);
  iovec part{buffer, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &connection[1], sizeof(int));
  ASSERT_EQ(sendmsg(channel[0], &message, 0), 1);
  ASSERT_EQ(send(connection[0], "PING", 4, 0), 4);

  const Outcome outcome = TryConfined([] {
    const int loop = epoll_create1(0);
    REQUIRE(loop >= 0);
    std::string error;
    REQUIRE(Lock(&error));
    iovec received{buffer, 1};
    alignas(cmsghdr) char own_space[CMSG_SPACE(sizeof(int))] = {};
    msghdr own{};
    own.msg_iov = &received;
    own.msg_iovlen = 1;
    own.msg_control = own_space;
    own.msg_controllen = sizeof own_space;
    REQUIRE(recvmsg(kLastKeptFd, &own, MSG_CMSG_CLOEXEC) == 1);
    REQUIRE(CMSG_FIRSTHDR(&own) != nullptr);
    int fd;
    std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&own)), sizeof fd);
    REQUIRE(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
    epoll_event event{};
    event.events = EPOLLIN;
    REQUIRE(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0);
    REQUIRE(epoll_wait(loop, &event, 1, 1000) == 1);
    REQUIRE(recv(fd, buffer, 4, 0) == 4);
    REQUIRE(send(fd, "PONG", 4, MSG_NOSIGNAL) == 4);
    REQUIRE(shutdown(fd, SHUT_WR) == 0 && close(fd) == 0);
    return kDone;
  });
  EXPECT_EQ(outcome.code, kDone) << "signal " << outcome.signal;
  char reply[5] = {};
  EXPECT_EQ(recv(connection[0], reply, 4, MSG_DONTWAIT), 4);
  EXPECT_STREQ(reply, "PONG");
  for (const int fd : {channel[0], channel[1], connection[0], connection[1], kLastKeptFd}) {
    close(fd);
  }
}

TEST(Lock, LeavesTheProcessItsOwnEnds) {
  EXPECT_EQ(TryLocked([]() -> int { std::abort(); }).signal, SIGABRT);
  EXPECT_EQ(TryLocked([]() -> int { __builtin_trap(); }).signal, SIGILL);
  EXPECT_EQ(TryLocked([]() -> int { _exit(kDone); }).code, kDone);
}

}  // namespace
}  // namespace shredder::sandbox
