#include "runtime/engine/wasm/call_block.h"

#include <unicode/utf8.h>

#include <cstring>
#include <utility>

#include "runtime/engine/size_text.h"
#include "runtime/engine/v8_strings.h"
#include "runtime/engine/value_reader.h"

namespace shredder::engine {

namespace {

constexpr uint64_t kSliceBytes = 8;  // an address and a length
// Of a reply: a kind, a size, and eight bytes for a number or an address.
constexpr uint64_t kReplyBytes = 16;
constexpr uint32_t kReplySizeOffset = 4;
constexpr uint32_t kReplyDataOffset = 8;

enum ReplyKind : uint32_t {
  kNull,
  kBoolean,  // its size is 0 or 1
  kInteger,  // i64
  kDouble,   // f64
  kText,     // UTF-8: bytes at an address
  kBytes,    // bytes at an address
  kArray,    // as many replies as its size says, at an address
  kMap,      // twice as many: keys and values in turns
  kError,    // a text
};

template <typename T>
T Load(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
void StoreUint32(uint8_t* to, uint32_t value) { std::memcpy(to, &value, sizeof value); }

// Whether it is UTF-8, which a client that gets a text takes for granted.
bool IsUtf8(std::string_view text) {
  const auto length = static_cast<int64_t>(text.size());
  for (int64_t i = 0; i < length;) {
    int32_t character;
    U8_NEXT(text.data(), i, length, character);
    if (character < 0) return false;
  }
  return true;
}

class ReplyReader {
 public:
  ReplyReader(const wasm::Memory& memory, WatchedSteps* steps, uint64_t max_bytes,
              std::string* error)
      : memory_(memory), steps_(steps), max_bytes_(max_bytes), error_(error) {}

  ReplyOutcome Read(uint32_t address, int depth, Value* result) {
    if (depth > kMaxReplyDepth) return Fail("a reply is nested more than 32 deep");
    if (!steps_->Step()) return ReplyOutcome::kEnded;
    if (!Charge(sizeof(Value))) return ReplyOutcome::kInvalid;
    const uint8_t* const reply = memory_.At(address, kReplyBytes);
    if (reply == nullptr) return Fail("a reply lies outside of the module's memory");
    const auto kind = Load<uint32_t>(reply);
    const auto size = Load<uint32_t>(reply + kReplySizeOffset);
    const uint8_t* const data = reply + kReplyDataOffset;
    switch (kind) {
      case kNull:
        result->data = Null{};
        return ReplyOutcome::kRead;
      case kBoolean:
        result->data = size != 0;
        return ReplyOutcome::kRead;
      case kInteger:
        result->data = Load<int64_t>(data);
        return ReplyOutcome::kRead;
      case kDouble:
        result->data = Load<double>(data);
        return ReplyOutcome::kRead;
      case kText:
      case kBytes:
      case kError:
        return ReadBytes(kind, Load<uint32_t>(data), size, result);
      case kArray: {
        Array array;
        const ReplyOutcome outcome = ReadItems(Load<uint32_t>(data), size, depth, &array.items);
        result->data = std::move(array);
        return outcome;
      }
      case kMap:
        return ReadMap(Load<uint32_t>(data), size, depth, result);
      default:
        return Fail("a reply is of kind " + std::to_string(kind) + ", which there is not");
    }
  }

 private:
  ReplyOutcome Fail(std::string error) {
    *error_ = std::move(error);
    return ReplyOutcome::kInvalid;
  }

  // Counts what the reply takes up, before it does.
  bool Charge(uint64_t bytes) {
    if (bytes > max_bytes_ - charged_) {
      *error_ = "a reply is larger than " + SizeText(max_bytes_);
      return false;
    }
    charged_ += bytes;
    return true;
  }

  ReplyOutcome ReadBytes(uint32_t kind, uint32_t address, uint32_t size, Value* result) {
    const uint8_t* const bytes = memory_.At(address, size);
    if (bytes == nullptr) return Fail("a reply's bytes lie outside of the module's memory");
    if (!Charge(size)) return ReplyOutcome::kInvalid;
    std::string copy(reinterpret_cast<const char*>(bytes), size);
    if (kind != kBytes && !IsUtf8(copy)) {
      return Fail("a reply's text is not UTF-8; reply with bytes");
    }
    if (kind == kText) {
      result->data = Text{std::move(copy)};
    } else if (kind == kBytes) {
      result->data = Bytes{std::move(copy)};
    } else {
      result->data = Error{"ERR " + OneLine(copy)};
    }
    return ReplyOutcome::kRead;
  }

  ReplyOutcome ReadItems(uint32_t address, uint64_t count, int depth, std::vector<Value>* items) {
    if (memory_.At(address, count * kReplyBytes) == nullptr) {
      return Fail("a reply's elements lie outside of the module's memory");
    }
    for (uint64_t i = 0; i < count; ++i) {
      const ReplyOutcome outcome =
          Read(static_cast<uint32_t>(address + i * kReplyBytes), depth + 1, &items->emplace_back());
      if (outcome != ReplyOutcome::kRead) return outcome;
    }
    return ReplyOutcome::kRead;
  }

  ReplyOutcome ReadMap(uint32_t address, uint32_t size, int depth, Value* result) {
    std::vector<Value> flat;
    const ReplyOutcome outcome = ReadItems(address, uint64_t{size} * 2, depth, &flat);
    if (outcome != ReplyOutcome::kRead) return outcome;
    Map map;
    for (size_t i = 0; i + 1 < flat.size(); i += 2) {
      map.items.push_back({std::move(flat[i]), std::move(flat[i + 1])});
    }
    result->data = std::move(map);
    return ReplyOutcome::kRead;
  }

  const wasm::Memory memory_;
  WatchedSteps* const steps_;
  const uint64_t max_bytes_;
  std::string* const error_;
  uint64_t charged_ = 0;
};

}  // namespace

uint64_t CallBlockBytes(std::span<const std::string_view> keys,
                        std::span<const std::string_view> args) {
  uint64_t bytes = kCallHeaderBytes + (keys.size() + args.size()) * kSliceBytes;
  for (const std::string_view key : keys) bytes += key.size();
  for (const std::string_view arg : args) bytes += arg.size();
  return bytes;
}

void WriteCallBlock(std::span<const std::string_view> keys, std::span<const std::string_view> args,
                    uint32_t address, uint8_t* at) {
  std::memset(at, 0, kCallHeaderBytes);
  StoreUint32(at, static_cast<uint32_t>(keys.size()));
  StoreUint32(at + 4, static_cast<uint32_t>(args.size()));
  uint64_t slice = kCallHeaderBytes;
  uint64_t bytes = kCallHeaderBytes + (keys.size() + args.size()) * kSliceBytes;
  for (const auto texts : {keys, args}) {
    for (const std::string_view text : texts) {
      StoreUint32(at + slice, static_cast<uint32_t>(address + bytes));
      StoreUint32(at + slice + 4, static_cast<uint32_t>(text.size()));
      std::memcpy(at + bytes, text.data(), text.size());
      slice += kSliceBytes;
      bytes += text.size();
    }
  }
}

ReplyOutcome ReadReply(const wasm::Memory& memory, uint32_t address, WatchedSteps* steps,
                       uint64_t max_bytes, Value* result, std::string* error) {
  if (address == 0) {
    result->data = Null{};
    return ReplyOutcome::kRead;
  }
  return ReplyReader(memory, steps, max_bytes, error).Read(address, 0, result);
}

}  // namespace shredder::engine
