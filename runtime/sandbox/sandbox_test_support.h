// Children that lock themselves up and then try something, and a neighbour that they must not
// reach.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace shredder::sandbox {

// What has become of an attempt.
struct Outcome {
  int signal = 0;  // that has ended the child
  int code = -1;   // its exit code, where none has
};

// In a child that is confined and locked: the attempt, whose result is the child's exit code. The
// child has the descriptors up to this one alone.
inline constexpr int kLastKeptFd = 8;
Outcome TryLocked(const std::function<int()>& attempt);
// The same of a child that is confined alone, and of one that is neither.
Outcome TryConfined(const std::function<int()>& attempt);
Outcome TryFree(const std::function<int()>& attempt);

// The options that these children have.
inline constexpr uint64_t kMaxFileBytes = 1 << 20;
inline constexpr uint32_t kNumber = 7;

// What the kernel refuses here, as Confine tells.
std::vector<std::string> MissingHere();
bool IsMissing(const std::string& what);

// Another process, with memory that nobody else may see: what another tenant is to a shard.
class Neighbour {
 public:
  Neighbour();
  ~Neighbour();
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

  pid_t pid() const { return pid_; }
  // Its memory, in a file that it has open as its descriptor kSecretFd, and mapped at this address.
  static constexpr int kSecretFd = 9;
  char* secret() const { return secret_; }
  // Whether it runs, and its memory is as it was.
  bool IsUnharmed() const;

 private:
  pid_t pid_ = -1;
  char* secret_ = nullptr;
};

}  // namespace shredder::sandbox
