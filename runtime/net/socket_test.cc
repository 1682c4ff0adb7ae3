#include "runtime/net/socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace shredder::net {
namespace {

std::string FreshPath(const std::string& name) {
  const std::string path =
      testing::TempDir() + "socket_test_" + std::to_string(getpid()) + "_" + name;
  std::filesystem::remove(path);
  return path;
}

TEST(SocketTest, PicksAFreePort) {
  std::string error;
  const ListeningSocket socket = ListeningSocket::OpenTcp("127.0.0.1", 0, &error);
  ASSERT_TRUE(socket.valid()) << error;
  EXPECT_GT(socket.port(), 0);
}

TEST(SocketTest, APortInUseIsNamedWithTheRemedy) {
  std::string error;
  const ListeningSocket first = ListeningSocket::OpenTcp("127.0.0.1", 0, &error);
  const ListeningSocket second = ListeningSocket::OpenTcp("127.0.0.1", first.port(), &error);
  EXPECT_FALSE(second.valid());
  EXPECT_EQ(error,
            "cannot listen on 127.0.0.1:" + std::to_string(first.port()) +
                ": Address already in use (stop what listens there, or choose another port)");
}

TEST(SocketTest, BadAddressesAreNamed) {
  std::string error;
  EXPECT_FALSE(ListeningSocket::OpenTcp("300.1.1.1", 0, &error).valid());
  EXPECT_EQ(error.rfind("cannot listen on 300.1.1.1:0: ", 0), 0u) << error;
  EXPECT_FALSE(ListeningSocket::OpenTcp("192.0.2.1", 0, &error).valid());
  EXPECT_NE(error.find("choose an address of this machine"), std::string::npos) << error;
}

TEST(SocketTest, OnlyTheOwnerMayUseAUnixSocket) {
  const std::string path = FreshPath("mode");
  std::string error;
  const ListeningSocket socket = ListeningSocket::OpenUnix(path, &error);
  ASSERT_TRUE(socket.valid()) << error;
  struct stat status;
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST(SocketTest, TheUnixSocketFileGoesWithTheListener) {
  const std::string path = FreshPath("unlink");
  std::string error;
  {
    const ListeningSocket socket = ListeningSocket::OpenUnix(path, &error);
    ASSERT_TRUE(socket.valid()) << error;
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(SocketTest, AStaleUnixSocketIsReplaced) {
  const std::string path = FreshPath("stale");
  const std::string moved = FreshPath("moved");
  std::string error;
  {
    // Its file survives under another name, as after a kill.
    const ListeningSocket socket = ListeningSocket::OpenUnix(moved, &error);
    ASSERT_TRUE(socket.valid()) << error;
    std::filesystem::rename(moved, path);
  }
  ASSERT_TRUE(std::filesystem::exists(path));
  const ListeningSocket socket = ListeningSocket::OpenUnix(path, &error);
  EXPECT_TRUE(socket.valid()) << error;
}

TEST(SocketTest, AServedUnixSocketIsLeftAlone) {
  const std::string path = FreshPath("served");
  std::string error;
  const ListeningSocket first = ListeningSocket::OpenUnix(path, &error);
  ASSERT_TRUE(first.valid()) << error;
  EXPECT_FALSE(ListeningSocket::OpenUnix(path, &error).valid());
  EXPECT_EQ(error, "cannot listen on unix:" + path +
                       ": another server listens there (stop it, or choose another path)");
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(SocketTest, AFileThatIsNoSocketIsLeftAlone) {
  const std::string path = FreshPath("file");
  std::ofstream(path) << "precious";
  std::string error;
  EXPECT_FALSE(ListeningSocket::OpenUnix(path, &error).valid());
  EXPECT_NE(error.find("not a socket"), std::string::npos) << error;
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove(path);
}

TEST(SocketTest, AnotherServersFileUnderTheSamePathIsNotRemoved) {
  const std::string path = FreshPath("replaced");
  std::string error;
  {
    const ListeningSocket first = ListeningSocket::OpenUnix(path, &error);
    ASSERT_TRUE(first.valid()) << error;
    std::filesystem::rename(path, path + ".old");
    std::ofstream(path) << "another's";
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".old");
}

TEST(SocketTest, UnixPathsAreBounded) {
  std::string error;
  EXPECT_FALSE(ListeningSocket::OpenUnix("", &error).valid());
  EXPECT_FALSE(ListeningSocket::OpenUnix("/tmp/" + std::string(200, 'x'), &error).valid());
  EXPECT_NE(error.find("1 to 107 bytes"), std::string::npos) << error;
}

}  // namespace
}  // namespace shredder::net
