// What the C++ callbacks of shredder:store make of their arguments, by the builtins' rules
// (builtins-csa/builtins/table_lookup_assembler.cc), and the errors that they throw.
#pragma once

#include <v8.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "builtins-csa/layout/key.h"
#include "builtins-csa/layout/limits.h"
#include "builtins-csa/layout/store_errors.h"

namespace shredder::engine {

// `argument` is shown where the error's text ends with it.
void ThrowStoreError(v8::Isolate* isolate, StoreError error,
                     v8::Local<v8::Value> argument = v8::Local<v8::Value>());

// A key argument, and the bytes it refers to.
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

// The errors of an integer argument.
struct IntegerErrors {
  StoreError type;   // no number
  StoreError range;  // no safe integer, or less than `min`
};

// Reads an integer argument, from `min` to JavaScript's largest safe integer; false with an
// exception pending for anything else.
bool ReadInteger(v8::Isolate* isolate, v8::Local<v8::Value> value, int64_t min,
                 IntegerErrors errors, int64_t* integer);

}  // namespace shredder::engine
