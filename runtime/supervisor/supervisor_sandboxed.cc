// Shards whose code may be hostile: what they get that others do not, and what is doubted of them.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/supervisor/supervisor.h"

namespace shredder::supervisor {

namespace {

// Messages that the shard does not take: each may hold a connection's descriptor.
constexpr size_t kMaxUnsentMessages = 10'000;
// Libraries' sources are in the shard's JavaScript heap, too, so that a shard that is as it should
// be cannot have more than fits there.
constexpr size_t kMaxLibraries = 10'000;
constexpr uint64_t kBytesPerMib = 1 << 20;
constexpr size_t kReadBytes = 64 << 10;
constexpr uint64_t kMaxClosedNs = 1'000'000'000;

}  // namespace

control::ShardStatus& Supervisor::StatusOf(const Shard& shard) {
  const control::StatusMemory& memory = shard.own_status ? *shard.own_status : status_;
  return memory.page().shards[shard.index];
}

// For the process that is about to start.
bool Supervisor::OpenSandboxed(Shard& shard, std::string* error) {
  shard.is_distrusted = false;
  shard.closed_ns = 0;
  shard.own_status.reset();
  std::optional<control::StatusMemory> status = control::StatusMemory::Create(error);
  if (!status) return false;
  shard.own_status.emplace(std::move(*status));
  shard.own_status->page().shard_count = control::kMaxShards;
  shard.log_relay = LogRelay();
  if (!shard.log) {
    shard.log =
        std::make_shared<spdlog::logger>(fmt::format("shard {}", shard.index),
                                         std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    // The level is in the line.
    shard.log->set_pattern("[%Y-%m-%d %H:%M:%S.%e] [%n] %v");
    shard.log->flush_on(spdlog::level::info);
  }
  return true;
}

// False where there was nothing, and once the log has ended.
bool Supervisor::RelayLog(Shard& shard) {
  const auto write = [&](std::string_view line) { shard.log->info("{}", line); };
  std::array<char, kReadBytes> bytes;
  const ssize_t size = read(shard.child->log_fd(), bytes.data(), bytes.size());
  const uint64_t now_ns = control::MonotonicNs();
  if (size > 0) {
    shard.log_relay.Take({bytes.data(), static_cast<size_t>(size)}, now_ns, write);
  } else if (size == 0) {
    shard.log_relay.Finish(now_ns, write);
    shard.child->CloseLog();
  }
  return size > 0;
}

// As many bytes as a pipe holds: where somebody else has its other end, it has no end.
void Supervisor::RelayLastLines(Shard& shard) {
  for (int left = 4; left > 0 && RelayLog(shard); left--) {
  }
}

// Other shards count this one's clients, and it theirs, though none sees the other's status.
void Supervisor::ShareCounts() {
  control::StatusPage& page = status_.page();
  for (auto& [index, shard] : shards_) {
    if (!shard.own_status) continue;
    const uint64_t most = options_.config.max_clients;
    const uint64_t own = shard.own_status->page().shards[index].clients;
    page.shards[index].clients = static_cast<uint32_t>(shard.child ? std::min(own, most) : 0);
  }
  const uint64_t all = page.clients();
  for (auto& [index, shard] : shards_) {
    if (!shard.own_status) continue;
    // In the place of a shard that it is not.
    shard.own_status->page().shards[0].clients =
        static_cast<uint32_t>(all - page.shards[index].clients);
  }
}

void Supervisor::CheckTrust(Shard& shard, uint64_t now_ns) {
  if (!shard.is_sandboxed || !shard.child) return;
  if (!shard.child->channel().open()) {
    // A process that ends has no channel either, for a moment.
    if (shard.closed_ns == 0) shard.closed_ns = now_ns;
    if (now_ns - shard.closed_ns >= kMaxClosedNs) Distrust(shard, "its channel is closed");
  } else if (shard.child->channel().unsent_count() > kMaxUnsentMessages) {
    Distrust(shard, "it takes no messages");
  }
}

void Supervisor::Distrust(Shard& shard, std::string_view why) {
  if (std::exchange(shard.is_distrusted, true)) return;
  log_.error("shard {}: {}; it is ended", shard.index, why);
  shard.child->Signal(SIGKILL);
}

// Why a shard that is as it should be would not send this; empty: it would.
std::string Supervisor::WhyImproper(const Shard& shard, const control::Message& message) const {
  const std::string& kind = message.kind;
  if (kind == control::Serving::kKind) return shard.is_serving ? "it serves twice" : "";
  if (kind == control::Authentication::kKind || kind == control::TenantCommand::kKind) return {};
  if (kind == control::LibraryChanged::kKind) {
    const auto changed = control::Unpack<control::LibraryChanged>(message);
    const TenantRecord* const record = changed ? directory_.Find(changed->tenant) : nullptr;
    if (record == nullptr || record->shard != shard.index) return "a library of another tenant";
    uint64_t bytes = message.bytes.size() + changed->library.size();
    for (const auto& [name, source] : record->libraries) bytes += name.size() + source->size();
    if (record->libraries.size() < kMaxLibraries &&
        bytes <= 2 * options_.config.heap_limit_mb * kBytesPerMib) {
      return {};
    }
    return message.bytes.empty() ? "" : "more libraries than its heap can hold";
  }
  return fmt::format("a message that it should not send: {}", Printable(kind.substr(0, 64)));
}

}  // namespace shredder::supervisor
