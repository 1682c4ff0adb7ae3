// The two ways in which a process serves: as a shard of a supervisor, or alone.
#pragma once

#include <spdlog/logger.h>

#include <string>
#include <vector>

#include "runtime/config/command_line.h"
#include "runtime/config/config.h"

namespace shredder::server {

// A shard, at the end of the channel that is descriptor `channel_fd`; the process's exit code.
int ServeAsShard(int channel_fd);

// Everything in one process: `shards` is 0. The process's exit code.
int ServeAlone(const config::CommandLine& command_line, const config::ServerConfig& config,
               spdlog::logger& log);

// What shredderd writes its log with.
std::shared_ptr<spdlog::logger> MakeLog(const std::string& name, const std::string& level);

// Says on stderr why the process ends; the exit code.
int Fail(std::string_view reason);

}  // namespace shredder::server
