#include "runtime/server/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "builtins-csa/layout/table_layout.h"
#include "runtime/config/network_options.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/shard.h"
#include "runtime/store/store.h"

namespace shredder::server {
namespace {

constexpr size_t kMaxReplyBytesPerTurn = 1 << 20;
constexpr size_t kMaxRequestBytesPerTurn = 1 << 20;
constexpr size_t kMaxQuotedBytes = 128;  // of what a client sent, in an error message

constexpr std::string_view kBusyWithFunction =
    "BUSY Shredder is busy running a function. You can only call FUNCTION KILL.";
constexpr std::string_view kBusyWithExec = "BUSY Shredder is busy running a transaction.";
constexpr std::string_view kBusyWithCommand = "BUSY Shredder is busy running a command.";

std::string UnknownCommand(std::span<const std::string_view> args) {
  std::string quoted;
  for (size_t i = 1; i < args.size() && quoted.size() < kMaxQuotedBytes; ++i) {
    quoted += fmt::format("'{}' ", args[i].substr(0, kMaxQuotedBytes - quoted.size()));
  }
  return fmt::format("ERR unknown command '{}', with args beginning with: {}",
                     args[0].substr(0, kMaxQuotedBytes), quoted);
}

// As in Redis: a web page can send these to a server on its reader's machine, and commands behind
// them.
bool IsFromHttp(std::string_view command) {
  return EqualsIgnoringCase(command, "post") || EqualsIgnoringCase(command, "host:");
}

std::string UnknownSubcommand(const Command& container, std::string_view name) {
  std::string upper(container.name);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return c - 'a' + 'A'; });
  return fmt::format("ERR unknown subcommand '{}'. Try {} HELP.", name.substr(0, kMaxQuotedBytes),
                     upper);
}

bool KeysFit(const KeyPositions& keys, std::span<const std::string_view> args) {
  if (keys.first == 0) return true;
  const int count = static_cast<int>(args.size());
  const int last = keys.last < 0 ? count + keys.last : keys.last;
  for (int i = keys.first; i <= last; i += keys.step) {
    if (args[i].size() > layout::kMaxKeyBytes) return false;
  }
  return true;
}

}  // namespace

Session::Session(net::Connection& connection, Shard& shard)
    : connection_(connection),
      shard_(shard),
      last_request_ms_(shard.clock().NowMs()),
      opened_ms_(last_request_ms_),
      unauthenticated_since_ms_(last_request_ms_) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
  // Of the last one, whether it is empty.
  static_assert(offsetof(Session, destination_) + sizeof(std::string_view) <= kHotBytes);
#pragma GCC diagnostic pop
}

void Session::Begin(const control::HandOver* state) {
  Reset();
  if (state != nullptr) Restore(*state);
  if (!destination_.empty()) connection_.Release();
  if (closing_) connection_.CloseAfterFlush();
}

void Session::Restore(const control::HandOver& state) {
  opened_ms_ = state.opened_ms;
  protocol_ = static_cast<resp::Protocol>(state.protocol);
  name_ = state.name;
  library_name_ = state.library_name;
  library_version_ = state.library_version;
  auth_failures_ = state.auth_failures;
  if (state.right_digest) {
    asked_tenant_ = state.tenant;
    asked_digest_ = *state.right_digest;
    answer_ = {.connection = id(), .is_known = true, .is_right = true, .tenant = state.tenant};
    destination_.clear();
  }
}

control::HandOver Session::State() const {
  control::HandOver state;
  state.tenant = destination_;
  state.opened_ms = opened_ms_;
  state.protocol = static_cast<int>(protocol_);
  state.name = name_;
  state.library_name = library_name_;
  state.library_version = library_version_;
  state.auth_failures = auth_failures_;
  if (answer_) state.right_digest = asked_digest_;
  return state;
}

std::string Session::last_command() const {
  return last_command_ ? FullName(last_container_, *last_command_) : "NULL";
}

void Session::Reset() {
  EndTransaction();
  protocol_ = resp::Protocol::kResp2;
  name_.clear();
  if (shard_.open_tenant().empty()) {
    SetTenant(nullptr);
  } else {
    GoTo(shard_.open_tenant());
    // Whose connections come from this machine.
    if (!connection_.IsReleasable()) destination_.clear();
  }
}

bool Session::GoTo(std::string_view name) {
  Tenant* const tenant = shard_.FindTenant(name);
  if (tenant != nullptr && !tenant->is_leaving) return SetTenant(tenant);
  SetTenant(nullptr);
  destination_ = name;
  return false;
}

bool Session::SetTenant(Tenant* tenant) {
  const bool is_full =
      tenant && tenant != tenant_ &&
      ((!tenant_ && !shard_.HasRoomForClient()) || tenant->clients >= tenant->limits.max_clients);
  if (is_full) {
    resp::ReplyWriter(&connection_.output(), protocol_).Error("ERR max number of clients reached");
    closing_ = true;
    return false;
  }
  moved_.reset();
  if (tenant && tenant != tenant_) ++tenant->stats.connections;
  if (tenant != tenant_) watcher_.Unwatch();
  if ((tenant != nullptr) != (tenant_ != nullptr)) {
    shard_.CountAuthenticated(*this, tenant != nullptr);
    unauthenticated_since_ms_ = shard_.clock().NowMs();
  }
  if (tenant != tenant_) {
    EndWaiting();
    if (tenant_) --tenant_->clients;
    if (tenant) ++tenant->clients;
    connection_.SetAccount(tenant ? &tenant->connection_bytes : nullptr);
  }
  tenant_ = tenant;
  if (parser_ != nullptr) parser_->SetLimits(ParserLimits());
  UpdateTime();
  return true;
}

void Session::Leave() {
  if (tenant_ == nullptr) return;
  EndWaiting();
  --tenant_->clients;
  connection_.SetAccount(nullptr);
  shard_.CountAuthenticated(*this, false);
}

void Session::UpdateTime() {
  last_request_ms_ = shard_.clock().NowMs();
  // The time of a store is fixed while a function or an EXEC works on it.
  if (tenant_ && !shard_.IsHeld(tenant_)) tenant_->store->SetNow(last_request_ms_);
}

namespace {

class PinnedReply final : public net::SharedBytes {
 public:
  explicit PinnedReply(std::shared_ptr<const store::Pin> pin) : pin_(std::move(pin)) {}
  std::string_view view() const override { return pin_->view(); }

 private:
  const std::shared_ptr<const store::Pin> pin_;
};

}  // namespace

bool Session::ReplyFromStore(resp::ReplyWriter& reply, const store::Key& key, size_t offset,
                             size_t size) {
  if (&reply.out() != &connection_.output()) return false;
  std::shared_ptr<const store::Pin> pin = tenant_->store->PinValue(key);
  if (pin == nullptr) return false;
  reply.BulkHeader(size);
  connection_.AppendShared(std::make_shared<PinnedReply>(std::move(pin)), offset, size);
  reply.BulkEnd();
  return true;
}

namespace {

class ReservedPlace final : public net::ReceivedBytes {
 public:
  explicit ReservedPlace(std::shared_ptr<store::ReservedValue> value) : value_(std::move(value)) {}
  std::span<char> rest() override { return value_->rest(); }
  void Receive(size_t bytes) override { value_->Receive(bytes); }
  std::string_view received() const override { return value_->received(); }
  size_t own_bytes() const override { return value_->own_bytes(); }

 private:
  const std::shared_ptr<store::ReservedValue> value_;
};

}  // namespace

bool Session::ReserveValue(std::string_view unread) {
  const auto pending = parser_->pending();
  // Where all of the bytes are here, there is nothing to be gained.
  if (!pending || pending->bytes < store::Store::kMinPinnedBytes ||
      unread.size() - pending->position >= pending->bytes || pending->argument < 2 || reserved_ ||
      !tenant_ || queued_) {
    return true;
  }
  const Command* const command = FindCommand(parser_->received(unread, 0));
  const std::string_view key = parser_->received(unread, 1);
  if (!command || !(command->flags & kLastIsValue) ||
      pending->argument + 1 != command->required_arguments() || key.size() > layout::kMaxKeyBytes) {
    return true;
  }
  // Who is busy for long has it received, to be answered BUSY.
  if (shard_.IsHeld(tenant_)) return shard_.IsBusy(*tenant_);
  reserved_ = tenant_->store->ReserveValue(*store::Key::FromBytes(key), pending->bytes);
  if (!reserved_) return true;
  reserved_position_ = pending->position;
  reserved_argument_ = pending->argument;
  parser_->CutOut(reserved_position_, {});
  connection_.ReceiveInto(reserved_position_, std::make_shared<ReservedPlace>(reserved_));
  return true;
}

void Session::EndReservation() {
  reserved_.reset();
  parser_->EndCutOut();
}

store::WriteStatus Session::SetToArgument(const Request& request, const store::Key& key,
                                          size_t argument, store::Expiry expiry) {
  if (reserved_ && argument == reserved_argument_) [[unlikely]] {
    return request.store().SetReserved(key, reserved_.get(), expiry);
  }
  return request.store().Set(key, request.args[argument], expiry);
}

Session::Authenticated Session::Authenticate(std::string_view name, std::string_view password,
                                             resp::ReplyWriter& reply) {
  // A longer one is no tenant's, as none may be sent before AUTH, and it is as wrong when it is
  // cut.
  constexpr size_t kMaxPasswordBytes =
      resp::RequestParser::Limits::Unauthenticated().max_bulk_bytes;
  const std::string digest =
      config::Secret::OfPassword(password.substr(0, kMaxPasswordBytes + 1)).Hex();
  if (!answer_ || asked_tenant_ != name || asked_digest_ != digest) {
    awaiting_ = is_asking_;
    if (is_asking_) return Authenticated::kLater;
    asked_tenant_ = name;
    asked_digest_ = digest;
    answer_ = shard_.authority().Authenticate(id(), name, digest);
    if (!answer_) {
      is_asking_ = awaiting_ = true;
      return Authenticated::kLater;
    }
  }
  if (answer_->is_right) {
    auth_failures_ = 0;
    if (GoTo(name)) {
      answer_.reset();
      return Authenticated::kYes;
    }
    if (closing_) return Authenticated::kNo;
    if (!connection_.IsReleasable()) return Redirect(name, answer_->shard, reply);
    awaiting_ = true;
    return Authenticated::kLater;
  }
  ++auth_failures_;
  reply.Error("WRONGPASS invalid username-password pair or user is disabled.");
  // A name that is no tenant's is not logged: it may be a password that was typed in its place.
  shard_.log().warn(
      "{}: wrong password for {}; failure {} of {} on this connection", address(),
      answer_->is_known ? fmt::format("tenant '{}'", name) : "a tenant that does not exist",
      auth_failures_, kMaxAuthFailures);
  answer_.reset();
  if (auth_failures_ >= kMaxAuthFailures) {
    closing_ = true;
  } else {
    delayed_ = true;
  }
  return Authenticated::kNo;
}

Session::Authenticated Session::Redirect(std::string_view tenant, uint32_t shard,
                                         resp::ReplyWriter& reply) {
  destination_.clear();
  answer_.reset();
  if (shard == shard_.identity().shard) {
    reply.Error("TRYAGAIN the tenant is on its way to another shard; authenticate again");
    return Authenticated::kNo;
  }
  if (config::PortOf(shard_.config(), shard) == nullptr) {
    reply.Error("ERR the tenant's process has no network card; connect over the kernel's network");
    return Authenticated::kNo;
  }
  moved_ = {std::string(tenant), shard};
  return Authenticated::kYes;
}

void Session::OnAnswer(const control::AuthenticationAnswer& answer) {
  if (!is_asking_) return;
  is_asking_ = false;
  answer_ = answer;
  Resume();
}

std::optional<std::string> Session::ExecuteTenantCommand(std::span<const std::string_view> args) {
  if (tenant_reply_) return std::exchange(tenant_reply_, std::nullopt);
  if (!is_asking_) {
    if (auto reply = shard_.authority().ExecuteTenantCommand(id(), *tenant_, protocol_, args)) {
      return reply;
    }
  }
  is_asking_ = awaiting_ = true;
  return std::nullopt;
}

void Session::OnTenantReply(std::string reply) {
  if (!is_asking_) return;
  is_asking_ = false;
  tenant_reply_ = std::move(reply);
  Resume();
}

void Session::Kill() {
  if (executing_) {
    closing_ = true;
  } else {
    connection_.Close();
  }
}

bool Session::YieldIfDue() {
  steps_ = 0;
  if (shard_.stop_requested()) return false;
  if (tenant_ == nullptr) return true;
  if (shard_.clock().NowMs() - turn_started_ms_ < kMaxTurnMs) return true;
  has_given_turns_ = true;
  // A reply is sent when it is whole, and stays where the command has begun it.
  std::string output = std::exchange(connection_.output(), {});
  shard_.GiveTurn(tenant_, last_request_ms_);
  connection_.output() = std::move(output);
  turn_started_ms_ = shard_.clock().NowMs();
  return !shard_.stop_requested();
}

size_t Session::OnData(std::string_view unread) {
  if (executing_) return 0;
  executing_ = true;
  if (parser_ == nullptr) parser_ = shard_.parsers().Take(ParserLimits());
  Session* const outer = shard_.SetExecuting(this);
  UpdateTime();
  const uint64_t turn_started_ms = turn_started_ms_ = last_request_ms_;
  const size_t max_output = connection_.unsent() + kMaxReplyBytesPerTurn;
  size_t consumed = 0;
  bool turn_over = false;
  for (int requests = 0; !turn_over; ++requests) {
    size_t parsed = 0;
    if (reserved_) [[unlikely]] {
      parser_->CutOut(reserved_position_, reserved_->received());
    }
    const auto result = parser_->Parse(unread.substr(consumed), &parsed);
    if (result == resp::RequestParser::Result::kIncomplete) {
      consumed += parsed;
      if (parser_->expected_bytes() >= store::Store::kMinPinnedBytes) [[unlikely]] {
        const bool goes_on = ReserveValue(unread.substr(consumed));
        // Memory that is given back for it may have given turns, in which anything may come.
        if (std::exchange(has_given_turns_, false)) shard_.ResumeUnheld();
        if (closing_) {
          connection_.CloseAfterFlush();
          consumed = unread.size();
          break;
        }
        if (!goes_on) {
          connection_.PauseReading();
          shard_.AddWaiting(this);
          break;
        }
      }
      connection_.ExpectBytes(parser_->expected_bytes());
      break;
    }
    if (result == resp::RequestParser::Result::kError) {
      // Who is moved cannot know that its requests have to be small here.
      resp::ReplyWriter(&connection_.output(), protocol_)
          .Error(moved_ && parser_->wants_authentication() ? MovedError(*this, shard_, std::nullopt)
                                                           : std::string(parser_->error()));
      closing_ = true;
    } else {
      const Outcome outcome = Dispatch(parser_->args());
      const bool has_given_turns = std::exchange(has_given_turns_, false);
      if (has_given_turns) [[unlikely]]
        shard_.ResumeUnheld();
      if (outcome == Outcome::kWait) {
        connection_.PauseReading();
        shard_.AddWaiting(this);
        break;
      }
      if (outcome == Outcome::kDelay) {
        connection_.PauseReading();
        shard_.AddDelayed(this, delayed_until_ms_);
        break;
      }
      if (outcome == Outcome::kAwait) {
        if (destination_.empty()) {
          connection_.PauseReading();
        } else {
          connection_.Release();
        }
        break;
      }
      consumed += parsed;
      if (reserved_) [[unlikely]]
        EndReservation();
      if (!destination_.empty()) {  // RESET
        connection_.Release();
        break;
      }
      turn_over = has_given_turns || requests + 1 == kMaxRequestsPerTurn ||
                  consumed >= kMaxRequestBytesPerTurn || connection_.unsent() >= max_output;
      if (outcome == Outcome::kDoneLong) {
        UpdateTime();
        turn_over |= last_request_ms_ - turn_started_ms >= kMaxTurnMs;
      }
    }
    if (closing_) {
      connection_.CloseAfterFlush();
      consumed = unread.size();
      break;
    }
    if (delayed_) {
      delayed_ = false;
      connection_.PauseReading();
      shard_.AddDelayed(this, last_request_ms_ + kAuthDelayMs * auth_failures_);
      break;
    }
  }
  shard_.SetExecuting(outer);
  if (!closing_ && parser_->is_between_requests()) {
    shard_.parsers().GiveBack(std::move(parser_));
  }
  executing_ = false;
  return consumed;
}

Session::Outcome Session::Dispatch(std::span<const std::string_view> args) {
  const Command* container = nullptr;
  const Command* command = FindCommand(args[0]);
  if (!command) {
    if (IsFromHttp(args[0])) {
      shard_.log().warn("{}: closed, for it speaks HTTP", address());
      closing_ = true;
    } else {
      Refuse(nullptr, UnknownCommand(args));
    }
    return Outcome::kDone;
  }
  if (!command->subcommands.empty() && args.size() > 1) {
    container = command;
    command = FindSubcommand(*container, args[1]);
    if (!command) {
      Refuse(nullptr, UnknownSubcommand(*container, args[1]));
      return Outcome::kDone;
    }
  }
  const Refusal refusal = WhyRefused(*command, args);
  if (refusal != Refusal::kNone) {
    Refuse(command, ErrorOf(refusal, container, *command, args));
    return Outcome::kDone;
  }
  if (shard_.IsHeld(tenant_) && !(command->flags & kAllowBusy)) {
    if (!shard_.IsBusy(*tenant_)) return Wait(*command, Outcome::kWait);
    Refuse(command, shard_.IsRunning(tenant_) ? kBusyWithFunction
                    : tenant_->hold->is_exec  ? kBusyWithExec
                                              : kBusyWithCommand);
    return Outcome::kDone;
  }
  // What is served without a tenant gives no turns.
  if (shard_.IsFull() && tenant_ && !(command->flags & kAllowBusy)) {
    return Wait(*command, Outcome::kWait);
  }
  if (shard_.running() && NeedsEngine(*command)) return Wait(*command, Outcome::kWait);
  if (tenant_ && tenant_->is_budgeted()) [[unlikely]] {
    const Outcome outcome = Throttle(*command);
    if (outcome != Outcome::kGoOn) return outcome;
  }
  if (is_in_flight_) [[unlikely]]
    EndWaiting();
  last_container_ = container;
  last_command_ = command;
  if (queued_ && !(command->flags & kNotQueued)) {
    Queue(*command, args);
    return Outcome::kDone;
  }
  resp::ReplyWriter reply(&connection_.output(), protocol_);
  Request request{shard_, *this, tenant_, *command, args, reply};
  Execute(request);
  if (std::exchange(awaiting_, false)) return Outcome::kAwait;
  return command->flags & kMayBeLong ? Outcome::kDoneLong : Outcome::kDone;
}

Session::Outcome Session::Throttle(const Command& command) {
  // What ends a call that has used all of it is served, and so is what ends the session.
  if (command.flags & kNoAuth || command.handler == HandleFunctionKill) return Outcome::kGoOn;
  const uint64_t until_ms = tenant_->ThrottledUntilMs(last_request_ms_);
  if (until_ms == 0) {
    tenant_->operations.Take(1);
    return Outcome::kGoOn;
  }
  if (!is_in_flight_) ++tenant_->stats.throttled;
  if (tenant_->config.over_limit == config::OverLimit::kWait) {
    delayed_until_ms_ = until_ms;
    return Wait(command, Outcome::kDelay);
  }
  const bool is_cpu = tenant_->cpu.EmptyUntilMs(last_request_ms_) != 0;
  Refuse(&command,
         is_cpu ? fmt::format("THROTTLED the tenant has used its {} ms of CPU time a second; try "
                              "again in {} ms",
                              tenant_->limits.cpu_ms_per_second, until_ms - last_request_ms_)
                : fmt::format("THROTTLED the tenant has used its {} operations a second; try again "
                              "in {} ms",
                              tenant_->limits.ops_per_second, until_ms - last_request_ms_));
  return Outcome::kDone;
}

Session::Outcome Session::Wait(const Command& command, Outcome outcome) {
  if (is_in_flight_ || tenant_ == nullptr) return outcome;
  if (tenant_->in_flight < tenant_->limits.max_in_flight) {
    ++tenant_->in_flight;
    is_in_flight_ = true;
    return outcome;
  }
  ++tenant_->stats.throttled;
  Refuse(&command, fmt::format("THROTTLED {} requests of the tenant wait already, and {} may; wait "
                               "for a reply first",
                               tenant_->in_flight, tenant_->limits.max_in_flight));
  return Outcome::kDone;
}

void Session::EndWaiting() {
  if (std::exchange(is_in_flight_, false)) --tenant_->in_flight;
}

Session::Refusal Session::WhyRefused(const Command& command,
                                     std::span<const std::string_view> args) const {
  if (!command.ArityAllows(args.size()) || !command.handler) return Refusal::kArity;
  if (!tenant_ && !(command.flags & kNoAuth)) {
    if (!moved_) return Refusal::kNoAuth;
    if (!(command.flags & kTenantless)) return Refusal::kMoved;
  }
  // A transaction is one tenant's.
  if (queued_ &&
      (command.flags & kNoMulti || (command.handler == HandleHello && HelloAuthenticates(args)))) {
    return Refusal::kNoMulti;
  }
  return KeysFit(command.keys, args) ? Refusal::kNone : Refusal::kLongKey;
}

std::string Session::ErrorOf(Refusal refusal, const Command* container, const Command& command,
                             std::span<const std::string_view> args) const {
  switch (refusal) {
    case Refusal::kArity:
      return fmt::format("ERR wrong number of arguments for '{}' command",
                         FullName(container, command));
    case Refusal::kNoAuth:
      return "NOAUTH Authentication required.";
    case Refusal::kMoved:
      return MovedError(*this, shard_, FirstKeyOf(command, args));
    case Refusal::kNoMulti:
      return "ERR Command not allowed inside a transaction";
    case Refusal::kLongKey:
      return fmt::format("ERR key is longer than {} bytes", layout::kMaxKeyBytes);
    case Refusal::kNone:
      return {};
  }
  return {};
}

bool Session::LastUsedEngine() const {
  return last_command_ != nullptr && last_command_->flags & kUsesEngine;
}

bool Session::NeedsEngine(const Command& command) const {
  if (!queued_) return command.flags & kUsesEngine;
  return command.handler == HandleExec && queued_->flags() & kUsesEngine;
}

// Replies the error. As in Redis, one before EXEC makes that fail, and one of EXEC itself ends the
// transaction.
void Session::Refuse(const Command* command, std::string_view error) {
  resp::ReplyWriter reply(&connection_.output(), protocol_);
  if (command && command->handler == HandleExec) {
    EndTransaction();
    if (error.starts_with("ERR ")) error.remove_prefix(4);
    reply.Error(fmt::format("EXECABORT Transaction discarded because of: {}", error));
    return;
  }
  if (queued_) queued_->Abort();
  reply.Error(error);
}

void Session::Queue(const Command& command, std::span<const std::string_view> args) {
  const auto on_piece = [this](size_t bytes) { Step(bytes / kBytesPerStep); };
  switch (queued_->Add(command, args, on_piece)) {
    case QueuedCommands::Status::kOk:
      resp::ReplyWriter(&connection_.output(), protocol_).SimpleString("QUEUED");
      return;
    case QueuedCommands::Status::kTooMany:
      return Refuse(&command, fmt::format("ERR transaction has more than {} commands; split it",
                                          QueuedCommands::kMaxCommands));
    case QueuedCommands::Status::kTooLarge:
      return Refuse(&command, fmt::format("ERR transaction is larger than {} bytes; split it",
                                          QueuedCommands::kMaxBytes));
  }
}

void Session::EndTransaction() {
  queued_.reset();
  watcher_.Unwatch();
}

}  // namespace shredder::server
