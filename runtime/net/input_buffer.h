// The bytes of one connection that its handler has not consumed yet.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/net/buffer_pool.h"

namespace shredder::net {

// A queue of bytes in one piece, which grows by doubling as bytes arrive. A large one is in a
// buffer of the pool, which outlives it, and goes back there when it is empty.
class InputBuffer {
 public:
  // Its first bytes are what appending, looking and consuming touch where there is room.
  static constexpr size_t kHotBytes = 3 * sizeof(size_t);

  explicit InputBuffer(BufferPool* pool) : pool_(pool) {}
  InputBuffer(const InputBuffer&) = delete;
  InputBuffer& operator=(const InputBuffer&) = delete;
  ~InputBuffer() { Clear(); }

  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  std::string_view view() const { return {data_ + begin_, size()}; }

  // False where memory is exhausted; then nothing has changed.
  bool Append(std::string_view bytes) {
    if (bytes.size() > capacity_ - end_ && !MakeRoom(bytes.size())) return false;
    std::memcpy(data_ + end_, bytes.data(), bytes.size());
    Commit(bytes.size());
    return true;
  }

  // Room for up to `bytes`, of which Commit says how many were written; empty where memory is
  // exhausted.
  std::span<char> Space(size_t bytes) {
    if (bytes > capacity_ - end_ && !MakeRoom(bytes)) return {};
    return {data_ + end_, bytes};
  }
  void Commit(size_t bytes) { end_ += bytes; }
  // Makes room for so many bytes in all, those that are there included, where memory allows.
  void Reserve(size_t bytes) {
    if (bytes > size() && bytes - size() > capacity_ - end_) MakeRoom(bytes - size());
  }

  // Keeps the first `bytes`.
  void Truncate(size_t bytes) {
    end_ = begin_ + bytes;
    if (empty()) Clear();
  }

  void Consume(size_t bytes) {
    begin_ += bytes;
    if (empty()) Clear();
  }

  void Clear() {
    begin_ = end_ = 0;
    if (large_.capacity() == 0) return;
    pool_->Put(std::exchange(large_, {}));
    data_ = small_.get();
    capacity_ = small_capacity_;
  }

 private:
  static constexpr size_t kFirstBytes = 4096;
  static constexpr size_t kMaxSmallBytes = 32 * 1024;

  struct Free {
    void operator()(char* data) const { std::free(data); }
  };

  bool MakeRoom(size_t bytes) {
    // Moving no more than has been consumed keeps the cost of each byte constant.
    if (begin_ >= size()) {
      if (!empty()) std::memmove(data_, data_ + begin_, size());
      end_ -= begin_;
      begin_ = 0;
      if (bytes <= capacity_ - end_) return true;
    }
    const size_t capacity = std::max({kFirstBytes, 2 * capacity_, end_ + bytes});
    return capacity <= kMaxSmallBytes ? GrowSmall(capacity) : GrowLarge(capacity);
  }

  bool GrowSmall(size_t capacity) {
    void* const data = std::realloc(small_.get(), capacity);
    if (data == nullptr) return false;
    static_cast<void>(small_.release());
    small_.reset(static_cast<char*>(data));
    data_ = small_.get();
    capacity_ = small_capacity_ = capacity;
    return true;
  }

  bool GrowLarge(size_t capacity) {
    if (large_.capacity() == 0) {
      Buffer buffer = pool_->Take(capacity);
      if (buffer.capacity() == 0) return false;
      if (end_ > 0) std::memcpy(buffer.data(), data_, end_);
      large_ = std::move(buffer);
    } else if (!large_.Grow(capacity)) {
      return false;
    }
    data_ = large_.data();
    capacity_ = large_.capacity();
    return true;
  }

  size_t begin_ = 0;  // of the bytes not consumed
  size_t end_ = 0;
  char* data_ = nullptr;  // of the small buffer or the large one
  size_t capacity_ = 0;
  BufferPool* const pool_;
  std::unique_ptr<char, Free> small_;
  size_t small_capacity_ = 0;
  Buffer large_;
};

}  // namespace shredder::net
