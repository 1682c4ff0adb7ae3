// What DPDK, libbpf and libxdp would print, kept instead: shredderd's own output is its log's.
#pragma once

#include <cstdio>
#include <string>

namespace shredder::net::dpdk {

// From now on; once a process.
void CaptureEalLog();
// Forgets what has been kept.
void ClearEalLog();
// The first error since then, which is the cause of those after it; else the first warning, else
// what was said last. Without a full stop or line end; empty where nothing was said.
std::string EalError();

// While one of these lives, what EAL prints past its log is dropped: its usage, where an argument
// is wrong, and that it has failed. Nothing else may print meanwhile.
class DropOutput {
 public:
  DropOutput();
  ~DropOutput();
  DropOutput(const DropOutput&) = delete;
  DropOutput& operator=(const DropOutput&) = delete;

 private:
  std::FILE* const output_;
  std::FILE* const errors_;
  std::FILE* const null_;
};

}  // namespace shredder::net::dpdk
