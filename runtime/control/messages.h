// The messages between the supervisor and a shard, each a struct whose fields are its JSON. What a
// message's bytes and descriptors are is said beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/control/channel.h"

namespace shredder::control {

// --- To a shard

// First. Descriptors: the status page; where it accepts, the TCP listener, and the Unix listener
// where there is one.
struct Start {
  static constexpr std::string_view kKind = "start";
  uint32_t shard = 0;
  bool accepts = false;       // new connections; a shard of one tenant only gets them handed over
  bool is_sandboxed = false;  // locks itself up before it serves
  std::vector<std::string> v8_flags;
  std::string server_config;  // config_json.h
  std::string run_id;
  uint64_t started_ms = 0;  // of the server, Unix time
  int32_t supervisor_pid = 0;
  std::string unix_socket;  // its path; empty where there is none
};
// The tenants are there: connections may come.
struct Serve {
  static constexpr std::string_view kKind = "serve";
};
// The settings that can change while the server runs.
struct Settings {
  static constexpr std::string_view kKind = "settings";
  std::string server_config;
};
// The tenant whose clients need no password, and whether the shard has it; empty: none.
struct OpenTenant {
  static constexpr std::string_view kKind = "open-tenant";
  std::string name;
};
// A pool of stores' memory, by a number of the supervisor's. Descriptor: its file.
struct AddPool {
  static constexpr std::string_view kKind = "add-pool";
  uint32_t pool = 0;
};
// The shard has this tenant from now on. Bytes: its libraries' records one after the other.
// Descriptor: its store's memory, where that is not in a pool.
struct AddTenant {
  static constexpr std::string_view kKind = "add-tenant";
  std::string config;       // config_json.h
  int64_t pool = -1;        // one that was added; negative: none
  uint32_t slot = 0;        // of the pool
  bool is_suspect = false;  // nothing of its memory may be relied on before it was looked at
  std::vector<uint64_t> library_bytes;
};
struct SetTenant {
  static constexpr std::string_view kKind = "set-tenant";
  std::string config;
};
// The shard closes the tenant's connections, ends what it runs, lets its memory go, and answers
// Released.
struct ReleaseTenant {
  static constexpr std::string_view kKind = "release-tenant";
  std::string name;
};
struct AuthenticationAnswer {
  static constexpr std::string_view kKind = "authentication-answer";
  uint64_t connection = 0;
  bool is_known = false;  // there is a tenant of that name
  bool is_right = false;
  std::string tenant;
  uint32_t shard = 0;  // that has the tenant, where it is right
};
// Bytes: the reply to a TENANT command.
struct TenantReply {
  static constexpr std::string_view kKind = "tenant-reply";
  uint64_t connection = 0;
};

// --- To the supervisor

struct Serving {
  static constexpr std::string_view kKind = "serving";
};
struct Released {
  static constexpr std::string_view kKind = "released";
  std::string name;
};
// The digest is SHA-256's, in hexadecimal digits.
struct Authentication {
  static constexpr std::string_view kKind = "authentication";
  uint64_t connection = 0;
  std::string tenant;
  std::string digest;
};
// Bytes: the arguments one after the other.
struct TenantCommand {
  static constexpr std::string_view kKind = "tenant-command";
  uint64_t connection = 0;
  std::string tenant;  // the caller
  int protocol = 2;
  std::vector<uint64_t> argument_bytes;
};
// What a tenant's libraries have become, before its client is told. Bytes: its record; none where
// the library was deleted.
struct LibraryChanged {
  static constexpr std::string_view kKind = "library-changed";
  std::string tenant;
  std::string library;
};

// A tenant's store has outgrown its pool's slot. Descriptor: its memory from now on.
struct MemoryMoved {
  static constexpr std::string_view kKind = "memory-moved";
  std::string tenant;
};
// The shard looks no longer at what stores have left.
struct SlotsLeft {
  static constexpr std::string_view kKind = "slots-left";
};

// --- Both ways

// A client's connection, on its way to the shard of its tenant. Bytes: what was read from it and
// not served, then what it has not been sent yet. Descriptor: its socket.
struct HandOver {
  static constexpr std::string_view kKind = "hand-over";
  std::string tenant;
  uint64_t id = 0;
  std::string peer;
  uint64_t unread_bytes = 0;
  uint64_t opened_ms = 0;
  int protocol = 2;
  std::string name;
  std::string library_name;
  std::string library_version;
  int auth_failures = 0;
  // What the supervisor has answered to the AUTH or HELLO at the front of what was not served;
  // absent: the tenant needs no password.
  std::optional<std::string> right_digest;
};

// A message of the struct; parts other than its JSON are the caller's to add.
template <typename T>
Message Pack(const T& message);

// The struct of a message of its kind; nothing where it is not what it says.
template <typename T>
std::optional<T> Unpack(const Message& message);

}  // namespace shredder::control
