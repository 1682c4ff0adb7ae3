#include "runtime/store/pins.h"

#include <algorithm>
#include <utility>

namespace shredder::store {

Pin::~Pin() {
  if (pins_ != nullptr) pins_->Remove(*this);
}

const char* Pin::data() const {
  return pins_ == nullptr ? copy_.data() : pins_->memory_->base() + at_;
}

std::shared_ptr<Pin> Pins::Add(uint64_t block, uint64_t at, uint64_t size) {
  const auto [begin, end] = by_block_.equal_range(block);
  for (auto found = begin; found != end; ++found) {
    // An append in place leaves another one that is shorter.
    if (found->second->at_ == at && found->second->size_ == size) {
      return found->second->shared_from_this();
    }
  }
  auto pin = std::make_shared<Pin>(this, block, at, size);
  by_block_.emplace(block, pin.get());
  return pin;
}

void Pins::Copy(uint64_t block, Pauses* pauses) {
  for (auto found = by_block_.find(block); found != by_block_.end();
       found = by_block_.find(block)) {
    // In a pause its readers may go.
    const std::shared_ptr<Pin> pin = found->second->shared_from_this();
    std::string copy;
    copy.reserve(pin->size_);
    while (copy.size() < pin->size_) {
      const std::string_view piece = pin->view().substr(copy.size(), Pauses::kPieceBytes);
      copy += piece;
      if (pauses != nullptr) pauses->AddBytes(piece.size());
    }
    Remove(*pin);
    pin->copy_ = std::move(copy);
    pin->pins_ = nullptr;
  }
}

void Pins::CopyAll(Pauses* pauses) {
  while (!by_block_.empty()) Copy(by_block_.begin()->first, pauses);
  reserved_.clear();
  idle_.clear();
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
