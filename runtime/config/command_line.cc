#include "runtime/config/command_line.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <sstream>

namespace shredder::config {

CommandLineResult ParseCommandLine(int argc, const char* const* argv, CommandLine* command_line,
                                   std::string* message) {
  ConfigOverrides& overrides = command_line->overrides;
  std::string v8_flags;
  CLI::App app(
      "Shredder: a multi-tenant in-memory key-value store that runs its tenants' functions",
      "shredderd");
  app.add_option("--config", command_line->config_path, "configuration file (TOML)")
      ->type_name("FILE");
  app.add_option("--bind", overrides.bind, "address to listen on (default 127.0.0.1)")
      ->type_name("ADDRESS");
  app.add_option("--port", overrides.port, "TCP port, 0 for any free one (default 7379)")
      ->type_name("PORT");
  app.add_option("--unix-socket", overrides.unix_socket, "Unix socket to listen on as well")
      ->type_name("PATH");
  app.add_option("--deadline-ms", overrides.deadline_ms,
                 "CPU time that an invocation may take (default 50)")
      ->type_name("MS");
  app.add_option("--wall-deadline-ms", overrides.wall_deadline_ms,
                 "wall time that it may take (default 20 times --deadline-ms)")
      ->type_name("MS");
  app.add_option("--load-deadline-ms", overrides.load_deadline_ms,
                 "CPU time that the load of a library may take (default 500)")
      ->type_name("MS");
  app.add_option("--load-wall-deadline-ms", overrides.load_wall_deadline_ms,
                 "wall time that it may take (default 20 times --load-deadline-ms)")
      ->type_name("MS");
  app.add_option("--memory", overrides.memory, "the default tenant's quota (default 1gb)")
      ->type_name("SIZE");
  app.add_flag("--enable-callbacks", overrides.callback_builtins,
               "add DBGet and the other C++ callbacks to shredder:store, for comparison");
  app.add_option("--log-level", overrides.log_level, "debug, info, warn or error (default info)")
      ->type_name("LEVEL");
  app.add_option("--v8-flags", v8_flags, "flags for V8, separated by spaces")->type_name("FLAGS");
  app.add_option("--backend", overrides.backend, "event loop: auto, io_uring or epoll")
      ->type_name("NAME");
  app.add_option("--shards", overrides.shards,
                 "processes that serve, 0 for all in one (default one a core)")
      ->type_name("N");
  app.add_option("--port-file", command_line->port_file,
                 "file that gets the bound port once the server listens")
      ->type_name("FILE");
  app.add_flag("--version", command_line->version, "print the versions of shredderd and V8");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    *message = app.help();
    return CommandLineResult::kHelp;
  } catch (const CLI::ParseError& problem) {
    std::string what = problem.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    *message = fmt::format("{}; see shredderd --help", what);
    return CommandLineResult::kError;
  }
  std::istringstream words(v8_flags);
  for (std::string word; words >> word;) command_line->v8_flags.push_back(word);
  return CommandLineResult::kRun;
}

}  // namespace shredder::config
