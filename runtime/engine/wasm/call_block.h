// What a function in WebAssembly is called with and what it replies, in its linear memory: the ABI
// of docs/wasm.md. All numbers are little-endian and need no alignment.
//
// Thread: the shard's.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "builtins-csa/builtins/wasm_embedding.h"
#include "runtime/engine/value.h"
#include "runtime/engine/watchdog.h"

namespace shredder::engine {

// The block of a call: a header of kCallHeaderBytes, then for each key and each argument where it
// lies and how long it is, then their bytes.
inline constexpr uint32_t kCallHeaderBytes = 16;
inline constexpr uint32_t kReplyOffset = 8;  // in the header: where the function says its reply is

// The bytes of such a block.
uint64_t CallBlockBytes(std::span<const std::string_view> keys,
                        std::span<const std::string_view> args);

// Writes it to `at`, which is `address` in the module's memory.
void WriteCallBlock(std::span<const std::string_view> keys, std::span<const std::string_view> args,
                    uint32_t address, uint8_t* at);

enum class ReplyOutcome {
  kRead,
  kInvalid,  // *error says what is wrong
  kEnded,    // the run has been ended
};

// Reads the reply that the module has written at `address` of its memory: Null for 0. It takes at
// most `max_bytes`. *error: one line without a prefix.
ReplyOutcome ReadReply(const wasm::Memory& memory, uint32_t address, WatchedSteps* steps,
                       uint64_t max_bytes, Value* result, std::string* error);

}  // namespace shredder::engine
