// WebAssembly modules for tests and benchmarks: the binary format, written by hand.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shredder::engine::wasm_code {

enum Type : uint8_t { kI32 = 0x7f, kI64 = 0x7e, kF64 = 0x7c, kV128 = 0x7b };

inline std::string Byte(uint8_t byte) { return std::string(1, static_cast<char>(byte)); }

// LEB128.
inline std::string Unsigned(uint64_t value) {
  std::string bytes;
  do {
    bytes += Byte(static_cast<uint8_t>(value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>= 7;
  } while (value != 0);
  return bytes;
}
inline std::string Signed(int64_t value) {
  std::string bytes;
  while (value < -64 || value > 63) {
    bytes += Byte(static_cast<uint8_t>(value & 0x7f) | 0x80);
    value >>= 7;
  }
  return bytes + Byte(static_cast<uint8_t>(value & 0x7f));
}
inline std::string Sized(std::string_view bytes) { return Unsigned(bytes.size()) += bytes; }

// Instructions.
inline std::string LocalGet(uint32_t local) { return Byte(0x20) + Unsigned(local); }
inline std::string LocalSet(uint32_t local) { return Byte(0x21) + Unsigned(local); }
inline std::string GlobalGet(uint32_t global) { return Byte(0x23) + Unsigned(global); }
inline std::string GlobalSet(uint32_t global) { return Byte(0x24) + Unsigned(global); }
inline std::string I32(int32_t value) { return Byte(0x41) + Signed(value); }
inline std::string I64(int64_t value) { return Byte(0x42) + Signed(value); }
inline std::string Call(uint32_t function) { return Byte(0x10) + Unsigned(function); }
// Of an i32, without an alignment.
inline std::string Load(uint32_t offset) { return Byte(0x28) + Byte(0) + Unsigned(offset); }
inline std::string Store(uint32_t offset) { return Byte(0x36) + Byte(0) + Unsigned(offset); }
// For ever, and a body that comes back to its start.
inline std::string Loop(const std::string& body) {
  return Byte(0x03) + Byte(0x40) + body + Byte(0x0c) + Byte(0) + Byte(0x0b);
}
inline const std::string kAddI32 = Byte(0x6a);
inline const std::string kAddI64 = Byte(0x7c);
inline const std::string kDrop = Byte(0x1a);
inline const std::string kUnreachable = Byte(0x00);
inline const std::string kMemoryGrow = Byte(0x40) + Byte(0);

class Module {
 public:
  uint32_t AddType(const std::vector<Type>& parameters, const std::vector<Type>& results) {
    std::string type = Byte(0x60) + Unsigned(parameters.size());
    for (const Type each : parameters) type += Byte(each);
    type += Unsigned(results.size());
    for (const Type each : results) type += Byte(each);
    types_.push_back(type);
    return static_cast<uint32_t>(types_.size() - 1);
  }
  // All imports come before all functions.
  uint32_t Import(std::string_view module, std::string_view name, uint32_t type) {
    imports_.push_back(Sized(module) + Sized(name) + Byte(0) + Unsigned(type));
    return static_cast<uint32_t>(imports_.size() - 1);
  }
  // The parameters are its first locals, and these the others.
  uint32_t Function(uint32_t type, const std::vector<Type>& locals, const std::string& body) {
    std::string code = Unsigned(locals.size());
    for (const Type each : locals) code += Unsigned(1) + Byte(each);
    functions_.push_back(Unsigned(type));
    codes_.push_back(Sized(code + body + Byte(0x0b)));
    return static_cast<uint32_t>(imports_.size() + functions_.size() - 1);
  }
  void Memory(uint32_t pages, std::optional<uint32_t> max_pages = std::nullopt,
              bool shared = false) {
    memory_ = Byte((max_pages ? 1 : 0) | (shared ? 2 : 0)) + Unsigned(pages);
    if (max_pages) memory_ += Unsigned(*max_pages);
  }
  void Table(uint32_t size) { tables_.push_back(Byte(0x70) + Byte(0) + Unsigned(size)); }
  uint32_t Global(int32_t value) {
    globals_.push_back(Byte(kI32) + Byte(1) + I32(value) + Byte(0x0b));
    return static_cast<uint32_t>(globals_.size() - 1);
  }
  void Data(int32_t offset, std::string_view bytes) {
    data_.push_back(Byte(0) + I32(offset) + Byte(0x0b) + Sized(bytes));
  }
  void ExportFunction(std::string_view name, uint32_t function) {
    exports_.push_back(Sized(name) + Byte(0) + Unsigned(function));
  }
  void ExportMemory() { exports_.push_back(Sized("memory") + Byte(2) + Unsigned(0)); }
  void Start(uint32_t function) { start_ = Unsigned(function); }
  void Custom(std::string_view name, std::string_view bytes) {
    custom_ += Byte(0) + Sized(Sized(name) += bytes);
  }
  // A memory of one page, and `alloc`, which gives the bytes from 1,024 on, whatever is asked for.
  void MemoryWithAlloc(uint32_t pages = 1) {
    Memory(pages);
    ExportMemory();
    ExportFunction("alloc", Function(AddType({kI32}, {kI32}), {}, I32(1024)));
  }

  std::string Bytes() const {
    std::string bytes("\0asm\1\0\0\0", 8);
    bytes +=
        Section(1, types_) + Section(2, imports_) + Section(3, functions_) + Section(4, tables_);
    if (!memory_.empty()) bytes += Byte(5) + Sized(Unsigned(1) + memory_);
    bytes += Section(6, globals_) + Section(7, exports_);
    if (!start_.empty()) bytes += Byte(8) + Sized(start_);
    return bytes + Section(10, codes_) + Section(11, data_) + custom_;
  }
  // As FUNCTION LOAD takes it.
  std::string Library(std::string_view name) const {
    return (std::string("#!wasm name=") += name) + "\n" + Bytes();
  }

 private:
  static std::string Section(uint8_t id, const std::vector<std::string>& items) {
    if (items.empty()) return {};
    std::string content = Unsigned(items.size());
    for (const std::string& item : items) content += item;
    return Byte(id) + Sized(content);
  }

  std::vector<std::string> types_, imports_, functions_, tables_, globals_, exports_, codes_, data_;
  std::string memory_;
  std::string start_;
  std::string custom_;
};

}  // namespace shredder::engine::wasm_code
