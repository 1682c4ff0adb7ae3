#include "runtime/net/dpdk/affinity.h"

#include <pthread.h>

namespace shredder::net::dpdk {

SavedAffinity::SavedAffinity() {
  CPU_ZERO(&cores_);
  pthread_getaffinity_np(pthread_self(), sizeof cores_, &cores_);
}

SavedAffinity::~SavedAffinity() {
  if (restores_) pthread_setaffinity_np(pthread_self(), sizeof cores_, &cores_);
}

bool SavedAffinity::PinInstead(int core) {
  if (core < 0 || core >= CPU_SETSIZE) return false;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(core), &one);
  if (pthread_setaffinity_np(pthread_self(), sizeof one, &one) != 0) return false;
  restores_ = false;
  return true;
}

std::string CoresText(const cpu_set_t& cores) {
  std::string text;
  for (int first = 0; first < CPU_SETSIZE; first++) {
    if (!CPU_ISSET(static_cast<size_t>(first), &cores)) continue;
    int last = first;
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(static_cast<size_t>(last + 1), &cores)) last++;
    if (!text.empty()) text += ',';
    text += std::to_string(first);
    if (last > first) text += '-' + std::to_string(last);
    first = last;
  }
  return text;
}

}  // namespace shredder::net::dpdk
