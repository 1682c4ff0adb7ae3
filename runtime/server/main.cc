// shredderd: reads the configuration, starts one shard, and serves until SIGINT or SIGTERM.
#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "runtime/config/command_line.h"
#include "runtime/config/config.h"
#include "runtime/config/version.h"
#include "runtime/engine/engine.h"
#include "runtime/net/event_loop.h"
#include "runtime/server/clock.h"
#include "runtime/server/shard.h"

namespace shredder::server {
namespace {

// How long clients have to take the replies that are due when the server is told to stop.
constexpr uint64_t kDrainMs = 2000;

// What the signal handler stops; set before the handler is installed, and never changed while it
// is.
Shard* signal_target = nullptr;

void HandleStopSignal(int) { signal_target->RequestStop(); }

void InstallSignalHandlers(Shard* shard) {
  signal_target = shard;
  struct sigaction action{};
  action.sa_handler = HandleStopSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void IgnoreStopSignals() {
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
}

int Fail(std::string_view reason) {
  fmt::print(stderr, "shredderd: {}\n", reason);
  return 1;
}

// Under another name first, so that a reader never sees half of it.
bool WritePortFile(const std::string& path, uint16_t port, std::string* error) {
  const std::string temporary = fmt::format("{}.{}", path, getpid());
  std::FILE* file = std::fopen(temporary.c_str(), "we");
  bool written = file != nullptr;
  if (file) {
    written = std::fprintf(file, "%u\n", static_cast<unsigned>(port)) > 0;
    written = std::fclose(file) == 0 && written;
  }
  if (written && std::rename(temporary.c_str(), path.c_str()) == 0) return true;
  *error = fmt::format("--port-file {}: cannot be written: {}; give a path in a writable folder",
                       path, std::strerror(errno));
  std::remove(temporary.c_str());
  return false;
}

// As far as the hard limit goes: each client takes a descriptor, and the usual soft limit is 1024.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Serve(const config::CommandLine& command_line, const config::ServerConfig& config,
          spdlog::logger& log) {
  RaiseDescriptorLimit();
  std::string error;
  const SystemClock clock;
  const std::unique_ptr<Shard> shard = Shard::Create(config, clock, log, &error);
  if (!shard) return Fail(error);

  net::EventLoopOptions options;
  options.backend = config.backend;
  options.max_connections = config.max_clients;
  options.refusal = "-ERR max number of clients reached\r\n";
  const std::unique_ptr<net::EventLoop> loop = net::EventLoop::Create(options, &error);
  if (!loop) return Fail(error);
  shard->Attach(loop.get());
  if (!loop->ListenTcp(config.bind, config.port, shard.get(), &error)) return Fail(error);
  if (!config.unix_socket.empty() && !loop->ListenUnix(config.unix_socket, shard.get(), &error)) {
    return Fail(error);
  }
  InstallSignalHandlers(shard.get());
  if (!command_line.port_file.empty() &&
      !WritePortFile(command_line.port_file, loop->bound_port(), &error)) {
    return Fail(error);
  }
  log.info("shredderd {}, V8 {}, event loop {}", config::kShredderVersion,
           engine::Engine::V8Version(), loop->backend_note());
  log.info("{}:{}: ready to accept connections", config.bind, loop->bound_port());
  if (!config.unix_socket.empty()) {
    log.info("{}: ready to accept connections", config.unix_socket);
  }
  loop->Run();
  // From here on the shard is taken down, so a second signal must not reach it.
  IgnoreStopSignals();
  loop->Drain(kDrainMs);
  log.info("stopped by a signal");
  return 0;
}

int Main(int argc, const char* const* argv) {
  config::CommandLine command_line;
  std::string message;
  switch (config::ParseCommandLine(argc, argv, &command_line, &message)) {
    case config::CommandLineResult::kHelp:
      fmt::print("{}", message);
      return 0;
    case config::CommandLineResult::kError:
      return Fail(message);
    case config::CommandLineResult::kRun:
      break;
  }
  if (command_line.version) {
    fmt::print("shredderd {}, V8 {}\n", config::kShredderVersion, engine::Engine::V8Version());
    return 0;
  }
  const std::optional<config::ServerConfig> config =
      config::LoadConfig(command_line.config_path, command_line.overrides, &message);
  if (!config) return Fail(message);
  if (!engine::Engine::InitializeProcess(command_line.v8_flags, &message)) return Fail(message);

  spdlog::logger log("shredderd", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  log.set_level(spdlog::level::from_str(config->log_level));
  log.flush_on(spdlog::level::info);
  std::signal(SIGPIPE, SIG_IGN);
  return Serve(command_line, *config, log);
}

}  // namespace
}  // namespace shredder::server

int main(int argc, char** argv) { return shredder::server::Main(argc, argv); }
