// Compiled twice; SHREDDER_FORWARD is the name.
#include "runtime/bench/inference_forward.h"

namespace shredder::bench {

namespace {

// So many sums do not wait for each other's additions, and stay in registers.
constexpr size_t kColumns = 8;

template <size_t columns>
void AddUp(const StoredFloat* layer, const StoredFloat* inputs, size_t input_count, size_t outputs,
           float* sums) {
  float block[columns];
  for (size_t k = 0; k < columns; ++k) block[k] = layer[k];
  const StoredFloat* weights = layer + outputs;
  for (size_t i = 0; i < input_count; ++i, weights += outputs) {
    const float input = inputs[i];
    for (size_t k = 0; k < columns; ++k) block[k] += input * weights[k];
  }
  for (size_t k = 0; k < columns; ++k) sums[k] = block[k];
}

}  // namespace

void SHREDDER_FORWARD(const StoredFloat* layer, const StoredFloat* inputs, size_t input_count,
                      size_t outputs, float* sums) {
  size_t j = 0;
  for (; j + kColumns <= outputs; j += kColumns) {
    AddUp<kColumns>(layer + j, inputs, input_count, outputs, sums + j);
  }
  for (; j < outputs; ++j) AddUp<1>(layer + j, inputs, input_count, outputs, sums + j);
}

}  // namespace shredder::bench
