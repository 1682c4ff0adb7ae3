#include "runtime/control/status_page.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace shredder::control {
namespace {

TEST(StatusPage, TellsWhatAProcessRanAfterItHasDied) {
  std::string error;
  const auto memory = StatusMemory::Create(&error);
  ASSERT_TRUE(memory) << error;
  memory->page().shard_count = 2;
  const pid_t child = fork();
  if (child == 0) {
    const auto attached = StatusMemory::Attach(net::UniqueFd(dup(memory->fd())), &error);
    ShardStatus& status = attached->page().shards[1];
    status.tenant.Set("alice");
    status.function.Set(std::string(200, 'f'));
    status.clients = 3;
    status.running_since_ns = 5;
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  ShardStatus& status = memory->page().shards[1];
  EXPECT_EQ(status.tenant.Get(), "alice");
  EXPECT_EQ(status.function.Get(), std::string(kMaxNameBytes - 1, 'f'));
  EXPECT_EQ(status.running_since_ns, 5u);
  memory->page().shards[0].clients = 4;
  EXPECT_EQ(memory->page().clients(), 7u);
  Clear(&status);
  EXPECT_EQ(status.tenant.Get(), "");
  EXPECT_EQ(memory->page().clients(), 4u);
}

TEST(StatusPage, MemoryThatIsTooSmallIsRefused) {
  net::UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(fd.get(), 4096), 0);
  std::string error;
  EXPECT_FALSE(StatusMemory::Attach(std::move(fd), &error));
  EXPECT_EQ(error, "the shards' status memory is of another version; restart the server");
}

}  // namespace
}  // namespace shredder::control
