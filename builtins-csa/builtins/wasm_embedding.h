// What the engine does with V8's WebAssembly that V8's interface for embedders has not: above all,
// functions in C++ that modules import and call with their own values, of which no JavaScript
// values are made.
//
// Thread: the isolate's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "v8-function.h"
#include "v8-local-handle.h"

namespace shredder::wasm {

enum class Type : uint8_t { kI32, kI64, kF64 };

struct FunctionType {
  std::vector<Type> parameters;
  std::vector<Type> results;
};

// `data`: see DataOf. `values`: the arguments one behind the other, unaligned, of 4 bytes for an
// i32 and of 8 else; the result is to be written to the start of it. Returns 0, or what Throw
// returned. May run JavaScript's collector, but no JavaScript.
using Import = uintptr_t (*)(uintptr_t data, uintptr_t values);

// Makes `context`, which is to be entered, ready for modules: V8 does so when it makes a
// context only where all are to have the global. Before anything else here; it may be called again.
void Install(v8::Local<v8::Context> context);

// A function that only WebAssembly can call: called by JavaScript, it throws a TypeError. To link
// it as a function of another type is a LinkError. Its native code is made once for its type in a
// module, whatever instances import. `data` must outlive the context's code.
v8::Local<v8::Function> MakeImport(v8::Local<v8::Context> context, Import import, void* data,
                                   const FunctionType& type);

// The `data` that MakeImport was given, of an Import's first argument.
inline void* DataOf(uintptr_t data) {
  // A Foreign's tagged pointer, and its first field: wasm_import.cc holds this to be so.
  constexpr uintptr_t kTag = 1;
  constexpr uintptr_t kMapBytes = 8;
  return *reinterpret_cast<void**>(data - kTag + kMapBytes);
}

// A linear memory, until its module runs again.
struct Memory {
  uint8_t* start = nullptr;
  uint64_t size = 0;  // in bytes

  // The `length` bytes at `offset`; null where they do not all lie in it.
  uint8_t* At(uint32_t offset, uint64_t length) const {
    return offset <= size && length <= size - offset ? start + offset : nullptr;
  }
};

// That of the instance which has called the running Import; an empty one where it has none.
Memory CallerMemory(v8::Isolate* isolate);
// That of a WebAssembly.Memory; an empty one where it is none.
Memory MemoryOf(v8::Local<v8::Value> value);

enum class ErrorType : uint8_t { kTypeError, kRangeError };

// What an Import returns to throw such an error in its caller. `message`: ASCII, of one line.
uintptr_t Throw(v8::Local<v8::Context> context, ErrorType type, std::string_view message);

// Lets V8's interrupts, a termination above all, into an Import that runs for long, which is to ask
// about once a millisecond. 0, or what the Import is to return at once. Other memory of the module
// than it had does not come of it.
uintptr_t Poll(v8::Local<v8::Context> context);

// The type of a function that a module exports; nothing of any other value, and where values of
// other types are among its parameters and results.
std::optional<FunctionType> TypeOf(v8::Local<v8::Value> value);

// The constructors of a context's WebAssembly, which no global object need have.
struct Constructors {
  v8::Local<v8::Function> module, instance, memory, table, global, compile_error, link_error,
      runtime_error;
};
Constructors ConstructorsOf(v8::Local<v8::Context> context);

// How many types of functions the process knows by now, of all modules that it has ever met. V8
// compiles no more modules beyond 32,768.
size_t KnownTypes();

// What the compiled code of all modules of the process takes, in bytes.
size_t CodeBytes();

}  // namespace shredder::wasm
