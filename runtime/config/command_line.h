// shredderd's command line.
#pragma once

#include <string>
#include <vector>

#include "runtime/config/config.h"

namespace shredder::config {

struct CommandLine {
  std::string config_path;
  ConfigOverrides overrides;
  std::vector<std::string> v8_flags;
  std::string
      port_file;  // gets the bound port's decimal digits and a newline once the server listens
  bool version = false;
};

enum class CommandLineResult {
  kRun,
  kHelp,   // *message is the help text
  kError,  // *message is one line
};

CommandLineResult ParseCommandLine(int argc, const char* const* argv, CommandLine* command_line,
                                   std::string* message);

}  // namespace shredder::config
