#include "runtime/server/command.h"

#include "runtime/server/tenant.h"
#include "runtime/store/transaction.h"

namespace shredder::server {

store::Store& Request::store() const { return *tenant->store; }

void Execute(Request& request) {
  if (request.tenant) ++request.tenant->stats.commands;
  const Handler handler = request.command.handler;
  if ((request.command.flags & kSeveralWrites) == 0) return handler(request);
  const std::string& out = request.reply.out();
  const size_t reply_start = out.size();
  store::Transaction transaction(&request.store());
  handler(request);
  const bool is_error = out.size() > reply_start && out[reply_start] == '-';
  if (!is_error) transaction.Commit();
}

}  // namespace shredder::server
