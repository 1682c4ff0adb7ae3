// What a supervisor hands on to the executable that takes its place (SIGUSR2): the tenants, their
// memory, their libraries, the listening sockets. The process stays the same one, so that the
// descriptors do; all else goes through a file in memory.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/config/config.h"
#include "runtime/net/socket.h"

namespace shredder::supervisor {

struct Heritage {
  struct Tenant {
    config::TenantConfig config;
    bool is_from_file = false;
    bool is_single = false;  // has a shard of its own
    std::map<std::string, std::shared_ptr<const std::string>, std::less<>> libraries;
    net::UniqueFd memory;  // its store's own; none where that is in a pool
    int64_t pool = -1;
    uint32_t slot = 0;
    bool is_suspect = false;
  };

  config::ServerConfig config;
  std::string run_id;
  uint64_t started_ms = 0;
  uint64_t last_connection_id = 0;
  net::ListeningSocket tcp;
  net::ListeningSocket unix_listener;
  std::map<int64_t, net::UniqueFd> pools;
  std::vector<Tenant> tenants;
};

// The environment's variable that names the file's descriptor.
inline constexpr char kHeritageVariable[] = "SHREDDERD_HERITAGE";

// shredderd's only argument where it is asked for its HandoverFormat.
inline constexpr char kHandoverArgument[] = "--handover-format";
// What an executable hands on, and takes over: the formats of stores and of the file, as one word.
// Another's word means that it would lose the data.
std::string HandoverFormat();

// The file's descriptor, open over an exec as are those that it names; negative, with a one-line
// reason in *error, where it cannot be written. `heritage` keeps what it owns.
int WriteHeritage(const Heritage& heritage, std::string* error);
// Lets no exec keep the descriptors of `heritage` open: after one that has failed.
void KeepFromExec(const Heritage& heritage);

// False with a one-line reason in *error where the file is none that WriteHeritage has made.
bool ReadHeritage(int fd, Heritage* heritage, std::string* error);

}  // namespace shredder::supervisor
