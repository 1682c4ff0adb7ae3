// Commands on keys, whatever their values.
#include "runtime/server/command_table.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"

namespace shredder::server {

void HandleDel(Request& request) {
  int64_t deleted = 0;
  for (size_t i = 1; i < request.args.size(); ++i) {
    deleted += request.store().Delete(KeyAt(request, i));
    if (!GoesOn(request)) return;
  }
  request.reply.Integer(deleted);
}

void HandleExists(Request& request) {
  int64_t present = 0;
  for (size_t i = 1; i < request.args.size(); ++i) {
    present += Lookup(request, KeyAt(request, i)).has_value();
    if (!GoesOn(request)) return;
  }
  request.reply.Integer(present);
}

void HandleType(Request& request) {
  request.reply.SimpleString(request.store().Has(KeyAt(request, 1)) ? "string" : "none");
}

void HandleDbSize(Request& request) {
  request.reply.Integer(static_cast<int64_t>(request.store().key_count()));
}

void HandleFlush(Request& request) {
  const auto args = request.args;
  if (args.size() > 2 || (args.size() == 2 && !EqualsIgnoringCase(args[1], "async") &&
                          !EqualsIgnoringCase(args[1], "sync"))) {
    request.reply.Error(kSyntaxError);
    return;
  }
  request.store().Clear();
  request.reply.Ok();
}

}  // namespace shredder::server
