// What the C++ callbacks of shredder:store make of their arguments, by the builtins' rules, and the
// errors that they throw.
#pragma once

#include <v8.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "builtins-csa/layout/key.h"

namespace shredder::engine {

void ThrowTypeError(v8::Isolate* isolate, const char* message);
void ThrowRangeError(v8::Isolate* isolate, const char* message);

// A key argument, by the builtins' rules (builtins-csa/builtins/table_lookup_assembler.cc), and the
// bytes it refers to.
class KeyArgument {
 public:
  // False with an exception pending for what is not a key.
  bool Read(v8::Isolate* isolate, v8::Local<v8::Value> value);

  const store::Key& key() const { return *key_; }

 private:
  std::string bytes_;
  std::optional<store::Key> key_;
};

// A key as JavaScript names it; empty where its bytes are not UTF-8, so that no string names it.
v8::MaybeLocal<v8::Value> KeyValue(v8::Isolate* isolate, const std::string& bytes);

// The bytes of a buffer argument; empty with an exception pending for what is not a usable buffer.
std::optional<std::string_view> BytesOf(v8::Isolate* isolate, v8::Local<v8::Value> value,
                                        std::string* on_heap_bytes);

inline constexpr double kMaxSafeInteger = 9007199254740991;

// Reads an integer argument that a double holds exactly; false with an exception pending for
// anything else. `what` names it.
bool ReadInteger(v8::Isolate* isolate, v8::Local<v8::Value> value, const std::string& what,
                 double min, double max, int64_t* integer);

}  // namespace shredder::engine
