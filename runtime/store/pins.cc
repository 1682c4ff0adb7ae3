#include "runtime/store/pins.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace shredder::store {

Pin::~Pin() {
  if (pins_ != nullptr) pins_->Remove(*this);
}

const char* Pin::data() const {
  return pins_ == nullptr ? copy_.get() : pins_->memory_->base() + at_;
}

std::shared_ptr<const Pin> Pins::Add(uint64_t block, uint64_t at, uint64_t size) {
  const auto [begin, end] = by_block_.equal_range(block);
  for (auto found = begin; found != end; ++found) {
    // An append in place leaves another one that is shorter.
    if (found->second->at_ == at && found->second->size_ == size) {
      return found->second->shared_from_this();
    }
  }
  auto pin = std::make_shared<Pin>(this, block, at, size, size);
  by_block_.emplace(block, pin.get());
  return pin;
}

std::shared_ptr<Pin> Pins::AddReceiving(uint64_t block, uint64_t at, uint64_t size) {
  auto pin = std::make_shared<Pin>(this, block, at, size, 0);
  by_block_.emplace(block, pin.get());
  return pin;
}

Pins::Receiving Pins::receiving() const {
  Receiving receiving;
  for (const auto& [block, pin] : by_block_) {
    if (pin->received_ < pin->size_) {
      receiving.emplace_back(pin->shared_from_this(), pin->received_);
    }
  }
  return receiving;
}

void Pins::CopyReceivedSince(const Receiving& then, char* copy) const {
  for (const auto& [pin, received] : then) {
    std::memcpy(copy + pin->at_ + received, memory_->base() + pin->at_ + received,
                pin->received_ - received);
  }
}

Pins::~Pins() {
  for (const auto& [block, pin] : by_block_) {
    // Of one that receives only what it has received is ever touched.
    pin->copy_ = std::make_unique_for_overwrite<char[]>(pin->size_);
    std::memcpy(pin->copy_.get(), memory_->base() + pin->at_, pin->received_);
    pin->pins_ = nullptr;
  }
}

std::vector<uint64_t> Pins::ReserveAll() {
  idle_.clear();
  for (const auto& [block, pin] : by_block_) reserved_.insert(block);
  std::vector<uint64_t> blocks(reserved_.begin(), reserved_.end());
  std::sort(blocks.begin(), blocks.end());
  return blocks;
}

std::vector<uint64_t> Pins::TakeIdle() { return std::exchange(idle_, {}); }

void Pins::Remove(const Pin& pin) {
  const auto [begin, end] = by_block_.equal_range(pin.block_);
  by_block_.erase(std::find_if(begin, end, [&](const auto& at) { return at.second == &pin; }));
  if (!by_block_.contains(pin.block_) && reserved_.erase(pin.block_) != 0) {
    idle_.push_back(pin.block_);
  }
}

}  // namespace shredder::store
