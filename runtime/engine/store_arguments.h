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
#include "runtime/store/store.h"

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

// A key's bytes: a string, or a Uint8Array where they are not UTF-8. Empty with an exception
// pending where the tenant's memory has no room for that.
v8::MaybeLocal<v8::Value> TextOrBytes(v8::Isolate* isolate, std::string_view bytes);

// A key as JavaScript names it: a number, or as TextOrBytes has it.
v8::MaybeLocal<v8::Value> KeyValue(v8::Isolate* isolate, const std::string& bytes);

// A value argument, and the bytes it refers to: a text's UTF-8 bytes, lone surrogates as U+FFFD, or
// what a buffer holds. They are valid as long as no JavaScript runs.
class ValueArgument {
 public:
  // Both: false with an exception pending for what is neither text nor a usable buffer.
  static bool Check(v8::Isolate* isolate, v8::Local<v8::Value> value);
  bool Read(v8::Isolate* isolate, v8::Local<v8::Value> value);

  std::string_view bytes() const { return bytes_; }

 private:
  std::string own_;
  std::string_view bytes_;
};

// The options of HTSet.
struct SetOptions {
  store::Expiry expiry;
  // The time of the expiry has passed: the key is to be removed.
  bool is_expired = false;
  bool if_absent = false;
  bool if_present = false;
};

// The names of HTSet's options, in a context's heap: to make them anew takes longer than to read
// the options.
class SetOptionNames {
 public:
  enum Name { kTtl, kExpiresAt, kKeepTtl, kIfAbsent, kIfPresent, kCount };

  v8::Local<v8::String> Get(v8::Isolate* isolate, Name name);

 private:
  v8::Global<v8::String> names_[kCount];
};

// Reads HTSet's options, which may run code of the tenant's; false with an exception pending.
bool ReadSetOptions(v8::Local<v8::Context> context, v8::Local<v8::Value> value, uint64_t now_ms,
                    SetOptionNames* names, SetOptions* options);

// The Unix time at which a key expires that lives `ttl` milliseconds from now on: 0 for never,
// which is Infinity, and now for what is not positive. False with an exception pending for what is
// neither a safe integer nor that, or leads to none.
bool ReadTtl(v8::Isolate* isolate, v8::Local<v8::Value> ttl, uint64_t now_ms, uint64_t* at_ms);

// An ArrayBuffer with a copy of the bytes; empty with V8's own exception pending where the tenant's
// memory has no room for it.
v8::MaybeLocal<v8::ArrayBuffer> CopyToBuffer(v8::Isolate* isolate, std::string_view bytes);

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
