// CLIENT: sessions of the caller's own tenant; nothing of others can be seen or closed.
#include <fmt/format.h>

#include <optional>
#include <string>
#include <vector>

#include "runtime/resp/number.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/client_name.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/shard.h"

namespace shredder::server {
namespace {

// In Redis's letters.
std::string_view Flags(const Session& session) {
  if (session.watcher().touched()) return session.queued() ? "xd" : "d";
  return session.queued() ? "x" : "N";
}

// Steps of a command that Describe counts for.
constexpr uint64_t kStepsPerSession = 2;

std::string Describe(const Session& session, uint64_t now_ms) {
  const int64_t queued = session.queued() ? static_cast<int64_t>(session.queued()->count()) : -1;
  return fmt::format(
      "id={} addr={} name={} age={} idle={} flags={} db=0 sub=0 psub=0 ssub=0 multi={} watch={} "
      "cmd={} user={} resp={} lib-name={} lib-ver={}",
      session.id(), session.address(), session.name(), (now_ms - session.opened_ms()) / 1000,
      (now_ms - session.last_request_ms()) / 1000, Flags(session), queued,
      session.watcher().key_count(), session.last_command(), session.tenant()->name,
      static_cast<int>(session.protocol()), session.library_name(), session.library_version());
}

// Every session here is an ordinary client; false, and an error, for a type that Redis does not
// know either.
bool ReadType(std::string_view type, resp::ReplyWriter& reply, bool* ordinary) {
  *ordinary = EqualsIgnoringCase(type, "normal");
  for (const std::string_view other : {"normal", "master", "replica", "slave", "pubsub"}) {
    if (EqualsIgnoringCase(type, other)) return true;
  }
  reply.Error(fmt::format("ERR Unknown client type '{}'", type.substr(0, kMaxClientTextLength)));
  return false;
}

bool ReadOnOff(Request& request) {
  if (EqualsIgnoringCase(request.args[2], "on") || EqualsIgnoringCase(request.args[2], "off")) {
    return true;
  }
  request.reply.Error(kSyntaxError);
  return false;
}

struct KillFilter {
  std::optional<uint64_t> id;
  std::optional<std::string_view> address;
  std::optional<std::string_view> user;
  bool ordinary = true;
  bool skip_me = true;

  bool Matches(const Session& session, const Session& caller) const {
    return session.tenant() == caller.tenant() && ordinary && (!id || *id == session.id()) &&
           (!address || *address == session.address()) &&
           (!user || *user == session.tenant()->name) && !(skip_me && &session == &caller);
  }
};

bool ReadKillFilter(Request& request, KillFilter* filter) {
  const auto args = request.args;
  if (args.size() == 3) {  // CLIENT KILL address
    filter->address = args[2];
    filter->skip_me = false;
    return true;
  }
  if (args.size() % 2 != 0) {
    request.reply.Error(kSyntaxError);
    return false;
  }
  for (size_t i = 2; i < args.size(); i += 2) {
    const std::string_view value = args[i + 1];
    if (EqualsIgnoringCase(args[i], "id")) {
      int64_t id;
      if (!resp::ParseInteger(value, &id) || id < 1) {
        request.reply.Error("ERR client-id should be greater than 0");
        return false;
      }
      filter->id = static_cast<uint64_t>(id);
    } else if (EqualsIgnoringCase(args[i], "addr")) {
      filter->address = value;
    } else if (EqualsIgnoringCase(args[i], "user")) {
      if (value != request.tenant->name) {  // whether another tenant exists is not told
        request.reply.Error(
            fmt::format("ERR No such user '{}'", value.substr(0, kMaxClientTextLength)));
        return false;
      }
      filter->user = value;
    } else if (EqualsIgnoringCase(args[i], "type")) {
      if (!ReadType(value, request.reply, &filter->ordinary)) return false;
    } else if (EqualsIgnoringCase(args[i], "skipme") &&
               (EqualsIgnoringCase(value, "yes") || EqualsIgnoringCase(value, "no"))) {
      filter->skip_me = EqualsIgnoringCase(value, "yes");
    } else {
      request.reply.Error(kSyntaxError);
      return false;
    }
    if (!GoesOn(request)) return false;
  }
  return true;
}

}  // namespace

void HandleClientId(Request& request) {
  request.reply.Integer(static_cast<int64_t>(request.session.id()));
}

void HandleClientGetName(Request& request) {
  if (request.session.name().empty()) {
    request.reply.Null();
  } else {
    request.reply.Bulk(request.session.name());
  }
}

void HandleClientSetName(Request& request) {
  if (!IsValidClientText(request.args[2])) {
    request.reply.Error(kBadClientName);
    return;
  }
  request.session.set_name(request.args[2]);
  request.reply.Ok();
}

void HandleClientSetInfo(Request& request) {
  const std::string_view option = request.args[2];
  const bool is_name = EqualsIgnoringCase(option, "lib-name");
  if (!is_name && !EqualsIgnoringCase(option, "lib-ver")) {
    request.reply.Error(
        fmt::format("ERR Unrecognized option '{}'", option.substr(0, kMaxClientTextLength)));
    return;
  }
  if (!IsValidClientText(request.args[3])) {
    request.reply.Error(fmt::format("ERR {} cannot contain spaces, newlines or special characters.",
                                    is_name ? "lib-name" : "lib-ver"));
    return;
  }
  if (is_name) {
    request.session.set_library_name(request.args[3]);
  } else {
    request.session.set_library_version(request.args[3]);
  }
  request.reply.Ok();
}

void HandleClientInfo(Request& request) {
  request.reply.Verbatim(Describe(request.session, request.shard.clock().NowMs()) + "\n");
}

void HandleClientList(Request& request) {
  const auto args = request.args;
  bool ordinary = true;
  std::vector<int64_t> ids;
  if (args.size() == 4 && EqualsIgnoringCase(args[2], "type")) {
    if (!ReadType(args[3], request.reply, &ordinary)) return;
  } else if (args.size() > 3 && EqualsIgnoringCase(args[2], "id")) {
    for (size_t i = 3; i < args.size(); ++i) {
      int64_t id;
      if (!resp::ParseInteger(args[i], &id) || id < 0) {
        request.reply.Error("ERR Invalid client ID");
        return;
      }
      ids.push_back(id);
      if (!GoesOn(request)) return;
    }
  } else if (args.size() > 2) {
    request.reply.Error(kSyntaxError);
    return;
  }
  const uint64_t now_ms = request.shard.clock().NowMs();
  std::string lines;
  const auto add = [&](const Session& session) {
    if (!ordinary || session.tenant() != request.tenant) return;
    AppendInPieces(request, &lines, Describe(session, now_ms) + "\n");
  };
  const auto goes_on = [&] {
    if (lines.size() > MaxReplyBytes(request)) {
      ReplyTooLong(request);
      return false;
    }
    if (request.session.Step(kStepsPerSession)) return true;
    request.reply.Error(kShuttingDown);
    return false;
  };
  const auto& sessions = request.shard.sessions();
  for (const int64_t id : ids) {
    const auto found = sessions.find(static_cast<uint64_t>(id));
    if (found != sessions.end()) add(*found->second);
    if (!goes_on()) return;
  }
  if (ids.empty()) {
    // Any of them may go in a turn.
    for (auto at = sessions.begin(); at != sessions.end();) {
      const uint64_t id = at->first;
      add(*at->second);
      if (!goes_on()) return;
      at = sessions.upper_bound(id);
    }
  }
  request.reply.Verbatim(lines);
}

void HandleClientKill(Request& request) {
  KillFilter filter;
  if (!ReadKillFilter(request, &filter)) return;
  std::vector<Session*> matches;
  for (const auto& [id, session] : request.shard.sessions()) {
    if (filter.Matches(*session, request.session)) matches.push_back(session.get());
  }
  for (Session* session : matches) session->Kill();
  if (request.args.size() > 3) {
    request.reply.Integer(static_cast<int64_t>(matches.size()));
  } else if (matches.empty()) {
    request.reply.Error("ERR No such client");
  } else {
    request.reply.Ok();
  }
}

// Clients are never evicted, and reads leave no trace that eviction would use: both are what a
// client asks for already.
void HandleClientNoEvict(Request& request) {
  if (ReadOnOff(request)) request.reply.Ok();
}

void HandleClientNoTouch(Request& request) {
  if (ReadOnOff(request)) request.reply.Ok();
}

}  // namespace shredder::server
