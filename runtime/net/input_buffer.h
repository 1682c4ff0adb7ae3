// The bytes of one connection that its handler has not consumed yet.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

namespace shredder::net {

// A queue of bytes in one piece. Grows by doubling as bytes arrive, through realloc, which moves
// the pages of a large buffer instead of copying them; gives a large buffer back when it is empty.
class InputBuffer {
 public:
  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  std::string_view view() const { return {data_.get() + begin_, size()}; }

  // False where memory is exhausted; then nothing has changed.
  bool Append(std::string_view bytes) {
    if (bytes.size() > capacity_ - end_ && !MakeRoom(bytes.size())) return false;
    std::memcpy(data_.get() + end_, bytes.data(), bytes.size());
    end_ += bytes.size();
    return true;
  }

  void Consume(size_t bytes) {
    begin_ += bytes;
    if (empty()) Clear();
  }

  void Clear() {
    begin_ = end_ = 0;
    if (capacity_ > kKeptBytes) {
      data_.reset();
      capacity_ = 0;
    }
  }

 private:
  static constexpr size_t kFirstBytes = 4096;
  static constexpr size_t kKeptBytes = 32 * 1024;

  struct Free {
    void operator()(char* data) const { std::free(data); }
  };

  bool MakeRoom(size_t bytes) {
    // Moving no more than has been consumed keeps the cost of each byte constant.
    if (begin_ >= size()) {
      if (!empty()) std::memmove(data_.get(), data_.get() + begin_, size());
      end_ -= begin_;
      begin_ = 0;
      if (bytes <= capacity_ - end_) return true;
    }
    size_t capacity = capacity_ == 0 ? kFirstBytes : 2 * capacity_;
    if (capacity < end_ + bytes) capacity = end_ + bytes;
    void* const data = std::realloc(data_.get(), capacity);
    if (data == nullptr) return false;
    static_cast<void>(data_.release());
    data_.reset(static_cast<char*>(data));
    capacity_ = capacity;
    return true;
  }

  std::unique_ptr<char, Free> data_;
  size_t capacity_ = 0;
  size_t begin_ = 0;  // of the bytes not consumed
  size_t end_ = 0;
};

}  // namespace shredder::net
