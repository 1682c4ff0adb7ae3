// For functions of the store in C, compiled to WebAssembly: what they are called with, what they reply,
// and the store.
//
//     #include <shredder.h>
//
//     SHREDDER_EXPORT int64_t length_of(shredder_call *call) {
//       return ht_length_s(shredder_key(call, 0).bytes, shredder_key(call, 0).length);
//     }
//
// There is no C library; clang's __builtin_memcpy, __builtin_sqrtf and their like need none.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Marks the functions of the library.
#define SHREDDER_EXPORT __attribute__((used, visibility("default")))

// Describes them, as in SHREDDER_DESCRIBE({"functions": {"length_of": {"flags": ["no-writes"]}}})
#define SHREDDER_DESCRIBE(...) SHREDDER_SECTION(#__VA_ARGS__)
#define SHREDDER_SECTION(text) \
  __asm__(".section .custom_section.shredder,\"\",@\n.ascii " SHREDDER_QUOTED(text) "\n.text\n")
#define SHREDDER_QUOTED(text) #text

// What a function is called with. It is valid until the function returns.

typedef struct {
  const char *bytes;
  uint32_t length;
} shredder_bytes;

typedef struct shredder_reply shredder_reply;

typedef struct {
  uint32_t key_count;
  uint32_t arg_count;
  const shredder_reply *reply;  // what a function that returns nothing replies; null where it is null
  uint32_t unused;
  shredder_bytes operands[];  // the keys, then the arguments
} shredder_call;

// A trap where there is no such key or argument.
static inline shredder_bytes shredder_key(const shredder_call *call, uint32_t index) {
  if (index >= call->key_count) __builtin_trap();
  return call->operands[index];
}
static inline shredder_bytes shredder_arg(const shredder_call *call, uint32_t index) {
  if (index >= call->arg_count) __builtin_trap();
  return call->operands[call->key_count + index];
}

// Memory. What is allocated lives until the store has read the reply; static variables live as long as
// the instance, which is made anew after an idle time and after a call that failed.

extern char __heap_base;
static char *shredder_heap_end = &__heap_base;

// `bytes` that are aligned to 16. A trap where the memory cannot grow to hold them.
SHREDDER_EXPORT void *alloc(uint32_t bytes) {
  const uintptr_t start = ((uintptr_t)shredder_heap_end + 15) & ~(uintptr_t)15;
  const uint64_t end = (uint64_t)start + bytes;
  const uint64_t size = (uint64_t)__builtin_wasm_memory_size(0) << 16;
  if (end > size) {
    const uint64_t pages = (end - size + 65535) >> 16;
    if (__builtin_wasm_memory_grow(0, (size_t)pages) == (size_t)-1) __builtin_trap();
  }
  shredder_heap_end = (char *)(uintptr_t)end;
  return (void *)start;
}

// The store calls it after it has read the reply: frees all that was allocated.
SHREDDER_EXPORT void free(void *call) {
  (void)call;
  shredder_heap_end = &__heap_base;
}

// Replies. Texts and bytes have to stay where they are until the store has read them; so static ones or
// allocated ones, no local arrays.

typedef enum {
  SHREDDER_NULL,
  SHREDDER_BOOLEAN,
  SHREDDER_INTEGER,
  SHREDDER_DOUBLE,
  SHREDDER_TEXT,
  SHREDDER_BYTES,
  SHREDDER_ARRAY,
  SHREDDER_MAP,
  SHREDDER_ERROR,
} shredder_kind;

struct shredder_reply {
  uint32_t kind;
  uint32_t size;  // in bytes, elements or entries; a boolean's 0 or 1
  union {
    int64_t integer;
    double number;
    const char *bytes;
    const shredder_reply *items;
  };
};

static inline shredder_reply shredder_null(void) {
  return (shredder_reply){.kind = SHREDDER_NULL};
}
static inline shredder_reply shredder_boolean(bool value) {
  return (shredder_reply){.kind = SHREDDER_BOOLEAN, .size = value};
}
static inline shredder_reply shredder_integer(int64_t value) {
  return (shredder_reply){.kind = SHREDDER_INTEGER, .integer = value};
}
static inline shredder_reply shredder_double(double value) {
  return (shredder_reply){.kind = SHREDDER_DOUBLE, .number = value};
}
// UTF-8.
static inline shredder_reply shredder_text(const char *text, uint32_t length) {
  return (shredder_reply){.kind = SHREDDER_TEXT, .size = length, .bytes = text};
}
static inline shredder_reply shredder_binary(const void *bytes, uint32_t length) {
  return (shredder_reply){.kind = SHREDDER_BYTES, .size = length, .bytes = (const char *)bytes};
}
// `count` replies, one behind the other.
static inline shredder_reply shredder_array(const shredder_reply *items, uint32_t count) {
  return (shredder_reply){.kind = SHREDDER_ARRAY, .size = count, .items = items};
}
// 2 * `count` replies: keys and values in turns.
static inline shredder_reply shredder_map(const shredder_reply *items, uint32_t count) {
  return (shredder_reply){.kind = SHREDDER_MAP, .size = count, .items = items};
}
// An error reply, whose text is behind "ERR ". What the call has written stays.
static inline shredder_reply shredder_error(const char *text) {
  uint32_t length = 0;
  while (text[length] != '\0') ++length;
  return (shredder_reply){.kind = SHREDDER_ERROR, .size = length, .bytes = text};
}

// `count` replies to be filled in.
static inline shredder_reply *shredder_replies(uint32_t count) {
  if (count > UINT32_MAX / sizeof(shredder_reply)) __builtin_trap();
  return (shredder_reply *)alloc(count * (uint32_t)sizeof(shredder_reply));
}

// Has the call reply this.
static inline void shredder_respond(shredder_call *call, shredder_reply reply) {
  shredder_reply *const kept = shredder_replies(1);
  *kept = reply;
  call->reply = kept;
}

// The store. A key is an integer from 0 to 2^53 - 1; functions whose names end in _s take a key's bytes
// instead. Errors (a key that is none, memory that is not there, a quota) end the call as a trap does, and
// its writes are undone.

#define SHREDDER_IMPORT(name) __attribute__((import_module("shredder:store"), import_name(#name)))

// Copies a value's first bytes. The whole length in bytes, or -1 where the key is absent.
SHREDDER_IMPORT(ht_get) int64_t ht_get(int64_t key, void *into, uint32_t capacity);
SHREDDER_IMPORT(ht_get_s)
int64_t ht_get_s(const char *key, uint32_t key_length, void *into, uint32_t capacity);

// The same from byte `from` of the value on.
SHREDDER_IMPORT(ht_view) int64_t ht_view(int64_t key, uint32_t from, void *into, uint32_t capacity);
SHREDDER_IMPORT(ht_view_s)
int64_t ht_view_s(const char *key, uint32_t key_length, uint32_t from, void *into,
                  uint32_t capacity);

// A value's length in bytes, or -1 where the key is absent.
SHREDDER_IMPORT(ht_length) int64_t ht_length(int64_t key);
SHREDDER_IMPORT(ht_length_s) int64_t ht_length_s(const char *key, uint32_t key_length);

SHREDDER_IMPORT(ht_has) bool ht_has(int64_t key);
SHREDDER_IMPORT(ht_has_s) bool ht_has_s(const char *key, uint32_t key_length);

// The element at byte 4 * index, or -1 where there is none.
SHREDDER_IMPORT(ht_get_u32) int64_t ht_get_u32(int64_t key, uint32_t index);
SHREDDER_IMPORT(ht_get_u32_s)
int64_t ht_get_u32_s(const char *key, uint32_t key_length, uint32_t index);

// The element at byte 8 * index, or NaN where there is none.
SHREDDER_IMPORT(ht_get_f64) double ht_get_f64(int64_t key, uint32_t index);
SHREDDER_IMPORT(ht_get_f64_s)
double ht_get_f64_s(const char *key, uint32_t key_length, uint32_t index);

// The element `field` of the values of `count` keys, into `out`, which is left as it was where there is no
// such element. How many were found.
SHREDDER_IMPORT(ht_get_many)
uint32_t ht_get_many(const uint32_t *keys, uint32_t count, uint32_t field, uint32_t *out);
SHREDDER_IMPORT(ht_get_many_f64)
uint32_t ht_get_many_f64(const uint32_t *keys, uint32_t count, uint32_t field, double *out);

// Flags of ht_set.
enum { HT_IF_ABSENT = 1, HT_IF_PRESENT = 2, HT_KEEP_TTL = 4 };

// Writes a value. `ttl`: milliseconds, 0 for none. Whether it wrote.
SHREDDER_IMPORT(ht_set)
bool ht_set(int64_t key, const void *value, uint32_t length, int64_t ttl, uint32_t flags);
SHREDDER_IMPORT(ht_set_s)
bool ht_set_s(const char *key, uint32_t key_length, const void *value, uint32_t length, int64_t ttl,
              uint32_t flags);

// Adds to a value's end. The length of the value then.
SHREDDER_IMPORT(ht_append) int64_t ht_append(int64_t key, const void *value, uint32_t length);
SHREDDER_IMPORT(ht_append_s)
int64_t ht_append_s(const char *key, uint32_t key_length, const void *value, uint32_t length);

// Adds to a counter, which is the text of a decimal integer. The sum.
SHREDDER_IMPORT(ht_add) int64_t ht_add(int64_t key, int64_t delta);
SHREDDER_IMPORT(ht_add_s) int64_t ht_add_s(const char *key, uint32_t key_length, int64_t delta);

// Removes a key. Whether it was there.
SHREDDER_IMPORT(ht_delete) bool ht_delete(int64_t key);
SHREDDER_IMPORT(ht_delete_s) bool ht_delete_s(const char *key, uint32_t key_length);

// Has a key expire in `ttl` milliseconds, never at 0. Whether it was there.
SHREDDER_IMPORT(ht_expire) bool ht_expire(int64_t key, int64_t ttl);
SHREDDER_IMPORT(ht_expire_s) bool ht_expire_s(const char *key, uint32_t key_length, int64_t ttl);

// The milliseconds until a key expires, 0 where it never does, -1 where it is absent.
SHREDDER_IMPORT(ht_ttl) int64_t ht_ttl(int64_t key);
SHREDDER_IMPORT(ht_ttl_s) int64_t ht_ttl_s(const char *key, uint32_t key_length);

// One step through the keys: writes their number, a uint32_t, then of each its length, a uint32_t, and its
// bytes, padded to a multiple of 4. The next cursor, 0 at the end; -1 where `capacity` is too small, with
// the bytes needed, a uint32_t, at `into`: then call again with the same cursor.
SHREDDER_IMPORT(ht_scan) int64_t ht_scan(int64_t cursor, void *into, uint32_t capacity);
