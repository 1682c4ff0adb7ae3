#include "runtime/store/fault_sweep.h"

namespace shredder::store {

namespace {

struct Stopped {};

// Watches while it lives, but not itself.
class Watch : public FaultWatch {
 public:
  explicit Watch(std::function<void()> at_point)
      : at_point_(std::move(at_point)), before_(fault_watch) {
    fault_watch = this;
  }
  ~Watch() override { fault_watch = before_; }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void AtFaultPoint() override {
    fault_watch = nullptr;
    at_point_();
    fault_watch = this;
  }

 private:
  const std::function<void()> at_point_;
  FaultWatch* const before_;
};

}  // namespace

uint64_t AtEachPoint(const std::function<void()>& change,
                     const std::function<void(uint64_t point)>& look) {
  uint64_t points = 0;
  const Watch watch([&] { look(++points); });
  change();
  return points;
}

bool StopAt(uint64_t point, const std::function<void()>& change) {
  uint64_t points = 0;
  try {
    const Watch watch([&] {
      if (++points == point) throw Stopped();
    });
    change();
  } catch (const Stopped&) {
    return true;
  }
  return false;
}

}  // namespace shredder::store
