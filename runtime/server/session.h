// A client's session: what is known of the client, and the execution of the requests that it sends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "builtins-csa/layout/key.h"
#include "runtime/cache_aligned.h"
#include "runtime/control/messages.h"
#include "runtime/net/event_loop.h"
#include "runtime/prefetch.h"
#include "runtime/resp/reply_writer.h"
#include "runtime/resp/request_parser.h"
#include "runtime/server/command.h"
#include "runtime/server/queued_commands.h"
#include "runtime/server/watched_keys.h"
#include "runtime/store/store.h"

namespace shredder::server {

class alignas(kCacheLineBytes) Session : public CacheAligned {
 public:
  // The connection and the shard must outlive the session.
  Session(net::Connection& connection, Shard& shard);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // First, and once. Authenticated as the open tenant where there is one; with the state of a
  // session that another process has handed over, where `state` is not null.
  void Begin(const control::HandOver* state);
  // What another process goes on with; not who the connection is.
  control::HandOver State() const;

  // Executes the complete requests at the front of `unread`, up to a bound for one turn; returns
  // the bytes consumed.
  size_t OnData(std::string_view unread);

  enum class Authenticated {
    kYes,
    kNo,     // replied
    kLater,  // the request is executed again, here or by the shard that the tenant is on
  };
  // Tries `password` for the tenant `name`; on failure replies WRONGPASS, delays the session's next
  // request, and closes the connection after the kMaxAuthFailures-th one.
  Authenticated Authenticate(std::string_view name, std::string_view password,
                             resp::ReplyWriter& reply);
  // What the authority has answered to that.
  void OnAnswer(const control::AuthenticationAnswer& answer);
  // The reply to a TENANT command; nothing where the request is executed again once it is there.
  std::optional<std::string> ExecuteTenantCommand(std::span<const std::string_view> args);
  void OnTenantReply(std::string reply);
  // Is no tenant's any more: the connection is going.
  void Leave();
  // As a new connection: RESP2, without a name, not authenticated, no transaction.
  void Reset();
  // Replies a part of a value of the tenant's store from where it lies, if `reply` is what is sent
  // next and the store can pin the value. Else false.
  bool ReplyFromStore(resp::ReplyWriter& reply, const store::Key& key, size_t offset, size_t size);
  // Sets a key to an argument of the request at hand: in place where it has been received there.
  store::WriteStatus SetToArgument(const Request& request, const store::Key& key, size_t argument,
                                   store::Expiry expiry);
  // From MULTI on, until EndTransaction, which also forgets the watched keys.
  void BeginTransaction() { queued_ = std::make_unique<QueuedCommands>(); }
  void EndTransaction();
  // The connection closes once what has been replied is sent.
  void CloseAfterReply() { closing_ = true; }
  // Closes the connection: at once, or after the command that the session is executing.
  void Kill();
  // Whether its last command was about functions, so that the next one likely is a call.
  bool LastUsedEngine() const;
  // Of event_loop.h's Prefetch: what OnData touches of it.
  void Prefetch() const { PrefetchBytes(this, kHotBytes); }
  // Requests are read again after a pause that the session has asked its shard for.
  void Resume() { connection_.ResumeReading(); }

  const net::Connection& connection() const { return connection_; }
  uint64_t id() const { return connection_.id(); }
  const std::string& address() const { return connection_.peer_address(); }
  Tenant* tenant() const { return tenant_; }
  // The shard that the client's tenant is on, and where the client is to connect itself, as no
  // descriptor carries its connection; nothing where that is not so.
  std::optional<uint32_t> moved_to() const {
    return moved_ ? std::optional(moved_->shard) : std::nullopt;
  }
  // That tenant's name; empty where that is not so.
  std::string_view moved_tenant() const { return moved_ ? moved_->tenant : std::string_view(); }
  resp::Protocol protocol() const { return protocol_; }
  void set_protocol(resp::Protocol protocol) { protocol_ = protocol; }
  const std::string& name() const { return name_; }
  void set_name(std::string_view name) { name_ = name; }
  const std::string& library_name() const { return library_name_; }
  void set_library_name(std::string_view name) { library_name_ = name; }
  const std::string& library_version() const { return library_version_; }
  void set_library_version(std::string_view version) { library_version_ = version; }
  uint64_t opened_ms() const { return opened_ms_; }
  uint64_t unauthenticated_since_ms() const { return unauthenticated_since_ms_; }
  uint64_t last_request_ms() const { return last_request_ms_; }
  std::string last_command() const;  // its full name; "NULL" before the first, as Redis has it
  const QueuedCommands* queued() const { return queued_.get(); }  // null outside of a transaction
  Watcher& watcher() { return watcher_; }
  const Watcher& watcher() const { return watcher_; }

  // What a session may do before the other connections get their turn.
  static constexpr int kMaxRequestsPerTurn = 1000;
  static constexpr uint64_t kMaxTurnMs = 5;

  // From a loop in a command: so many steps, each of a microsecond or less, have been done. The
  // other connections get a turn where one is due; the tenant's other sessions wait. False where
  // the server is stopping, and a command that can be refused is to end.
  bool Step(uint64_t steps = 1) {
    steps_ += steps;
    return steps_ < kStepsBetweenLooks || YieldIfDue();
  }
  // The same where much may have been done.
  bool YieldIfDue();

  static constexpr int kMaxAuthFailures = 10;
  static constexpr uint64_t kAuthDelayMs = 100;  // times the failures so far

 private:
  enum class Outcome {
    kGoOn,  // it is to be executed
    kDone,
    kDoneLong,  // a command that may have taken long
    kWait,      // not executed: the session waits until its tenant or the engine is free
    kAwait,     // not executed: the session waits for the authority, or leaves for another shard
    kDelay,     // not executed: the session waits until delayed_until_ms_
  };

  void Restore(const control::HandOver& state);
  // False where there are too many clients: replied, and the connection closes.
  bool SetTenant(Tenant* tenant);
  // Becomes the session of a tenant that may be on another shard.
  bool GoTo(std::string_view tenant);
  // Where it is on another shard, and the connection cannot go there.
  Authenticated Redirect(std::string_view tenant, uint32_t shard, resp::ReplyWriter& reply);
  void UpdateTime();
  Outcome Dispatch(std::span<const std::string_view> args);
  // Why a command is neither executed nor queued.
  enum class Refusal { kNone, kArity, kNoAuth, kMoved, kNoMulti, kLongKey };
  Refusal WhyRefused(const Command& command, std::span<const std::string_view> args) const;
  std::string ErrorOf(Refusal refusal, const Command* container, const Command& command,
                      std::span<const std::string_view> args) const;
  bool NeedsEngine(const Command& command) const;
  // Takes what a command costs from its tenant's budgets; or it waits, or is refused.
  Outcome Throttle(const Command& command);
  // The request waits, as such an outcome; or is refused, where too many of the tenant's do.
  Outcome Wait(const Command& command, Outcome outcome);
  void EndWaiting();
  void Refuse(const Command* command, std::string_view error);
  void Queue(const Command& command, std::span<const std::string_view> args);
  // Where the request that begins `unread` sets a key to a large value that has yet to arrive, has
  // it received where it is to lie. False where that has to wait until the tenant is not held: the
  // kernel keeps the bytes meanwhile.
  bool ReserveValue(std::string_view unread);
  void EndReservation();

  resp::RequestParser::Limits ParserLimits() const {
    return tenant_ != nullptr ? resp::RequestParser::Limits()
                              : resp::RequestParser::Limits::Unauthenticated();
  }

  static constexpr uint64_t kStepsBetweenLooks = 1000;

  // ---- What every request looks at, together: of thousands of sessions it is in no cache.

  static constexpr size_t kHotBytes = 2 * kCacheLineBytes;

  net::Connection& connection_;
  Shard& shard_;
  Tenant* tenant_ = nullptr;
  // While a request is executed, or a part of one has arrived.
  std::unique_ptr<resp::RequestParser> parser_;
  uint64_t last_request_ms_;
  uint64_t turn_started_ms_ = 0;  // the session's own, also after one that it has given
  uint64_t steps_ = 0;            // since the last look at the clock
  resp::Protocol protocol_ = resp::Protocol::kResp2;
  bool executing_ = false;
  bool has_given_turns_ = false;  // in the request at hand
  bool closing_ = false;
  bool delayed_ = false;  // after a failed AUTH
  // The request at hand waits, and counts among those of its tenant.
  bool is_in_flight_ = false;
  // The request at hand is executed again later.
  bool awaiting_ = false;
  // The authority has been asked, and has not answered.
  bool is_asking_ = false;
  const Command* last_container_ = nullptr;
  const Command* last_command_ = nullptr;
  std::unique_ptr<QueuedCommands> queued_;
  std::shared_ptr<store::ReservedValue> reserved_;  // an argument that is being received
  std::string destination_;  // the tenant for whose shard the connection leaves; empty: none

  // ---- The rest

  // The number of the argument that is being received, and where its bytes would begin in the
  // request.
  size_t reserved_argument_ = 0;
  size_t reserved_position_ = 0;
  struct Moved {
    std::string tenant;
    uint32_t shard;
  };
  std::optional<Moved> moved_;
  uint64_t delayed_until_ms_ = 0;
  std::string asked_tenant_;
  std::string asked_digest_;
  std::optional<control::AuthenticationAnswer> answer_;  // to that
  std::optional<std::string> tenant_reply_;
  int auth_failures_ = 0;
  std::string name_;
  std::string library_name_;
  std::string library_version_;
  uint64_t opened_ms_;
  uint64_t unauthenticated_since_ms_;
  Watcher watcher_;
};

}  // namespace shredder::server
