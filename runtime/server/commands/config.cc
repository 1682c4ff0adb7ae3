// CONFIG: the settings that Redis clients ask for, as they are for the caller's tenant. None can be
// changed while the server runs.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/server/command_table.h"
#include "runtime/server/commands/client_name.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/shard.h"

namespace shredder::server {
namespace {

// Making a pattern ready takes so much.
constexpr size_t kPatternBytesPerStep = 8;

using Settings = std::vector<std::pair<std::string_view, std::string>>;

Settings SettingsOf(const Request& request) {
  const config::ServerConfig& config = request.shard.config();
  return {
      {"appendonly", "no"},
      {"busy-reply-threshold", fmt::format("{}", config.busy_reply_ms)},
      {"databases", "1"},
      {"maxclients", fmt::format("{}", config.max_clients)},
      {"maxmemory", fmt::format("{}", request.store().quota_bytes())},
      {"maxmemory-policy", "noeviction"},
      {"port", fmt::format("{}", request.shard.tcp_port())},
      {"proto-max-bulk-len", fmt::format("{}", layout::kMaxValueBytes)},
      {"save", ""},
      {"timeout", "0"},
  };
}

}  // namespace

void HandleConfigGet(Request& request) {
  const Settings settings = SettingsOf(request);
  std::vector<bool> is_wanted(settings.size());
  for (const std::string_view arg : request.args.subspan(2)) {
    const std::optional<resp::Glob> pattern = ReadPattern(request, arg, true);
    if (!pattern) return;
    for (size_t i = 0; i < settings.size(); ++i) {
      if (pattern->Matches(settings[i].first)) is_wanted[i] = true;
    }
    if (!request.session.Step(1 + arg.size() / kPatternBytesPerStep)) {
      return request.reply.Error(kShuttingDown);
    }
  }
  request.reply.Map(static_cast<size_t>(std::count(is_wanted.begin(), is_wanted.end(), true)));
  for (size_t i = 0; i < settings.size(); ++i) {
    if (!is_wanted[i]) continue;
    request.reply.Bulk(settings[i].first);
    request.reply.Bulk(settings[i].second);
  }
}

// OK where everything is to be as it is already, which is what tools make sure of: CONFIG SET save
// "".
void HandleConfigSet(Request& request) {
  if (request.args.size() % 2 != 0) {
    request.reply.Error("ERR wrong number of arguments for 'config|set' command");
    return;
  }
  const Settings settings = SettingsOf(request);
  for (size_t i = 2; i < request.args.size(); i += 2) {
    const std::string_view name = request.args[i];
    const std::string_view shown = name.substr(0, kMaxClientTextLength);
    const auto setting = std::find_if(settings.begin(), settings.end(), [name](const auto& s) {
      return EqualsIgnoringCase(name, s.first);
    });
    if (setting == settings.end()) {
      request.reply.Error(
          fmt::format("ERR Unknown option or number of arguments for CONFIG SET - '{}'", shown));
      return;
    }
    if (setting->second != request.args[i + 1]) {
      request.reply.Error(fmt::format(
          "ERR CONFIG SET failed (possibly related to argument '{}') - can't set immutable config",
          shown));
      return;
    }
    if (!GoesOn(request)) return;
  }
  request.reply.Ok();
}

}  // namespace shredder::server
