// Dot products of vectors, four elements at once. The value of a vector is its elements, float32 each.
#include <shredder.h>
#include <wasm_simd128.h>

SHREDDER_DESCRIBE({"functions": {
  "dot": {"flags": ["no-writes"], "description": "Dot product: keys = [vector, vector]"},
  "dots": {"flags": ["no-writes"], "description": "Dot products with the first: keys = [vector...]"},
  "normalize": {"description": "Scales a vector to length 1: keys = [vector]"}
}});

typedef struct {
  float *elements;  // aligned to 16
  uint32_t count;
} vector;

static double dot_product(vector a, vector b) {
  v128_t sums = wasm_f32x4_splat(0);
  uint32_t i = 0;
  for (; i + 4 <= a.count; i += 4) {
    const v128_t product =
        wasm_f32x4_mul(wasm_v128_load(a.elements + i), wasm_v128_load(b.elements + i));
    sums = wasm_f32x4_add(sums, product);
  }
  double sum = wasm_f32x4_extract_lane(sums, 0) + wasm_f32x4_extract_lane(sums, 1) +
               wasm_f32x4_extract_lane(sums, 2) + wasm_f32x4_extract_lane(sums, 3);
  for (; i < a.count; ++i) sum += a.elements[i] * b.elements[i];
  return sum;
}

// A copy of a value; no elements where the key is absent.
static vector load(shredder_bytes key) {
  const int64_t bytes = ht_length_s(key.bytes, key.length);
  if (bytes <= 0) return (vector){0};
  float *const elements = alloc((uint32_t)bytes);
  ht_get_s(key.bytes, key.length, elements, (uint32_t)bytes);
  return (vector){elements, (uint32_t)bytes / sizeof(float)};
}

// FCALL dot 2 a b
SHREDDER_EXPORT void dot(shredder_call *call) {
  const vector a = load(shredder_key(call, 0));
  const vector b = load(shredder_key(call, 1));
  shredder_respond(call, a.count == b.count ? shredder_double(dot_product(a, b))
                                            : shredder_error("the vectors differ in length"));
}

// FCALL dots 3 query a b: by key, of those that are as long as the first.
SHREDDER_EXPORT void dots(shredder_call *call) {
  const vector query = load(shredder_key(call, 0));
  shredder_reply *const entries = shredder_replies(2 * call->key_count);
  uint32_t count = 0;
  for (uint32_t i = 1; i < call->key_count; ++i) {
    const shredder_bytes key = shredder_key(call, i);
    const vector each = load(key);
    if (each.count != query.count) continue;
    entries[2 * count] = shredder_text(key.bytes, key.length);
    entries[2 * count + 1] = shredder_double(dot_product(query, each));
    ++count;
  }
  shredder_respond(call, shredder_map(entries, count));
}

// FCALL normalize 1 a: the length that it had.
SHREDDER_EXPORT double normalize(shredder_call *call) {
  const shredder_bytes key = shredder_key(call, 0);
  const vector a = load(key);
  const double length = __builtin_sqrt(dot_product(a, a));
  if (length == 0) return 0;
  for (uint32_t i = 0; i < a.count; ++i) a.elements[i] /= (float)length;
  ht_set_s(key.bytes, key.length, a.elements, a.count * sizeof(float), 0, 0);
  return length;
}

// Of integer keys, for callers in JavaScript: the name makes it no function of the library.
SHREDDER_EXPORT double _dot_of(int64_t a, int64_t b) {
  vector vectors[2];
  const int64_t keys[] = {a, b};
  for (int i = 0; i < 2; ++i) {
    const int64_t bytes = ht_length(keys[i]);
    vectors[i] = (vector){alloc(bytes < 0 ? 0 : (uint32_t)bytes),
                          bytes < 0 ? 0 : (uint32_t)bytes / sizeof(float)};
    ht_get(keys[i], vectors[i].elements, vectors[i].count * sizeof(float));
  }
  const uint32_t shorter = vectors[0].count < vectors[1].count ? 0 : 1;
  const double product = dot_product(vectors[shorter], vectors[1 - shorter]);
  free(NULL);
  return product;
}
