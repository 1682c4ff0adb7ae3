// What a command is: its entry in the command table, and the request that its handler gets.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/resp/reply_writer.h"

namespace shredder::store {
class Store;
}

namespace shredder::server {

class Session;
class Shard;
struct Command;
struct Tenant;

// Bits of Command::flags. The first group is what COMMAND shows, in Redis's words.
enum CommandFlag : uint32_t {
  kWrite = 1u << 0,
  kReadOnly = 1u << 1,
  kDenyOom = 1u << 2,  // may answer OOM
  kAdmin = 1u << 3,
  kFast = 1u << 4,
  kNoAuth = 1u << 5,       // served before AUTH
  kAllowBusy = 1u << 6,    // served while a function of the same tenant runs
  kMovableKeys = 1u << 7,  // args[2] is the number of keys, which follow it
  kNoMulti = 1u << 8,      // refused between MULTI and EXEC
  // Shredder's own.
  kDangerous = 1u << 9,       // in the category @dangerous
  kUsesEngine = 1u << 10,     // waits while a function of any tenant runs on the shard
  kMayBeLong = 1u << 11,      // the clock is read again after it, and the turn may end
  kNotQueued = 1u << 12,      // executed at once between MULTI and EXEC, too
  kSeveralWrites = 1u << 13,  // in one transaction; a single write of the store is one itself
  kLastIsValue = 1u << 14,    // its last required argument becomes the value of args[1], as it is
  kTenantless = 1u << 15,     // served too where the client's tenant is on another shard
};

// One request that is being executed. args[0] is the command's name as the client wrote it; the
// views are valid while the handler runs.
struct Request {
  Shard& shard;
  Session& session;
  Tenant* tenant;  // null before AUTH: only kNoAuth and kTenantless handlers meet that
  const Command& command;
  std::span<const std::string_view> args;
  resp::ReplyWriter& reply;

  store::Store& store() const;
};

using Handler = void (*)(Request& request);

// Calls the handler. What a command writes is kept all together, and nothing of it where the reply
// is an error.
void Execute(Request& request);

// Which arguments are keys, in Redis's convention: positions from 1, a negative `last` counts from
// the end, all 0 where there are none. `access` is what COMMAND tells of the access: "RO access".
struct KeyPositions {
  int first = 0;
  int last = 0;
  int step = 0;
  std::string_view access;
};

struct CommandDocs {
  std::string_view summary;
  std::string_view since;  // the version of Redis that introduced it
  std::string_view group;
  std::string_view complexity;
};

struct Command {
  std::string_view name;  // lower case; of a subcommand, the second word
  int arity;              // arguments, the name included; negative: at least that many
  uint32_t flags;
  KeyPositions keys;
  Handler handler;  // null where a subcommand must be given
  CommandDocs docs;
  std::span<const Command> subcommands;

  size_t required_arguments() const { return static_cast<size_t>(arity < 0 ? -arity : arity); }
  bool ArityAllows(size_t argument_count) const {
    return arity >= 0 ? argument_count == static_cast<size_t>(arity)
                      : argument_count >= static_cast<size_t>(-arity);
  }
};

}  // namespace shredder::server
