// What commands that run JavaScript have in common.
#pragma once

#include <string_view>

#include "runtime/engine/deadlines.h"
#include "runtime/server/command.h"
#include "runtime/server/shard.h"

namespace shredder::server {

// While it lives, the shard knows that the request runs JavaScript.
class RunningScope {
 public:
  RunningScope(Request& request, std::string_view function, const config::Deadline& deadline)
      : shard_(request.shard) {
    shard_.BeginRunning({request.tenant, function, request.args, shard_.clock().NowMs(), deadline});
  }
  ~RunningScope() { shard_.EndRunning(); }
  RunningScope(const RunningScope&) = delete;
  RunningScope& operator=(const RunningScope&) = delete;

 private:
  Shard& shard_;
};

inline config::Deadline LoadDeadline(const Request& request) {
  const config::ServerConfig& config = request.shard.config();
  return {config.load_deadline_ms, config.load_wall_deadline_ms.value_or(
                                       engine::DefaultWallDeadlineMs(config.load_deadline_ms))};
}

}  // namespace shredder::server
