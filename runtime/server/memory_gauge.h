// Whether memory is about to run out: the machine's, or what the process's control group may take.
//
// Thread: the caller's.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/net/socket.h"

namespace shredder::server {

class MemoryGauge {
 public:
  // Opens what it reads, which stays open: a process that may open no file later can still look.
  // `root` is where /proc and /sys are, for tests.
  explicit MemoryGauge(const std::string& root = "");

  // Less than a tenth is left of either. What cannot be read is not short.
  bool IsShort() const;

 private:
  net::UniqueFd machine_;
  net::UniqueFd group_limit_;
  net::UniqueFd group_use_;
  net::UniqueFd group_parts_;
};

}  // namespace shredder::server
