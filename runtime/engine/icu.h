// ICU in this process: the same on every machine, no file, and its memory is counted for the
// tenants. V8 says nothing of what ICU holds for it: an Intl.DateTimeFormat is some bytes of the
// heap, and a hundred thousand outside of it.
#pragma once

#include <v8.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace shredder::engine {

// Before V8 is initialised, and once. Makes en-US the locale and UTC the time zone where a script
// names none. False with a one-line reason in *error.
bool InitializeIcu(std::string* error);

// What ICU holds for an isolate. Caches of ICU's are for all isolates, and count for the one that
// filled them, until it is given up.
//
// Thread: the isolate's.
class IcuAccount {
 public:
  // Called where the isolate holds more than set; at an interrupt, where garbage may be collected.
  using OnAbove = void (*)(void* data);

  IcuAccount() = default;
  IcuAccount(const IcuAccount&) = delete;
  IcuAccount& operator=(const IcuAccount&) = delete;

  // Counts for the isolate, in its first slot for data, until Detach, which its disposal follows;
  // what is still held then is counted for nobody.
  void Attach(v8::Isolate* isolate, OnAbove on_above, void* data);
  void Detach();

  uint64_t used_bytes() const;
  // OnAbove is called once where more is held.
  void SetThreshold(uint64_t bytes);

 private:
  struct State;
  friend struct IcuMemory;

  State* state_ = nullptr;
};

}  // namespace shredder::engine
