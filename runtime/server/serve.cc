#include "runtime/server/serve.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "builtins-csa/layout/table_layout.h"
#include "runtime/config/config_json.h"
#include "runtime/config/version.h"
#include "runtime/control/channel.h"
#include "runtime/control/messages.h"
#include "runtime/control/process.h"
#include "runtime/control/status_page.h"
#include "runtime/engine/engine.h"
#include "runtime/net/event_loop.h"
#include "runtime/sandbox/sandbox.h"
#include "runtime/server/clock.h"
#include "runtime/server/local_authority.h"
#include "runtime/server/network.h"
#include "runtime/server/shard.h"
#include "runtime/server/supervisor_link.h"

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

net::EventLoopOptions LoopOptions(const config::ServerConfig& config, Shard* shard) {
  net::EventLoopOptions options;
  options.backend = config.backend;
  options.max_connections = Shard::kMaxLoopConnections;
  options.refusal = "-ERR max number of clients reached\r\n";
  options.admit = [shard] { return shard->Admit(); };
  options.next_id = [shard] { return shard->NextConnectionId(); };
  return options;
}

void LogPlace(const ServerNetwork& network, spdlog::logger& log) {
  if (network.place().empty()) return;
  log.info("{}: ready to accept connections, without the kernel", network.place());
}

// Until a signal; then what is due is sent.
void Run(net::EventLoop* loop, Shard* shard) {
  InstallSignalHandlers(shard);
  loop->Run();
  // From here on the shard is taken down, so a second signal must not reach it.
  IgnoreStopSignals();
  loop->Drain(kDrainMs);
}

// What the kernel does not give is returned. While there is one thread.
std::vector<std::string> Confine(uint32_t shard, config::ServerConfig* config) {
  sandbox::ConfineOptions options;
  options.number = shard;
  options.max_file_bytes = layout::kMaxArenaBytes;
  options.core_dumps = config->core_dumps;
  std::vector<std::string> missing = sandbox::Confine(options);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // ends with the user that it was
  // What io_uring does is no system call, and passes by the list of those that are allowed.
  config->backend = net::Backend::kEpoll;
  return missing;
}

}  // namespace

int Fail(std::string_view reason) {
  fmt::print(stderr, "shredderd: {}\n", reason);
  return 1;
}

std::shared_ptr<spdlog::logger> MakeLog(const std::string& name, const std::string& level) {
  auto log = std::make_shared<spdlog::logger>(
      name, std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  log->set_level(spdlog::level::from_str(level));
  log->flush_on(spdlog::level::info);
  return log;
}

int ServeAlone(const config::CommandLine& command_line, const config::ServerConfig& config,
               spdlog::logger& log) {
  control::RaiseDescriptorLimit();
  control::LimitCoreDumps(config.core_dumps);
  std::string error;
  if (!engine::Engine::InitializeProcess(command_line.v8_flags, &error)) return Fail(error);
  const std::optional<control::StatusMemory> status = control::StatusMemory::Create(&error);
  if (!status) return Fail(error);
  status->page().shard_count = 1;
  const SystemClock clock;
  Shard shard(config, clock, log, ServerIdentity::OfThisProcess(clock.NowMs()), &status->page());
  const std::unique_ptr<LocalAuthority> authority = LocalAuthority::Create(config, &shard, &error);
  if (!authority) return Fail(error);
  const std::unique_ptr<ServerNetwork> network =
      ServerNetwork::Open(config, 0, LoopOptions(config, &shard), &error);
  if (!network) return Fail(error);
  net::EventLoop* const loop = network->loop();
  shard.Attach(loop);
  shard.set_bypass(network->bypass());
  if (!loop->ListenTcp(config.bind, config.port, &shard, &error)) return Fail(error);
  if (!config.unix_socket.empty() && !loop->ListenUnix(config.unix_socket, &shard, &error)) {
    return Fail(error);
  }
  if (!network->Listen(&shard, &error)) return Fail(error);
  if (!command_line.port_file.empty() &&
      !control::WritePortFile(command_line.port_file, loop->bound_port(), &error)) {
    return Fail(error);
  }
  log.info("shredderd {}, V8 {}, event loop {}", config::kShredderVersion,
           engine::Engine::V8Version(), loop->backend_note());
  log.info("{}:{}: ready to accept connections", config.bind, loop->bound_port());
  if (!config.unix_socket.empty()) {
    log.info("{}: ready to accept connections", config.unix_socket);
  }
  LogPlace(*network, log);
  Run(loop, &shard);
  log.info("stopped by a signal");
  return 0;
}

int ServeAsShard(int channel_fd) {
  // No shard stays where its supervisor does not.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "shredderd");  // it was started by way of /proc/self/exe
  control::RaiseDescriptorLimit();
  control::Channel channel{net::UniqueFd(channel_fd)};
  std::optional<control::Message> message = channel.Wait();
  const auto start = message && message->kind == control::Start::kKind
                         ? control::Unpack<control::Start>(*message)
                         : std::nullopt;
  if (!start || message->fds.size() < (start->accepts ? 2u : 1u)) {
    return Fail("a shard is started by shredderd alone");
  }
  std::optional<config::ServerConfig> config = config::ServerFromJson(start->server_config);
  if (!config) return Fail("the supervisor's configuration makes no sense to this shard");
  std::vector<std::string> missing;
  if (start->is_sandboxed) missing = Confine(start->shard, &*config);
  if (getppid() != start->supervisor_pid) return 0;
  control::LimitCoreDumps(config->core_dumps);
  std::string error;
  if (!engine::Engine::InitializeProcess(start->v8_flags, &error)) return Fail(error);
  std::signal(SIGPIPE, SIG_IGN);
  const std::shared_ptr<spdlog::logger> log =
      MakeLog(fmt::format("shard {}", start->shard), config->log_level);
  if (start->is_sandboxed) log->set_pattern("[%l] %v");  // the supervisor adds the rest
  if (!missing.empty()) {
    log->warn("isolation is process without some of what it should have: {}",
              fmt::join(missing, "; "));
  }
  const auto status = control::StatusMemory::Attach(std::move(message->fds[0]), &error);
  if (!status) return Fail(error);

  const SystemClock clock;
  ServerIdentity identity;
  identity.run_id = start->run_id;
  identity.started_ms = start->started_ms;
  identity.process_id = start->supervisor_pid;
  identity.shard = start->shard;
  identity.is_single = !start->accepts;
  Shard shard(*config, clock, *log, identity, &status->page());
  SupervisorLink link(&channel);
  shard.set_authority(&link);
  const std::unique_ptr<ServerNetwork> network =
      ServerNetwork::Open(*config, start->shard, LoopOptions(*config, &shard), &error);
  if (!network) return Fail(error);
  net::EventLoop* const loop = network->loop();
  shard.Attach(loop);
  shard.set_bypass(network->bypass());
  for (;;) {
    std::optional<control::Message> next = channel.Wait();
    if (!next) return 0;
    if (next->kind == control::Serve::kKind) break;
    link.OnMessage(std::move(*next), shard);
  }
  log->debug("event loop {}", loop->backend_note());
  const auto on_message = [&] {
    if (!link.Receive(shard)) shard.RequestStop();
  };
  if (!loop->Watch(channel.fd(), on_message, &error)) return Fail(error);
  for (size_t i = 1; start->accepts && i < message->fds.size(); i++) {
    if (!loop->AdoptListener(std::move(message->fds[i]), &shard, &error)) return Fail(error);
  }
  if (!network->Listen(&shard, &error)) return Fail(error);
  // From here on there may be code of tenants.
  if (start->is_sandboxed && !sandbox::Lock(&error)) return Fail(error);
  channel.Send(control::Pack(control::Serving{}));
  LogPlace(*network, *log);
  Run(loop, &shard);
  channel.FlushAll();
  return 0;
}

}  // namespace shredder::server
