// A libFuzzer target for Ethernet frames into the stack. Build with cmake -DSHREDDER_FUZZ=ON,
// -DSHREDDER_LWIP_DIR="$(npx shredder build --only lwip)" and clang, then run
//
//     frame_fuzz -max_len=4096 CORPUS_FOLDER
#include <cstddef>
#include <cstdint>

#include "runtime/net/lwip/lwip_fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  shredder::net::lwip::RunFrames({data, size});
  return 0;
}
