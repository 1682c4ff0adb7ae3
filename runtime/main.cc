// shredderd: reads its command line and its configuration, and becomes a supervisor with shards, a
// shard, or both in one.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/config/command_line.h"
#include "runtime/config/config.h"
#include "runtime/config/version.h"
#include "runtime/control/process.h"
#include "runtime/engine/engine.h"
#include "runtime/server/serve.h"
#include "runtime/supervisor/child.h"
#include "runtime/supervisor/heritage.h"
#include "runtime/supervisor/supervisor.h"

namespace shredder {
namespace {

int ServeWithShards(const config::CommandLine& command_line, const config::ServerConfig& config,
                    supervisor::Heritage* heritage, int argc, char** argv, spdlog::logger& log) {
  control::RaiseDescriptorLimit();
  control::LimitCoreDumps(config.core_dumps);  // of what it has, passwords' digests are a part
  supervisor::SupervisorOptions options;
  options.command_line = command_line;
  options.config = config;
  options.banner =
      fmt::format("shredderd {}, V8 {}", config::kShredderVersion, engine::Engine::V8Version());
  options.arguments.assign(argv, argv + argc);
  std::string error;
  const auto supervisor = supervisor::Supervisor::Create(std::move(options), log, heritage, &error);
  return supervisor ? supervisor->Run() : server::Fail(error);
}

int Main(int argc, char** argv) {
  if (argc > 1 && argv[1] == supervisor::kShardArgument) {
    return server::ServeAsShard(supervisor::kChannelFd);
  }
  if (argc > 1 && std::string_view(argv[1]) == supervisor::kHandoverArgument) {
    fmt::print("{}\n", supervisor::HandoverFormat());
    return 0;
  }
  config::CommandLine command_line;
  std::string message;
  switch (config::ParseCommandLine(argc, argv, &command_line, &message)) {
    case config::CommandLineResult::kHelp:
      fmt::print("{}", message);
      return 0;
    case config::CommandLineResult::kError:
      return server::Fail(message);
    case config::CommandLineResult::kRun:
      break;
  }
  if (command_line.version) {
    fmt::print("shredderd {}, V8 {}\n", config::kShredderVersion, engine::Engine::V8Version());
    return 0;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::optional<config::ServerConfig> config;
  std::optional<supervisor::Heritage> heritage;
  if (const char* const descriptor = std::getenv(supervisor::kHeritageVariable)) {
    const int fd = std::atoi(descriptor);
    unsetenv(supervisor::kHeritageVariable);
    if (!supervisor::ReadHeritage(fd, &heritage.emplace(), &message)) {
      return server::Fail(message);
    }
    config = heritage->config;
  } else {
    config = config::LoadConfig(command_line.config_path, command_line.overrides, &message);
    if (!config) return server::Fail(message);
  }
  const std::shared_ptr<spdlog::logger> log = server::MakeLog("shredderd", config->log_level);
  if (config->shards == 0u) return server::ServeAlone(command_line, *config, *log);
  return ServeWithShards(command_line, *config, heritage ? &*heritage : nullptr, argc, argv, *log);
}

}  // namespace
}  // namespace shredder

int main(int argc, char** argv) { return shredder::Main(argc, argv); }
