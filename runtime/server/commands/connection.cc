// Commands about the connection itself.
#include <fmt/format.h>

#include "runtime/config/config.h"
#include "runtime/config/version.h"
#include "runtime/resp/number.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/client_name.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/shard.h"

namespace shredder::server {
namespace {

struct HelloOptions {
  int64_t protocol = 0;  // as it was
  bool authenticate = false;
  std::string_view user;
  std::string_view password;
  const std::string_view* name = nullptr;
};

bool ReadHelloOptions(Request& request, HelloOptions* options) {
  const auto args = request.args;
  if (args.size() > 1) {
    if (!resp::ParseInteger(args[1], &options->protocol)) {
      request.reply.Error("ERR Protocol version is not an integer or out of range");
      return false;
    }
    if (options->protocol < 2 || options->protocol > 3) {
      request.reply.Error("NOPROTO unsupported protocol version");
      return false;
    }
  }
  for (size_t i = 2; i < args.size(); ++i) {
    const size_t following = args.size() - 1 - i;
    if (EqualsIgnoringCase(args[i], "auth") && following >= 2) {
      options->authenticate = true;
      options->user = args[i + 1];
      options->password = args[i + 2];
      i += 2;
    } else if (EqualsIgnoringCase(args[i], "setname") && following >= 1) {
      options->name = &args[i + 1];
      if (!IsValidClientText(*options->name)) {
        request.reply.Error(kBadClientName);
        return false;
      }
      i += 1;
    } else {
      request.reply.Error(fmt::format("ERR Syntax error in HELLO option '{}'",
                                      args[i].substr(0, kMaxClientTextLength)));
      return false;
    }
    if (!GoesOn(request)) return false;
  }
  return true;
}

}  // namespace

// Both are served without a tenant, whose limit of replies such an argument does not come to.
static_assert(resp::RequestParser::Limits::Unauthenticated().max_inline_bytes <=
              config::kMinMaxReplyBytes);

void HandlePing(Request& request) {
  if (request.args.size() > 2) {
    request.reply.Error("ERR wrong number of arguments for 'ping' command");
  } else if (request.args.size() == 2) {
    ReplyBulk(request, request.args[1]);
  } else {
    request.reply.SimpleString("PONG");
  }
}

void HandleEcho(Request& request) { ReplyBulk(request, request.args[1]); }

void HandleAuth(Request& request) {
  if (request.args.size() > 3) {
    request.reply.Error(kSyntaxError);
    return;
  }
  const bool has_user = request.args.size() == 3;
  if (!has_user) {
    if (!request.shard.open_tenant().empty()) {
      request.reply.Error(
          "ERR AUTH <password> called without any password configured for the default user. Are "
          "you sure your configuration is correct?");
      return;
    }
  }
  const std::string_view user = has_user ? request.args[1] : config::kDefaultTenantName;
  if (request.session.Authenticate(user, request.args.back(), request.reply) ==
      Session::Authenticated::kYes) {
    request.reply.Ok();
  }
}

void HandleHello(Request& request) {
  HelloOptions options;
  if (!ReadHelloOptions(request, &options)) return;
  Session& session = request.session;
  if (options.authenticate && session.Authenticate(options.user, options.password, request.reply) !=
                                  Session::Authenticated::kYes) {
    return;
  }
  if (!session.tenant() && !session.moved_to()) {
    request.reply.Error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
    return;
  }
  if (options.name) session.set_name(*options.name);
  if (options.protocol != 0) {
    session.set_protocol(static_cast<resp::Protocol>(options.protocol));
  }
  resp::ReplyWriter reply(&request.reply.out(), session.protocol());
  reply.Map(7);
  reply.Bulk("server");
  reply.Bulk("redis");
  reply.Bulk("version");
  reply.Bulk(config::kRedisVersion);
  reply.Bulk("proto");
  reply.Integer(static_cast<int64_t>(session.protocol()));
  reply.Bulk("id");
  reply.Integer(static_cast<int64_t>(session.id()));
  reply.Bulk("mode");
  reply.Bulk(request.shard.IsCluster(session.connection()) ? "cluster" : "standalone");
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("modules");
  reply.Array(0);
}

bool HelloAuthenticates(std::span<const std::string_view> args) {
  for (size_t i = 2; i < args.size(); ++i) {
    if (EqualsIgnoringCase(args[i], "auth")) return true;
    if (EqualsIgnoringCase(args[i], "setname")) ++i;
  }
  return false;
}

void HandleSelect(Request& request) {
  int64_t index;
  if (!ReadInteger(request, 1, &index)) return;
  if (index == 0) {
    request.reply.Ok();
  } else {
    request.reply.Error("ERR DB index is out of range");
  }
}

void HandleQuit(Request& request) {
  request.reply.Ok();
  request.session.CloseAfterReply();
}

void HandleReset(Request& request) {
  request.session.Reset();
  request.reply.SimpleString("RESET");
}

}  // namespace shredder::server
