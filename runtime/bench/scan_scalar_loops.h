// The scan's native loops in scalar code: their source file is compiled without vectorisation, as
// V8 vectorises nothing.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "builtins-csa/layout/table_lookup.h"

namespace shredder::bench {

// Looks up each key, which must be there, and visits its value in place. Inlined, so that what
// `visit` adds up stays in registers.
template <typename Visit>
[[gnu::always_inline]] inline void VisitValues(const layout::StoreHeader* header,
                                               std::span<const uint32_t> keys, int passes,
                                               const Visit& visit) {
  for (int pass = 0; pass < passes; ++pass) {
    for (const uint32_t key : keys) {
      const layout::Slot* slot =
          store::FindIntegerSlot(header, key, layout::HashInteger(*header, key));
      if (slot != nullptr) visit(store::ValueIn(header, slot->value_word, 0));
    }
  }
}

template <typename Element>
Element ElementAt(const char* bytes) {
  Element element;
  std::memcpy(&element, bytes, sizeof element);
  return element;
}

// The sum of all elements (float64 by double, uint32 modulo 2^32), by one accumulator or by four;
// values are of a multiple of 4 elements.
template <typename Element>
Element SumScalar(const layout::StoreHeader* header, std::span<const uint32_t> keys, int passes,
                  int accumulators);
extern template double SumScalar<double>(const layout::StoreHeader*, std::span<const uint32_t>, int,
                                         int);
extern template uint32_t SumScalar<uint32_t>(const layout::StoreHeader*, std::span<const uint32_t>,
                                             int, int);

}  // namespace shredder::bench
