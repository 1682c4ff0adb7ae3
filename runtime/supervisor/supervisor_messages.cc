// What shards tell the supervisor, and ask of it.
#include <algorithm>
#include <utility>

#include "runtime/supervisor/authentication.h"
#include "runtime/supervisor/supervisor.h"
#include "runtime/supervisor/tenant_commands.h"

namespace shredder::supervisor {

namespace {

// Connections that wait for a shard, or for a tenant that moves.
constexpr size_t kMaxWaitingConnections = 10'000;

std::vector<std::string_view> Split(std::string_view bytes, const std::vector<uint64_t>& lengths) {
  std::vector<std::string_view> parts;
  size_t at = 0;
  for (const uint64_t length : lengths) {
    if (length > bytes.size() - at) break;
    parts.push_back(bytes.substr(at, length));
    at += length;
  }
  return parts;
}

}  // namespace

void Supervisor::OnMessage(Shard& shard, control::Message message) {
  const std::string& kind = message.kind;
  if (shard.is_sandboxed) {
    const std::string improper = WhyImproper(shard, message);
    if (!improper.empty()) {
      Distrust(shard, improper);
      return;
    }
  }
  if (kind == control::Serving::kKind) {
    shard.is_serving = true;
    if (!std::exchange(has_served_, true)) {
      log_.info("{}, {} shard{}", options_.banner, shard_count_, shard_count_ == 1 ? "" : "s");
      for (auto& [index, other] : shards_) {
        if (!other.child) StartShard(other);
      }
    }
    log_.info("shard {}: serving, process {}, after {} ms", shard.index, shard.child->pid(),
              (control::MonotonicNs() - shard.started_ns) / 1'000'000);
    for (control::Message& waiting : std::exchange(shard.waiting, {})) {
      shard.child->channel().Send(std::move(waiting));
    }
  } else if (kind == control::Authentication::kKind) {
    const auto asked = control::Unpack<control::Authentication>(message);
    if (!asked) return;
    control::AuthenticationAnswer answer{.connection = asked->connection, .tenant = asked->tenant};
    // A sandboxed one is not told whether it has guessed another tenant's password.
    const TenantRecord* const record = directory_.Find(asked->tenant);
    if (!shard.is_sandboxed || (record != nullptr && record->shard == shard.index)) {
      answer = Authenticate(directory_, asked->connection, asked->tenant, asked->digest);
    }
    shard.child->channel().Send(control::Pack(answer));
  } else if (kind == control::LibraryChanged::kKind) {
    const auto changed = control::Unpack<control::LibraryChanged>(message);
    const TenantRecord* const record = changed ? directory_.Find(changed->tenant) : nullptr;
    if (record == nullptr || record->shard != shard.index) return;
    std::optional<std::string_view> source;
    if (!message.bytes.empty()) source = message.bytes;
    directory_.SetLibrary(changed->tenant, changed->library, source);
  } else if (kind == control::MemoryMoved::kKind) {
    const auto moved = control::Unpack<control::MemoryMoved>(message);
    const TenantRecord* const record = moved ? directory_.Find(moved->tenant) : nullptr;
    if (record == nullptr || record->shard != shard.index || message.fds.empty()) return;
    Place& place = upkeep_.find(moved->tenant)->second.place;
    if (place.pool >= 0) shard.left.push_back(std::move(place));
    place = Place();
    place.own = std::move(message.fds[0]);
  } else if (kind == control::SlotsLeft::kKind) {
    FreeLeft(shard);
  } else if (kind == control::HandOver::kKind) {
    if (auto state = control::Unpack<control::HandOver>(message)) {
      Forward(*state, std::move(message));
    }
  } else if (kind == control::Released::kKind) {
    if (const auto released = control::Unpack<control::Released>(message)) {
      OnReleased(released->name, shard.index);
    }
  } else if (kind == control::TenantCommand::kKind) {
    const auto command = control::Unpack<control::TenantCommand>(message);
    if (!command) return;
    const TenantRecord* const caller = directory_.Find(command->tenant);
    const auto answer = [this, index = shard.index,
                         connection = command->connection](std::string reply) {
      Shard* const asker = FindShard(index);
      if (asker == nullptr || !asker->child) return;
      control::Message packed = control::Pack(control::TenantReply{connection});
      packed.bytes = std::move(reply);
      asker->child->channel().Send(std::move(packed));
    };
    if (caller == nullptr || !caller->config.admin || caller->shard != shard.index) {
      answer("-NOPERM this user has no permissions to run the 'tenant' command\r\n");
      return;
    }
    const std::vector<std::string_view> args = Split(message.bytes, command->argument_bytes);
    ExecuteTenantCommand(args, static_cast<resp::Protocol>(command->protocol), *this,
                         options_.config, answer);
  } else {
    log_.error("shard {}: a message of a kind that is not known: {}", shard.index, kind);
  }
}

// To where the tenant is now. A connection that nobody may have closes with its descriptor.
void Supervisor::Forward(const control::HandOver& state, control::Message message) {
  const auto record_at = directory_.tenants().find(state.tenant);
  if (record_at == directory_.tenants().end() || message.fds.empty()) return;
  const TenantRecord& record = record_at->second;
  const config::Secret digest = config::Secret::FromHex(state.right_digest.value_or(""))
                                    .value_or(config::Secret::Unmatchable());
  if (!record.config.Accepts(digest)) return;
  Upkeep& upkeep = upkeep_.find(state.tenant)->second;
  Shard* const shard = FindShard(record.shard);
  std::deque<control::Message>* queue = nullptr;
  if (upkeep.is_leaving) {
    queue = &upkeep.waiting;
  } else if (!shard->is_serving) {
    queue = &shard->waiting;
  }
  if (queue == nullptr) {
    shard->child->channel().Send(std::move(message));
  } else if (queue->size() < kMaxWaitingConnections) {
    queue->push_back(std::move(message));
  }
}

void Supervisor::SendOpenTenant() {
  for (auto& [index, shard] : shards_) {
    if (shard.child) {
      shard.child->channel().Send(control::Pack(control::OpenTenant{OpenTenant(directory_)}));
    }
  }
}

}  // namespace shredder::supervisor
