// Transactions: MULTI, EXEC, DISCARD, WATCH, UNWATCH.
#include "runtime/store/transaction.h"

#include <fmt/format.h>

#include <string>

#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/shard.h"

namespace shredder::server {
namespace {

// While it lives, the request's tenant is the EXEC's alone.
class ExecScope {
 public:
  explicit ExecScope(Request& request) : shard_(request.shard), tenant_(request.tenant) {
    shard_.BeginExec(tenant_);
  }
  ~ExecScope() { shard_.EndExec(tenant_); }
  ExecScope(const ExecScope&) = delete;
  ExecScope& operator=(const ExecScope&) = delete;

 private:
  Shard& shard_;
  Tenant* const tenant_;
};

// Executes the commands, each with its reply in `replies`. The error where all is to be undone,
// else empty.
std::string ExecuteAll(Request& exec, std::span<const QueuedCommands::Item> commands,
                       std::string* replies) {
  for (size_t i = 0; i < commands.size(); ++i) {
    const Command& command = *commands[i].command;
    ReserveSlack(exec, replies);
    resp::ReplyWriter reply(replies, exec.session.protocol());  // which a HELLO may have changed
    const size_t length_before = replies->size();
    Request request{exec.shard, exec.session, exec.tenant, command, commands[i].args, reply};
    Execute(request);
    if (replies->size() > MaxReplyBytes(exec)) {
      return fmt::format("its reply is longer than {} bytes; ask for less at a time",
                         MaxReplyBytes(exec));
    }
    const bool goes_on =
        command.flags & kMayBeLong
            ? exec.session.YieldIfDue()
            : exec.session.Step(1 + (replies->size() - length_before) / kBytesPerStep);
    if (!goes_on) return "the server is shutting down";
  }
  return {};
}

}  // namespace

void HandleMulti(Request& request) {
  if (request.session.queued()) {
    request.reply.Error("ERR MULTI calls can not be nested");
    return;
  }
  request.session.BeginTransaction();
  request.reply.Ok();
}

void HandleDiscard(Request& request) {
  if (!request.session.queued()) {
    request.reply.Error("ERR DISCARD without MULTI");
    return;
  }
  request.session.EndTransaction();
  request.reply.Ok();
}

void HandleExec(Request& request) {
  Session& session = request.session;
  const QueuedCommands* const queued = session.queued();
  if (!queued) {
    request.reply.Error("ERR EXEC without MULTI");
    return;
  }
  const bool is_touched = session.watcher().touched() || session.watcher().HasExpired();
  session.watcher().Unwatch();
  if (queued->aborted()) {
    request.reply.Error("EXECABORT Transaction discarded because of previous errors.");
  } else if (is_touched) {
    request.reply.NullArray();
  } else {
    // Apart from the output: what is there may be sent while a function runs.
    std::string replies;
    std::string error;
    {
      const ExecScope scope(request);
      store::Transaction transaction(&request.store());
      error = ExecuteAll(request, queued->items(), &replies);
      if (error.empty()) transaction.Commit();
    }
    if (error.empty()) {
      request.reply.Array(queued->count());
      AppendInPieces(request, &request.reply.out(), replies);
      FreeInPieces(request, &replies);
    } else {
      request.reply.Error(fmt::format("EXECABORT Transaction discarded because {}", error));
    }
  }
  session.EndTransaction();
}

void HandleWatch(Request& request) {
  Session& session = request.session;
  if (session.queued()) {
    request.reply.Error("ERR WATCH inside MULTI is not allowed");
  } else if (session.watcher().Watch(request.tenant->watched_keys.get(), request.args.subspan(1))) {
    request.reply.Ok();
  } else {
    request.reply.Error(fmt::format("ERR more than {} watched keys, or {} bytes of them",
                                    Watcher::kMaxKeys, Watcher::kMaxKeyBytes));
  }
}

void HandleUnwatch(Request& request) {
  request.session.watcher().Unwatch();
  request.reply.Ok();
}

}  // namespace shredder::server
