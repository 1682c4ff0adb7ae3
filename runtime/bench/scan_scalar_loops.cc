#include "runtime/bench/scan_scalar_loops.h"

#include <string_view>

namespace shredder::bench {

template <typename Element>
Element SumScalar(const layout::StoreHeader* header, std::span<const uint32_t> keys, int passes,
                  int accumulators) {
  if (accumulators == 1) {
    Element sum = 0;
    VisitValues(header, keys, passes, [&sum](std::string_view value) {
      const char* end = value.data() + value.size();
      for (const char* at = value.data(); at != end; at += sizeof(Element)) {
        sum += ElementAt<Element>(at);
      }
    });
    return sum;
  }
  Element sum0 = 0;
  Element sum1 = 0;
  Element sum2 = 0;
  Element sum3 = 0;
  VisitValues(header, keys, passes, [&](std::string_view value) {
    const char* end = value.data() + value.size();
    for (const char* at = value.data(); at != end; at += 4 * sizeof(Element)) {
      sum0 += ElementAt<Element>(at);
      sum1 += ElementAt<Element>(at + sizeof(Element));
      sum2 += ElementAt<Element>(at + 2 * sizeof(Element));
      sum3 += ElementAt<Element>(at + 3 * sizeof(Element));
    }
  });
  return sum0 + sum1 + sum2 + sum3;
}

template double SumScalar<double>(const layout::StoreHeader*, std::span<const uint32_t>, int, int);
template uint32_t SumScalar<uint32_t>(const layout::StoreHeader*, std::span<const uint32_t>, int,
                                      int);

}  // namespace shredder::bench
