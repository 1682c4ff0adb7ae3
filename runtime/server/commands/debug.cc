// FUNCTION DEBUG: a debugger or a profiler of the tenant's functions, by messages of the DevTools
// protocol.
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/commands/running.h"
#include "runtime/server/shard.h"

namespace shredder::server {
namespace {

constexpr std::string_view kName = "FUNCTION DEBUG";

// FUNCTION DEBUG OPEN [BASE url] [PAUSE function]
void Open(Request& request) {
  const auto args = request.args;
  std::string_view base, function;
  for (size_t i = 3; i < args.size(); i += 2) {
    const bool is_base = EqualsIgnoringCase(args[i], "base");
    if (i + 1 == args.size() || (!is_base && !EqualsIgnoringCase(args[i], "pause"))) {
      request.reply.Error("ERR syntax error, try FUNCTION DEBUG OPEN [BASE url] [PAUSE function]");
      return;
    }
    (is_base ? base : function) = args[i + 1];
  }
  if (!function.empty() && !request.tenant->functions->Find(function)) {
    request.reply.Error("ERR Function not found");
    return;
  }
  if (!request.shard.HasOneTenant()) {
    request.reply.Error(
        "ERR other tenants share this one's shard, and would wait while a function is stopped; an "
        "administrator gives it one of its own: TENANT MOVE name OWN");
    return;
  }
  if (request.shard.IsHeld(request.tenant)) {
    request.reply.Error("BUSY a function or another long command of the tenant runs; try again");
    return;
  }
  request.shard.MakeRoom(request.tenant);
  std::string error;
  {
    const RunningScope running(request, kName, LoadDeadline(request));
    error = request.tenant->functions->OpenDebugger(base, function);
  }
  if (error.empty()) {
    request.reply.Ok();
  } else {
    request.reply.Error(error);
  }
}

// FUNCTION DEBUG EXCHANGE [message ...]
void Exchange(Request& request) {
  engine::FunctionHost& functions = *request.tenant->functions;
  if (!functions.has_debugger()) {
    request.reply.Error("ERR no debugger is open; try FUNCTION DEBUG OPEN");
    return;
  }
  std::vector<std::string> messages;
  if (request.shard.IsHeld(request.tenant) || request.shard.running() != nullptr) {
    messages = functions.ExchangeDebug(request.args.subspan(3), false);
  } else {
    const RunningScope running(request, kName, LoadDeadline(request));
    messages = functions.ExchangeDebug(request.args.subspan(3), true);
  }
  request.reply.Array(messages.size());
  for (const std::string& message : messages) request.reply.Bulk(message);
}

}  // namespace

void HandleFunctionDebug(Request& request) {
  const std::string_view action = request.args[2];
  if (EqualsIgnoringCase(action, "open")) {
    Open(request);
  } else if (EqualsIgnoringCase(action, "exchange")) {
    Exchange(request);
  } else if (EqualsIgnoringCase(action, "close") && request.args.size() == 3) {
    request.tenant->functions->CloseDebugger();
    request.reply.Ok();
  } else {
    request.reply.Error(
        "ERR syntax error, try FUNCTION DEBUG OPEN, EXCHANGE [message ...] or CLOSE");
  }
}

}  // namespace shredder::server
