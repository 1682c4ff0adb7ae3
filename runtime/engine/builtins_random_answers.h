// What a model of the store answers to the calls of the test of random calls, as the JSON that
// its library (builtins_random_program.h) compares with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "runtime/engine/builtins_test_support.h"

namespace shredder::engine {

// Values.
std::string Quoted(std::string_view utf8);
std::string Undefined();
std::string Boolean(bool value);
std::string Integer(int64_t value);
std::string Float64(double value);
std::string BigInt(const std::string& digits);
std::string Throws(char kind);  // T: a TypeError, R: a RangeError
std::string Join(const std::vector<std::string>& items);

// FNV-1a.
uint32_t Digest(std::string_view bytes);

// The memory of a buffer argument.
struct Buffer {
  std::string memory;
  size_t offset;  // of what is inside of the view
  size_t size;

  std::string_view bytes() const { return std::string_view(memory).substr(offset, size); }
};

// What a call is made with, the key apart.
struct Arguments {
  uint64_t number = 0;  // an index or an offset
  int64_t delta = 0;
  Buffer* buffer = nullptr;
  std::string text;  // UTF-8
  // What the conversion of the argument throws, or 0; only an offset is not converted at once.
  char thrown = 0;
};

// A builtin as it may be called: `code`, with k for the key and a for its second argument.
struct Builtin {
  enum class Second { kNone, kIndex, kBuffer, kOffset, kDelta, kText };
  const char* code;
  Second second;
  // The answer of a call with a good key, after doing what the call does to the model and to the
  // buffer.
  std::string (*answer)(StoreModel& model, const std::string& key, const Arguments& arguments);
};

template <typename T>
std::optional<T> Element(const StoreModel& model, const std::string& key, uint64_t index) {
  const std::string* value = model.Get(key);
  if (value == nullptr || index >= value->size() / sizeof(T)) return std::nullopt;
  T element;
  std::memcpy(&element, value->data() + index * sizeof(T), sizeof(T));
  return element;
}

// The element of T at an offset of some bytes, as a DataView reads it.
template <typename T>
std::string ElementOfBytes(const std::string& bytes, uint64_t offset, bool is_little) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return Throws('R');
  std::string own = bytes.substr(offset, sizeof(T));
  if (!is_little) std::reverse(own.begin(), own.end());
  T element;
  std::memcpy(&element, own.data(), sizeof(T));
  if constexpr (std::is_floating_point_v<T>) {
    return Float64(element);
  } else if constexpr (sizeof(T) == 8) {
    return BigInt(std::to_string(element));
  } else {
    return Integer(element);
  }
}

inline constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;

// Every builtin that takes a key, in the ways in which it is called.
std::span<const Builtin> Builtins();

}  // namespace shredder::engine
