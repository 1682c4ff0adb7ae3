// A network's layers in C++: the same source, compiled in two ways.
#pragma once

#include <cstddef>

namespace shredder::bench {

// Numbers where they lie in the store: float32, not aligned.
using StoredFloat [[gnu::aligned(1), gnu::may_alias]] = float;

// sums[j] = biases[j] + the sum of inputs[i] * weights[i][j] in the order of i. `layer` has a row
// of biases, then one of weights for each input; a row has `outputs` numbers.
using Forward = void (*)(const StoredFloat* layer, const StoredFloat* inputs, size_t input_count,
                         size_t outputs, float* sums);

// At -O2 without vectorisation, as JavaScript's loops are.
void ForwardScalar(const StoredFloat* layer, const StoredFloat* inputs, size_t input_count,
                   size_t outputs, float* sums);
// At -O3, with all that the compiler makes of it for any x64 processor.
void ForwardO3(const StoredFloat* layer, const StoredFloat* inputs, size_t input_count,
               size_t outputs, float* sums);

}  // namespace shredder::bench
