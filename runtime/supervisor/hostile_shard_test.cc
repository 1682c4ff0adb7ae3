// Sandboxed shards that have been taken over, and do to the supervisor what they can. The
// supervisor is the real one, in a process of its own; its shards are this program, by its command
// line.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "runtime/config/config_json.h"
#include "runtime/control/messages.h"
#include "runtime/control/status_page.h"
#include "runtime/supervisor/supervisor.h"

namespace shredder::supervisor {
namespace {

config::Secret SecretOf(std::string_view tenant) { return config::Secret::OfPassword(tenant); }

// --- The shards -------------------------------------------------------------------------------

void Say(const std::string& line) { dprintf(STDERR_FILENO, "%s\n", line.c_str()); }

control::Message WithFd(control::Message message) {
  message.fds.emplace_back(open("/dev/null", O_RDONLY));
  return message;
}

void SayWhetherItIsRight(control::Channel& channel, const std::string& tenant) {
  channel.Send(control::Pack(control::Authentication{1, tenant, SecretOf(tenant).Hex()}));
  while (const auto message = channel.Wait()) {
    const auto answer = control::Unpack<control::AuthenticationAnswer>(*message);
    if (!answer || message->kind != control::AuthenticationAnswer::kKind) continue;
    Say(tenant + (answer->is_known ? " is known" : " is not known") +
        (answer->is_right ? " and right" : " and wrong"));
    return;
  }
}

void SayWhatIsReplied(control::Channel& channel, const std::string& caller) {
  control::TenantCommand command;
  command.tenant = caller;
  control::Message message;
  std::string bytes;
  for (const std::string word : {"TENANT", "LIST", "0"}) {
    command.argument_bytes.push_back(word.size());
    bytes += word;
  }
  message = control::Pack(command);
  message.bytes = bytes;
  channel.Send(std::move(message));
  while (const auto reply = channel.Wait()) {
    if (reply->kind != control::TenantReply::kKind) continue;
    Say("reply: " + reply->bytes.substr(0, 7));
    return;
  }
}

control::Message Library(const std::string& tenant, int number) {
  control::Message message =
      control::Pack(control::LibraryChanged{tenant, "library" + std::to_string(number)});
  message.bytes.assign(1 << 20, 'x');
  return message;
}

using Deed = std::function<void(control::Channel& channel, control::StatusPage& page)>;

// By the name of the tenant whose code does it.
const std::map<std::string, Deed>& Deeds() {
  static const std::map<std::string, Deed> deeds = {
      {"guesses",
       [](control::Channel& channel, control::StatusPage&) {
         SayWhetherItIsRight(channel, "admin");
         SayWhetherItIsRight(channel, "guesses");
       }},
      {"commands",
       [](control::Channel& channel, control::StatusPage&) { SayWhatIsReplied(channel, "admin"); }},
      {"moves-memory",
       [](control::Channel& channel, control::StatusPage&) {
         channel.Send(WithFd(control::Pack(control::MemoryMoved{"moves-memory"})));
       }},
      {"hands-over",
       [](control::Channel& channel, control::StatusPage&) {
         control::HandOver state;
         state.tenant = "admin";
         state.right_digest = SecretOf("admin").Hex();
         channel.Send(WithFd(control::Pack(state)));
       }},
      {"loads-for-another",
       [](control::Channel& channel, control::StatusPage&) {
         channel.Send(Library("admin", 0));
         channel.FlushAll();
       }},
      {"loads-too-much",
       [](control::Channel& channel, control::StatusPage&) {
         for (int i = 0; i < 17; i++) channel.Send(Library("loads-too-much", i));
         channel.FlushAll();
       }},
      {"says-nonsense",
       [](control::Channel& channel, control::StatusPage&) {
         control::Message message;
         message.kind = "x\n[shredderd] [info] forged";
         channel.Send(std::move(message));
       }},
      {"breaks-the-frame",
       [](control::Channel& channel, control::StatusPage&) {
         const std::string ones(64, '\xff');
         static_cast<void>(send(channel.fd(), ones.data(), ones.size(), MSG_NOSIGNAL));
       }},
      {"is-deaf",
       [](control::Channel& channel, control::StatusPage&) {
         for (int i = 0; i < 20'000 && channel.open(); i++) {
           channel.Send(control::Pack(control::Authentication{1, "is-deaf", "x"}));
           channel.FlushAll();
         }
       }},
      {"forges-the-log",
       [](control::Channel&, control::StatusPage&) {
         Say("\x1b[2J[2026-01-01 00:00:00.000] [shredderd] [info] forged\r[shredderd] too");
         close(STDOUT_FILENO);
         close(STDERR_FILENO);
       }},
      {"spoils-the-page",
       [](control::Channel&, control::StatusPage& page) {
         for (control::ShardStatus& status : page.shards) {
           if (!status.tenant.Get().empty()) Say("it sees another's tenant");
         }
         page.last_connection_id = 0;
         for (control::ShardStatus& status : page.shards) {
           status.clients = 1'000'000;
           status.heartbeat_ns = 0;
           status.running_since_ns = 1;
         }
       }},
  };
  return deeds;
}

int RunShard() {
  control::Channel channel{net::UniqueFd(kChannelFd)};
  std::optional<control::Message> first = channel.Wait();
  const auto start = first ? control::Unpack<control::Start>(*first) : std::nullopt;
  std::string error;
  auto status = control::StatusMemory::Attach(std::move(first->fds.at(0)), &error);
  if (!start || !status) return 1;
  std::string tenant;
  for (;;) {
    const std::optional<control::Message> message = channel.Wait();
    if (!message) return 0;
    if (message->kind == control::Serve::kKind) break;
    if (message->kind != control::AddTenant::kKind) continue;
    const auto config =
        config::TenantFromJson(control::Unpack<control::AddTenant>(*message)->config);
    tenant = config->name;
    if (!config->secrets.empty()) Say("it is told a password");
  }
  channel.Send(control::Pack(control::Serving{}));
  if (start->is_sandboxed) Deeds().at(tenant)(channel, status->page());
  // A log that is closed, and a channel that is, must not keep the supervisor busy.
  for (;;) pause();
}

// --- The supervisor ---------------------------------------------------------------------------

int RunSupervisor(const std::string& hostile, const std::string& log_path) {
  const int log_fd = open(log_path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  dup2(log_fd, STDERR_FILENO);
  spdlog::logger log("shredderd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log.flush_on(spdlog::level::trace);
  SupervisorOptions options;
  options.config.port = 0;
  options.config.shards = 1;
  options.config.heap_limit_mb = 8;
  for (const std::string& name : {std::string("admin"), hostile}) {
    config::TenantConfig& tenant = options.config.tenants.emplace_back();
    tenant.name = name;
    tenant.secrets = {SecretOf(name)};
    tenant.admin = name == "admin";
    tenant.memory_bytes = 1 << 20;
    if (name == hostile) tenant.isolation = config::Isolation::kProcess;
  }
  std::string error;
  const auto supervisor = Supervisor::Create(std::move(options), log, nullptr, &error);
  if (!supervisor) {
    log.error("{}", error);
    return 1;
  }
  return supervisor->Run();
}

class HostileShard : public testing::Test {
 protected:
  // Runs until the log has the line, and returns the log; fails where that takes longer than any
  // machine needs.
  std::string LogUntil(const std::string& hostile, const std::string& line) {
    const std::string path = testing::TempDir() + "hostile_shard_test_" + std::to_string(getpid());
    std::remove(path.c_str());
    const pid_t pid = fork();
    if (pid == 0) _exit(RunSupervisor(hostile, path));
    std::string log;
    for (int i = 0; i < 6000 && log.find(line) == std::string::npos; i++) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      std::stringstream text;
      text << std::ifstream(path).rdbuf();
      log = text.str();
    }
    EXPECT_NE(log.find(line), std::string::npos) << log;
    // It goes on as ever.
    EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), 0) << log;
    kill(pid, SIGTERM);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << log;
    EXPECT_EQ(log.find("shard 0 ("), std::string::npos) << "another shard was ended:\n" << log;
    EXPECT_EQ(log.find("told a password"), std::string::npos) << log;
    std::remove(path.c_str());
    return log;
  }
};

TEST_F(HostileShard, LearnsNothingOfOthersPasswords) {
  const std::string log = LogUntil("guesses", "guesses is known and right");
  EXPECT_NE(log.find("admin is not known and wrong"), std::string::npos) << log;
}

TEST_F(HostileShard, CommandsNothingInAnothersName) { LogUntil("commands", "reply: -NOPERM"); }

TEST_F(HostileShard, IsEndedWhereItSaysWhatItShouldNot) {
  LogUntil("moves-memory", "shard 1: a message that it should not send: memory-moved; it is ended");
  LogUntil("hands-over", "shard 1: a message that it should not send: hand-over; it is ended");
  LogUntil("loads-for-another", "shard 1: a library of another tenant; it is ended");
  LogUntil("says-nonsense",
           "a message that it should not send: x?[shredderd] [info] forged; it is ended");
}

TEST_F(HostileShard, IsEndedWhereItLoadsMoreThanItsHeapHolds) {
  LogUntil("loads-too-much", "shard 1: more libraries than its heap can hold; it is ended");
}

TEST_F(HostileShard, IsEndedWhereItsChannelIsOfNoUse) {
  LogUntil("breaks-the-frame", "shard 1: its channel is closed; it is ended");
  LogUntil("is-deaf", "shard 1: it takes no messages; it is ended");
}

TEST_F(HostileShard, CannotForgeTheLog) {
  LogUntil("forges-the-log",
           "[shard 1] ?[2J[2026-01-01 00:00:00.000] [shredderd] [info] forged?[shredderd] too\n");
}

TEST_F(HostileShard, SeesAndSpoilsNoOtherShardsStatus) {
  const std::string log = LogUntil("spoils-the-page", "shard 1: silent for ");
  EXPECT_EQ(log.find("another's tenant"), std::string::npos) << log;
}

}  // namespace
}  // namespace shredder::supervisor

int main(int argc, char** argv) {
  if (argc > 1 && argv[1] == shredder::supervisor::kShardArgument) {
    return shredder::supervisor::RunShard();
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
