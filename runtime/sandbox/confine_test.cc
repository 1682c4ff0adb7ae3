// What a confined process is, seen from outside of it.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

#include "runtime/sandbox/sandbox.h"
#include "runtime/sandbox/sandbox_test_support.h"

namespace shredder::sandbox {
namespace {

// A child that is confined, locked, and waits.
class Confined : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    pid_ = fork();
    if (pid_ == 0) {
      // Others than root may look at it so.
      Confine({.number = kNumber, .max_file_bytes = kMaxFileBytes, .core_dumps = true});
      std::string error;
      if (!Lock(&error)) _exit(1);
      if (write(ends[1], "x", 1) != 1) _exit(1);
      for (;;) usleep(10'000);
    }
    char byte;
    ASSERT_EQ(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    close(ends[1]);
  }
  void TearDown() override {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  std::string Path(const std::string& name) const {
    return "/proc/" + std::to_string(pid_) + "/" + name;
  }
  std::string StatusField(const std::string& name) const {
    std::ifstream status(Path("status"));
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with(name + ":")) continue;
      const size_t begin = line.find_first_not_of(" \t", name.size() + 1);
      return begin == std::string::npos ? "" : line.substr(begin);
    }
    return "no such field";
  }
  std::string ContentOf(const std::string& name) const {
    std::ifstream file(Path(name));
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static std::string LinkOf(const std::string& path) {
    char target[256];
    const ssize_t size = readlink(path.c_str(), target, sizeof target);
    return size < 0 ? "none" : std::string(target, static_cast<size_t>(size));
  }

  pid_t pid_ = -1;
};

TEST_F(Confined, HasNoCapabilitiesAndGetsNoPrivileges) {
  for (const std::string set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_EQ(StatusField(set), "0000000000000000") << set;
  }
  EXPECT_EQ(StatusField("NoNewPrivs"), "1");
  EXPECT_EQ(StatusField("Seccomp"), "2");
  if (!IsMissing("user namespace")) {
    EXPECT_EQ(StatusField("CapBnd"), "0000000000000000");
  }
}

TEST_F(Confined, IsAUserThatNobodyElseIs) {
  if (getuid() != 0) GTEST_SKIP() << "only root may change its user";
  if (IsMissing("another user")) GTEST_SKIP() << "root may not change its user here";
  const std::string user = std::to_string(kFirstUser + kNumber);
  const std::string four = user + "\t" + user + "\t" + user + "\t" + user;
  EXPECT_EQ(StatusField("Uid"), four);
  EXPECT_EQ(StatusField("Gid"), four);
  EXPECT_EQ(StatusField("Groups"), "");
}

TEST_F(Confined, HasNoFiles) {
  if (IsMissing("an empty root") || IsMissing("a mount namespace")) {
    GTEST_SKIP() << "no mount namespace here";
  }
  EXPECT_NE(LinkOf(Path("ns/mnt")), LinkOf("/proc/self/ns/mnt"));
  DIR* const root = opendir(Path("root/").c_str());
  if (root == nullptr) GTEST_SKIP() << "only root may look into its root";
  while (const dirent* entry = readdir(root)) {
    EXPECT_EQ(std::string(entry->d_name).find_first_not_of('.'), std::string::npos)
        << entry->d_name;
  }
  closedir(root);
  EXPECT_LT(open(Path("root/file").c_str(), O_CREAT | O_WRONLY, 0600), 0);
  std::ifstream mounts(Path("mounts"));
  int count = 0;
  for (std::string line; std::getline(mounts, line); count++) {
    EXPECT_NE(line.find(" / tmpfs ro,"), std::string::npos) << line;
  }
  EXPECT_EQ(count, 1);
}

TEST_F(Confined, HasNoNetwork) {
  if (IsMissing("network")) GTEST_SKIP() << "no network namespace here";
  EXPECT_NE(LinkOf(Path("ns/net")), LinkOf("/proc/self/ns/net"));
  // Two lines of titles, and a loopback interface that is down.
  const std::string devices = ContentOf("net/dev");
  EXPECT_NE(devices.find("lo:"), std::string::npos) << devices;
  EXPECT_EQ(std::count(devices.begin(), devices.end(), '\n'), 3) << devices;
}

TEST_F(Confined, HasLimits) {
  const std::string limits = ContentOf("limits");
  const auto has = [&](const std::string& name, const std::string& most) {
    const size_t at = limits.find(name);
    if (at == std::string::npos) return false;
    std::istringstream words(limits.substr(at + name.size()));
    std::string soft;
    std::string hard;
    words >> soft >> hard;
    return soft == most && hard == most;
  };
  EXPECT_TRUE(has("Max file size", std::to_string(kMaxFileBytes))) << limits;
  if (getuid() == 0 && !IsMissing("another user")) {
    EXPECT_TRUE(has("Max processes", "256")) << limits;
  }
}

TEST(Confine, TellsEachThingThatIsMissingInOneLine) {
  for (const std::string& line : MissingHere()) {
    EXPECT_FALSE(line.empty());
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace shredder::sandbox
