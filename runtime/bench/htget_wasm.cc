// htget's loops in WebAssembly, over the imports of shredder:store: for integer keys, which lie in
// linear memory.
#include <string>

#include "runtime/bench/htget_cases.h"
#include "runtime/bench/javascript.h"
#include "runtime/engine/wasm/module_builder.h"

namespace shredder::bench {

namespace {

namespace code = engine::wasm_code;
using code::kF64;
using code::kI32;
using code::kI64;

// Where a value is copied to.
constexpr int32_t kBuffer = 16;

// (keys: i32, count: i32) -> f64: the sum of what `element` leaves, an i64, of each key, which is
// the i64 on the stack before it.
std::string SumLoop(const std::string& element) {
  constexpr uint32_t kKeys = 0;
  constexpr uint32_t kCount = 1;
  constexpr uint32_t kEnd = 2;
  constexpr uint32_t kSum = 3;
  const std::string mul = code::Byte(0x6c);
  const std::string extend = code::Byte(0xad);  // i64.extend_i32_u
  const std::string less = code::Byte(0x49);    // i32.lt_u
  const std::string to_f64 = code::Byte(0xba);  // f64.convert_i64_u
  const std::string branch_if = code::Byte(0x0d) + code::Byte(0);
  return code::LocalGet(kKeys) + code::LocalGet(kCount) + code::I32(4) + mul + code::kAddI32 +
         code::LocalSet(kEnd) + code::Byte(0x03) + code::Byte(0x40) + code::LocalGet(kKeys) +
         code::Load(0) + extend + element + code::LocalGet(kSum) + code::kAddI64 +
         code::LocalSet(kSum) + code::LocalGet(kKeys) + code::I32(4) + code::kAddI32 +
         code::LocalSet(kKeys) + code::LocalGet(kKeys) + code::LocalGet(kEnd) + less + branch_if +
         code::Byte(0x0b) + code::LocalGet(kSum) + to_f64;
}

std::string ModuleBytes() {
  code::Module module;
  const uint32_t get =
      module.Import("shredder:store", "ht_get", module.AddType({kI64, kI32, kI32}, {kI64}));
  const uint32_t get_uint32 =
      module.Import("shredder:store", "ht_get_u32", module.AddType({kI64, kI32}, {kI64}));
  module.Memory(1);
  module.ExportMemory();
  const uint32_t type = module.AddType({kI32, kI32}, {kF64});
  module.ExportFunction(
      "getUint32",
      module.Function(type, {kI32, kI64}, SumLoop(code::I32(0) + code::Call(get_uint32))));
  module.ExportFunction(
      "get", module.Function(
                 type, {kI32, kI64},
                 SumLoop(code::I32(kBuffer) + code::I32(kValueBytes) + code::Call(get) +
                         code::kDrop + code::I32(kBuffer) + code::Load(0) + code::Byte(0xad))));
  return module.Bytes();
}

std::string LibraryText() {
  std::string text = "const bytes = new Uint8Array([";
  for (const char byte : ModuleBytes()) {
    text += std::to_string(static_cast<uint8_t>(byte)) + ",";
  }
  return (text += "]);\n") += kHtgetWasmJs;
}

}  // namespace

void AddWasm(HtgetTable* table, const std::string& builtin, const std::string& function,
             HtgetCases* cases) {
  static const std::string text = LibraryText();
  const std::string library = builtin + "_wasm";
  CompiledLoop* loop = table->Compile({library, text, function}, CompiledLoop::Lookups::kCalled);
  cases->Add(
      builtin, "wasm",
      LoopCase(library, loop, MustEqual(library, static_cast<double>(table->sum_of_words()))));
}

}  // namespace shredder::bench
