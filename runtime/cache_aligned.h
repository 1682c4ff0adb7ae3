// Objects that begin a line of the processor's cache, of which there may be many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "runtime/prefetch.h"

namespace shredder {

// A base for classes that are alignas(kCacheLineBytes), and made by `new`. The C library's own
// aligned blocks split others, which before glibc 2.38 were not joined again: the memory of
// processes whose connections come and go would grow. These are usual blocks, a line longer.
class CacheAligned {
 public:
  static void* operator new(size_t bytes) {
    auto* const block = static_cast<char*>(::operator new(bytes + kCacheLineBytes));
    // At least 16 bytes further, as a block is aligned to 16, of which the last 8 say where it is.
    const size_t ahead = kCacheLineBytes - reinterpret_cast<uintptr_t>(block) % kCacheLineBytes;
    char* const object = block + ahead;
    new (object - sizeof(char*)) char*(block);
    return object;
  }
  static void operator delete(void* object) {
    if (object == nullptr) return;
    ::operator delete(*reinterpret_cast<char**>(static_cast<char*>(object) - sizeof(char*)));
  }

 protected:
  CacheAligned() = default;
  ~CacheAligned() = default;
};

static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= 2 * sizeof(char*));

}  // namespace shredder
