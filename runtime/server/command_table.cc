#include "runtime/server/command_table.h"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "runtime/server/commands/handlers.h"

namespace shredder::server {
namespace {

constexpr std::string_view kCluster = "cluster";
constexpr std::string_view kConnection = "connection";
constexpr std::string_view kGeneric = "generic";
constexpr std::string_view kScripting = "scripting";
constexpr std::string_view kServer = "server";
constexpr std::string_view kString = "string";
constexpr std::string_view kTransactions = "transactions";

constexpr KeyPositions kNoKeys{};
constexpr KeyPositions kReadsKey{1, 1, 1, "RO access"};
constexpr KeyPositions kExaminesKey{1, 1, 1, "RO"};
constexpr KeyPositions kOverwritesKey{1, 1, 1, "OW update"};
constexpr KeyPositions kInsertsKey{1, 1, 1, "OW insert"};
constexpr KeyPositions kExtendsKey{1, 1, 1, "RW insert"};
constexpr KeyPositions kUpdatesKey{1, 1, 1, "RW update"};
constexpr KeyPositions kReadsAndUpdatesKey{1, 1, 1, "RW access update"};
constexpr KeyPositions kReadsAndDeletesKey{1, 1, 1, "RW access delete"};
constexpr KeyPositions kReadsKeys{1, -1, 1, "RO access"};
constexpr KeyPositions kExaminesKeys{1, -1, 1, "RO"};
constexpr KeyPositions kOverwritesEverySecond{1, -1, 2, "OW update"};
constexpr KeyPositions kDeletesKeys{1, -1, 1, "RM delete"};
constexpr KeyPositions kCountedKeys{0, 0, 0, "RW access update"};
constexpr KeyPositions kCountedKeysReadOnly{0, 0, 0, "RO access"};

constexpr CommandDocs kHelpDocs{"Prints this help", "5.0.0", kServer, "O(1)"};

// Name, arity, flags, keys, handler, documentation, subcommands.
// clang-format off
constexpr Command kClientSubcommands[] = {
    {"getname", 2, kAllowBusy | kTenantless, kNoKeys, HandleClientGetName,
     {"Get the current connection name", "2.6.9", kConnection, "O(1)"}, {}},
    {"help", 2, kAllowBusy, kNoKeys, HandleHelp, kHelpDocs, {}},
    {"id", 2, kAllowBusy | kTenantless, kNoKeys, HandleClientId,
     {"Get the current connection's ID", "5.0.0", kConnection, "O(1)"}, {}},
    {"info", 2, kAllowBusy, kNoKeys, HandleClientInfo,
     {"Describe the current connection", "6.2.0", kConnection, "O(1)"}, {}},
    {"kill", -3, kAdmin | kAllowBusy, kNoKeys, HandleClientKill,
     {"Close connections of the tenant", "2.4.0", kConnection,
      "O(N), N the number of connections"}, {}},
    {"list", -2, kAdmin | kAllowBusy, kNoKeys, HandleClientList,
     {"List the connections of the tenant", "2.4.0", kConnection,
      "O(N), N the number of connections"}, {}},
    {"no-evict", 3, kAdmin | kAllowBusy | kTenantless, kNoKeys, HandleClientNoEvict,
     {"Set client eviction mode for the current connection", "7.0.0", kConnection, "O(1)"}, {}},
    {"no-touch", 3, kAllowBusy | kTenantless, kNoKeys, HandleClientNoTouch,
     {"Set whether reads leave a trace for eviction", "7.2.0", kConnection, "O(1)"}, {}},
    {"setinfo", 4, kAllowBusy | kTenantless, kNoKeys, HandleClientSetInfo,
     {"Set the client library's name or version", "7.2.0", kConnection, "O(1)"}, {}},
    {"setname", 3, kAllowBusy | kTenantless, kNoKeys, HandleClientSetName,
     {"Set the current connection's name", "2.6.9", kConnection, "O(1)"}, {}},
};

constexpr Command kClusterSubcommands[] = {
    {"help", 2, kTenantless, kNoKeys, HandleHelp, kHelpDocs, {}},
    {"info", 2, kTenantless, kNoKeys, HandleClusterInfo,
     {"Describe the state of a cluster", "3.0.0", kCluster, "O(1)"}, {}},
    {"keyslot", 3, kTenantless, kNoKeys, HandleClusterKeySlot,
     {"Get the hash slot of a key", "3.0.0", kCluster, "O(N), N the bytes of the key"}, {}},
    {"myid", 2, kTenantless, kNoKeys, HandleClusterMyId,
     {"Get the id of the tenant's node", "3.0.0", kCluster, "O(1)"}, {}},
    {"nodes", 2, kTenantless, kNoKeys, HandleClusterNodes,
     {"Describe the tenant's node", "3.0.0", kCluster, "O(1)"}, {}},
    {"shards", 2, kTenantless, kNoKeys, HandleClusterShards,
     {"Get the tenant's node and its slots", "7.0.0", kCluster, "O(1)"}, {}},
    {"slots", 2, kTenantless, kNoKeys, HandleClusterSlots,
     {"Get the slots with the tenant's node", "3.0.0", kCluster, "O(1)"}, {}},
};

constexpr Command kCommandSubcommands[] = {
    {"count", 2, 0, kNoKeys, HandleCommandCount,
     {"Get the number of commands", "2.8.13", kServer, "O(1)"}, {}},
    {"docs", -2, 0, kNoKeys, HandleCommandDocs,
     {"Get the commands' documentation", "7.0.0", kServer, "O(N), N the number of commands"}, {}},
    {"getkeys", -4, 0, kNoKeys, HandleCommandGetKeys,
     {"Extract the keys of a full command", "2.8.13", kServer,
      "O(N), N the number of arguments"}, {}},
    {"help", 2, 0, kNoKeys, HandleHelp, kHelpDocs, {}},
    {"info", -2, 0, kNoKeys, HandleCommandInfo,
     {"Describe the given commands, or all", "2.8.13", kServer,
      "O(N), N the number of commands"}, {}},
    {"list", -2, 0, kNoKeys, HandleCommandList,
     {"List the commands' names", "7.0.0", kServer, "O(N), N the number of commands"}, {}},
};

constexpr Command kConfigSubcommands[] = {
    {"get", -3, kAdmin, kNoKeys, HandleConfigGet,
     {"Get the values of settings", "2.0.0", kServer, "O(N), N the number of settings"}, {}},
    {"help", 2, 0, kNoKeys, HandleHelp, kHelpDocs, {}},
    {"set", -4, kAdmin, kNoKeys, HandleConfigSet,
     {"Confirm settings, which are fixed", "2.0.0", kServer, "O(N), N the number of settings"}, {}},
};

constexpr Command kFunctionSubcommands[] = {
    {"debug", -3, kAllowBusy | kNoMulti, kNoKeys, HandleFunctionDebug,
     {"Debug functions by messages of the DevTools protocol", "7.0.0", kScripting,
      "That of the messages"}, {}},
    {"delete", 3, kWrite | kUsesEngine, kNoKeys, HandleFunctionDelete,
     {"Delete a library", "7.0.0", kScripting, "O(1)"}, {}},
    {"flush", -2, kWrite | kUsesEngine, kNoKeys, HandleFunctionFlush,
     {"Delete all libraries", "7.0.0", kScripting, "O(N), N the number of functions"}, {}},
    {"help", 2, 0, kNoKeys, HandleHelp, kHelpDocs, {}},
    {"kill", 2, kAllowBusy, kNoKeys, HandleFunctionKill,
     {"Terminate the running function", "7.0.0", kScripting, "O(1)"}, {}},
    {"list", -2, 0, kNoKeys, HandleFunctionList,
     {"List the libraries and their functions", "7.0.0", kScripting,
      "O(N), N the number of functions"}, {}},
    {"load", -3, kWrite | kDenyOom | kUsesEngine | kMayBeLong, kNoKeys,
     HandleFunctionLoad,
     {"Load a library", "7.0.0", kScripting, "That of the library's top level"}, {}},
    {"log", -2, 0, kNoKeys, HandleFunctionLog,
     {"Read what functions have written to their console", "7.0.0", kScripting,
      "O(N), N the number of lines"}, {}},
    {"stats", 2, kAllowBusy, kNoKeys, HandleFunctionStats,
     {"Describe the running function", "7.0.0", kScripting, "O(1)"}, {}},
};

constexpr Command kCommands[] = {
    {"append", 3, kWrite | kDenyOom | kFast, kExtendsKey, HandleAppend,
     {"Append to the value of a key", "2.0.0", kString, "O(N), N the bytes appended"}, {}},
    {"auth", -2, kFast | kNoAuth | kAllowBusy | kNoMulti, kNoKeys, HandleAuth,
     {"Authenticate as a tenant", "1.0.0", kConnection, "O(1)"}, {}},
    {"client", -2, 0, kNoKeys, nullptr,
     {"Commands on client connections", "2.4.0", kConnection, "Depends on the subcommand"},
      kClientSubcommands},
    {"cluster", -2, 0, kNoKeys, nullptr,
     {"Commands on where a tenant is", "3.0.0", kCluster, "Depends on the subcommand"},
      kClusterSubcommands},
    {"command", -1, 0, kNoKeys, HandleCommand,
     {"Describe all commands", "2.8.13", kServer, "O(N), N the number of commands"},
      kCommandSubcommands},
    {"config", -2, 0, kNoKeys, nullptr,
     {"Commands on the server's settings", "2.0.0", kServer, "Depends on the subcommand"},
      kConfigSubcommands},
    {"dbsize", 1, kReadOnly | kFast, kNoKeys, HandleDbSize,
     {"Count the tenant's keys", "1.0.0", kServer, "O(1)"}, {}},
    {"decr", 2, kWrite | kDenyOom | kFast, kReadsAndUpdatesKey, HandleDecr,
     {"Decrement the integer value of a key by one", "1.0.0", kString, "O(1)"}, {}},
    {"decrby", 3, kWrite | kDenyOom | kFast, kReadsAndUpdatesKey, HandleDecrBy,
     {"Decrement the integer value of a key", "1.0.0", kString, "O(1)"}, {}},
    {"del", -2, kWrite | kSeveralWrites, kDeletesKeys, HandleDel,
     {"Delete keys", "1.0.0", kGeneric, "O(N), N the number of keys"}, {}},
    {"discard", 1, kFast | kAllowBusy | kNotQueued, kNoKeys, HandleDiscard,
     {"Forget the commands since MULTI", "2.0.0", kTransactions, "O(N), N the number of commands"},
      {}},
    {"echo", 2, kFast | kTenantless, kNoKeys, HandleEcho,
     {"Echo the given string", "1.0.0", kConnection, "O(1)"}, {}},
    {"exec", 1, kNotQueued | kMayBeLong, kNoKeys, HandleExec,
     {"Execute the commands since MULTI", "1.2.0", kTransactions, "That of the commands"}, {}},
    {"exists", -2, kReadOnly | kFast, kExaminesKeys, HandleExists,
     {"Count the given keys that exist", "1.0.0", kGeneric, "O(N), N the number of keys"}, {}},
    {"expire", -3, kWrite | kFast, kUpdatesKey, HandleExpire,
     {"Set a key's time to live in seconds", "1.0.0", kGeneric, "O(1)"}, {}},
    {"expireat", -3, kWrite | kFast, kUpdatesKey, HandleExpireAt,
     {"Set a key's expiry as a Unix time in seconds", "1.2.0", kGeneric, "O(1)"}, {}},
    {"expiretime", 2, kReadOnly | kFast, kReadsKey, HandleExpireTime,
     {"Get a key's expiry as a Unix time in seconds", "7.0.0", kGeneric, "O(1)"}, {}},
    {"fcall", -3, kMovableKeys | kUsesEngine | kMayBeLong, kCountedKeys, HandleFcall,
     {"Invoke a function", "7.0.0", kScripting, "Depends on the function"}, {}},
    {"fcall_json", -3, kMovableKeys | kUsesEngine | kMayBeLong, kCountedKeys, HandleFcallJson,
     {"Invoke a function with its arguments and its result as JSON", "7.0.0", kScripting,
      "Depends on the function"}, {}},
    {"fcall_ro", -3, kReadOnly | kMovableKeys | kUsesEngine | kMayBeLong, kCountedKeysReadOnly,
     HandleFcallRo,
     {"Invoke a function that does not write", "7.0.0", kScripting, "Depends on the function"}, {}},
    {"flushall", -1, kWrite | kDangerous | kMayBeLong, kNoKeys, HandleFlush,
     {"Delete all keys of the tenant", "1.0.0", kServer, "That of freeing the memory"}, {}},
    {"flushdb", -1, kWrite | kDangerous | kMayBeLong, kNoKeys, HandleFlush,
     {"Delete all keys of the tenant", "1.0.0", kServer, "That of freeing the memory"}, {}},
    {"function", -2, 0, kNoKeys, nullptr,
     {"Commands on libraries of functions", "7.0.0", kScripting, "Depends on the subcommand"},
      kFunctionSubcommands},
    {"get", 2, kReadOnly | kFast, kReadsKey, HandleGet,
     {"Get the value of a key", "1.0.0", kString, "O(1)"}, {}},
    {"getdel", 2, kWrite | kFast, kReadsAndDeletesKey, HandleGetDel,
     {"Get the value of a key and delete the key", "6.2.0", kString, "O(1)"}, {}},
    {"getex", -2, kWrite | kFast, kReadsAndUpdatesKey, HandleGetEx,
     {"Get the value of a key and set its expiry", "6.2.0", kString, "O(1)"}, {}},
    {"getrange", 4, kReadOnly, kReadsKey, HandleGetRange,
     {"Get a part of the value of a key", "2.4.0", kString, "O(N), N the length of the part"}, {}},
    {"getset", 3, kWrite | kDenyOom | kFast | kLastIsValue, kReadsAndUpdatesKey, HandleGetSet,
     {"Set the value of a key and get the old one", "1.0.0", kString, "O(1)"}, {}},
    {"hello", -1, kFast | kNoAuth | kAllowBusy, kNoKeys, HandleHello,
     {"Choose the protocol, authenticate, describe the server", "6.0.0", kConnection, "O(1)"}, {}},
    {"incr", 2, kWrite | kDenyOom | kFast, kReadsAndUpdatesKey, HandleIncr,
     {"Increment the integer value of a key by one", "1.0.0", kString, "O(1)"}, {}},
    {"incrby", 3, kWrite | kDenyOom | kFast, kReadsAndUpdatesKey, HandleIncrBy,
     {"Increment the integer value of a key", "1.0.0", kString, "O(1)"}, {}},
    {"info", -1, kDangerous | kTenantless, kNoKeys, HandleInfo,
     {"Describe the server and the tenant's use of it", "1.0.0", kServer, "O(1)"}, {}},
    {"keys", 2, kReadOnly | kDangerous | kMayBeLong, kNoKeys, HandleKeys,
     {"Find the keys that match a pattern", "1.0.0", kGeneric, "O(N), N the number of keys"}, {}},
    {"mget", -2, kReadOnly | kFast, kReadsKeys, HandleMget,
     {"Get the values of keys", "1.0.0", kString, "O(N), N the number of keys"}, {}},
    {"mset", -3, kWrite | kDenyOom | kSeveralWrites, kOverwritesEverySecond, HandleMset,
     {"Set keys to values, all or none", "1.0.1", kString, "O(N), N the number of keys"}, {}},
    {"multi", 1, kFast | kAllowBusy | kNotQueued, kNoKeys, HandleMulti,
     {"Queue the commands that follow until EXEC", "1.2.0", kTransactions, "O(1)"}, {}},
    {"persist", 2, kWrite | kFast, kUpdatesKey, HandlePersist,
     {"Remove the expiry of a key", "2.2.0", kGeneric, "O(1)"}, {}},
    {"pexpire", -3, kWrite | kFast, kUpdatesKey, HandlePexpire,
     {"Set a key's time to live in milliseconds", "2.6.0", kGeneric, "O(1)"}, {}},
    {"pexpireat", -3, kWrite | kFast, kUpdatesKey, HandlePexpireAt,
     {"Set a key's expiry as a Unix time in milliseconds", "2.6.0", kGeneric, "O(1)"}, {}},
    {"pexpiretime", 2, kReadOnly | kFast, kReadsKey, HandlePexpireTime,
     {"Get a key's expiry as a Unix time in milliseconds", "7.0.0", kGeneric, "O(1)"}, {}},
    {"ping", -1, kFast | kAllowBusy | kTenantless, kNoKeys, HandlePing,
     {"Ping the server", "1.0.0", kConnection, "O(1)"}, {}},
    {"psetex", 4, kWrite | kDenyOom | kLastIsValue, kOverwritesKey, HandlePsetEx,
     {"Set the value and the time to live in milliseconds of a key", "2.6.0", kString, "O(1)"}, {}},
    {"pttl", 2, kReadOnly | kFast, kReadsKey, HandlePttl,
     {"Get a key's time to live in milliseconds", "2.6.0", kGeneric, "O(1)"}, {}},
    {"quit", -1, kFast | kNoAuth | kAllowBusy | kNotQueued, kNoKeys, HandleQuit,
     {"Close the connection", "1.0.0", kConnection, "O(1)"}, {}},
    {"reset", 1, kFast | kNoAuth | kAllowBusy | kNotQueued, kNoKeys, HandleReset,
     {"Reset the connection", "6.2.0", kConnection, "O(1)"}, {}},
    {"scan", -2, kReadOnly | kMayBeLong, kNoKeys, HandleScan,
     {"Walk the tenant's keys piece by piece", "2.8.0", kGeneric, "O(1) a call, O(N) in all"}, {}},
    {"select", 2, kFast | kAllowBusy | kTenantless, kNoKeys, HandleSelect,
     {"Select database 0, the only one", "1.0.0", kConnection, "O(1)"}, {}},
    {"set", -3, kWrite | kDenyOom | kLastIsValue, {1, 1, 1, "RW access update variable_flags"},
     HandleSet,
     {"Set the value of a key", "1.0.0", kString, "O(1)"}, {}},
    {"setex", 4, kWrite | kDenyOom | kLastIsValue, kOverwritesKey, HandleSetEx,
     {"Set the value and the time to live of a key", "2.0.0", kString, "O(1)"}, {}},
    {"setnx", 3, kWrite | kDenyOom | kFast | kLastIsValue, kInsertsKey, HandleSetNx,
     {"Set the value of a key unless it exists", "1.0.0", kString, "O(1)"}, {}},
    {"setrange", 4, kWrite | kDenyOom, kUpdatesKey, HandleSetRange,
     {"Overwrite a part of the value of a key", "2.2.0", kString, "O(N), N the value's length"},
      {}},
    {"strlen", 2, kReadOnly | kFast, kExaminesKey, HandleStrlen,
     {"Get the length of the value of a key", "2.2.0", kString, "O(1)"}, {}},
    {"tenant", -2, kAdmin | kAllowBusy | kDangerous | kMayBeLong | kNoMulti, kNoKeys, HandleTenant,
     {"Create, change, list, move and drop tenants", "7.0.0", kServer,
      "Depends on the subcommand"}, {}},
    {"ttl", 2, kReadOnly | kFast, kReadsKey, HandleTtl,
     {"Get a key's time to live in seconds", "1.0.0", kGeneric, "O(1)"}, {}},
    {"type", 2, kReadOnly | kFast, kExaminesKey, HandleType,
     {"Get the type of the value of a key", "1.0.0", kGeneric, "O(1)"}, {}},
    {"unlink", -2, kWrite | kFast | kSeveralWrites, kDeletesKeys, HandleDel,
     {"Delete keys", "4.0.0", kGeneric, "O(N), N the number of keys"}, {}},
    {"unwatch", 1, kFast | kAllowBusy, kNoKeys, HandleUnwatch,
     {"Forget the watched keys", "2.2.0", kTransactions, "O(N), N the number of watched keys"}, {}},
    {"watch", -2, kFast | kNotQueued, kExaminesKeys, HandleWatch,
     {"Let EXEC fail if one of the keys changes before it", "2.2.0", kTransactions,
      "O(N), N the number of keys"}, {}},
};
// clang-format on

constexpr size_t kCommandCount = sizeof(kCommands) / sizeof(kCommands[0]);
constexpr size_t kMaxNameLength = 16;

// Lookup: a hash table with linear probing, at most a quarter full, over names of up to 16 bytes.

constexpr size_t kBucketsLog2 = 8;
constexpr size_t kBuckets = 1u << kBucketsLog2;
static_assert(kCommandCount * 4 <= kBuckets, "raise kBucketsLog2");
constexpr uint8_t kEmptyBucket = 0xff;

// Of the name's length, first three and last bytes, with bit 5 set, which makes the cases of a
// letter equal.
constexpr size_t HashName(std::string_view name) {
  const auto byte = [name](size_t i) { return uint32_t{static_cast<uint8_t>(name[i] | 0x20)}; };
  const size_t last = name.size() - 1;
  const uint32_t word =
      byte(0) | byte(last < 1 ? last : 1) << 8 | byte(last < 2 ? last : 2) << 16 | byte(last) << 24;
  return ((word ^ static_cast<uint32_t>(name.size()) << 5) * 0x9e3779b1u) >> (32 - kBucketsLog2);
}

constexpr std::array<uint8_t, kBuckets> BuildBuckets() {
  std::array<uint8_t, kBuckets> buckets{};
  buckets.fill(kEmptyBucket);
  for (size_t i = 0; i < kCommandCount; ++i) {
    size_t bucket = HashName(kCommands[i].name);
    while (buckets[bucket] != kEmptyBucket) bucket = (bucket + 1) % kBuckets;
    buckets[bucket] = static_cast<uint8_t>(i);
  }
  return buckets;
}
constexpr std::array<uint8_t, kBuckets> kBucketIndex = BuildBuckets();

constexpr bool NamesFit() {
  for (const Command& command : kCommands) {
    if (command.name.size() > kMaxNameLength) return false;
  }
  return true;
}
static_assert(NamesFit());

}  // namespace

std::span<const Command> AllCommands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameLength) return nullptr;
  for (size_t bucket = HashName(name);; bucket = (bucket + 1) % kBuckets) {
    const uint8_t index = kBucketIndex[bucket];
    if (index == kEmptyBucket) return nullptr;
    if (EqualsIgnoringCase(name, kCommands[index].name)) return &kCommands[index];
  }
}

const Command* FindSubcommand(const Command& container, std::string_view name) {
  for (const Command& subcommand : container.subcommands) {
    if (EqualsIgnoringCase(name, subcommand.name)) return &subcommand;
  }
  return nullptr;
}

std::string FullName(const Command* container, const Command& command) {
  return container ? fmt::format("{}|{}", container->name, command.name)
                   : std::string(command.name);
}

}  // namespace shredder::server
