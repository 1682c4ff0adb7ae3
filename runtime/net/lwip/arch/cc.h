// What lwIP asks of a compiler and a platform; see lwip/arch.h.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Uniform random bits from the kernel's generator.
uint32_t shredder_lwip_random(void);

// lwIP's heap; null beyond the limit. See runtime/net/lwip/port.h.
void* shredder_lwip_malloc(size_t bytes);
void* shredder_lwip_calloc(size_t count, size_t bytes);
void shredder_lwip_free(void* memory);

// Prints and aborts: a stack that goes on with a broken invariant would damage what is behind it.
__attribute__((noreturn)) void shredder_lwip_assert_failed(const char* what, const char* file,
                                                           int line);

#ifdef __cplusplus
}
#endif

#define LWIP_RAND() shredder_lwip_random()
#define LWIP_PLATFORM_ASSERT(what) shredder_lwip_assert_failed(what, __FILE__, __LINE__)
// What lwIP would print of misuse or of odd packets; nobody reads a shard's standard output.
#define LWIP_PLATFORM_DIAG(what) \
  do {                           \
  } while (0)
