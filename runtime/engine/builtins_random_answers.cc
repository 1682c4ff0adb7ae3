#include "runtime/engine/builtins_random_answers.h"

#include <bit>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <utility>

namespace shredder::engine {

std::string Quoted(std::string_view utf8) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : utf8) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || c == '"' || c == '\\') {
      json += "\\u00";
      json += kHex[byte >> 4];
      json += kHex[byte & 15];
    } else {
      json += c;
    }
  }
  return json + "\"";
}

std::string Undefined() { return "{}"; }
std::string Boolean(bool value) { return value ? "true" : "false"; }
std::string Integer(int64_t value) { return std::to_string(value); }
std::string Throws(char kind) { return std::string("{\"throws\":\"") + kind + "\"}"; }
std::string Float64(double value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx",
                static_cast<unsigned long long>(std::bit_cast<uint64_t>(value)));
  return std::string("{\"float64\":\"") + text + "\"}";
}
std::string BigInt(const std::string& digits) { return "{\"bigint\":\"" + digits + "\"}"; }
std::string Join(const std::vector<std::string>& items) {
  std::string json = "[";
  for (const std::string& item : items) {
    if (json.size() > 1) json += ',';
    json += item;
  }
  return json + "]";
}

uint32_t Digest(std::string_view bytes) {
  uint32_t hash = 0x811c9dc5;
  for (const char c : bytes) hash = (hash ^ static_cast<uint8_t>(c)) * 0x01000193;
  return hash;
}

namespace {

std::string AnswerGet(StoreModel& model, const std::string& key, const Arguments& with) {
  const std::string* value = model.Get(key);
  if (value == nullptr) return Integer(-1);
  Buffer& into = *with.buffer;
  std::memcpy(into.memory.data() + into.offset, value->data(), std::min(into.size, value->size()));
  return Integer(static_cast<int64_t>(value->size()));
}

std::string AnswerLength(StoreModel& model, const std::string& key, const Arguments&) {
  const std::string* value = model.Get(key);
  return Integer(value == nullptr ? -1 : static_cast<int64_t>(value->size()));
}

std::string AnswerHas(StoreModel& model, const std::string& key, const Arguments&) {
  return Boolean(model.Get(key) != nullptr);
}

std::string AnswerUint32(StoreModel& model, const std::string& key, const Arguments& with) {
  const auto element = Element<uint32_t>(model, key, with.number);
  return element ? Integer(*element) : Undefined();
}

std::string AnswerFloat64(StoreModel& model, const std::string& key, const Arguments& with) {
  const auto element = Element<double>(model, key, with.number);
  return element ? Float64(*element) : Undefined();
}

std::string AnswerSet(StoreModel& model, const std::string& key, const Arguments& with) {
  model.Set(key, std::string(with.buffer->bytes()));
  return Boolean(true);
}

// The UTF-8 of what bytes are as text: each of what is malformed, as much of it as could begin a
// character, is U+FFFD (Unicode 15, section 3.9, "maximal subparts").
std::string LossyUtf8(const std::string& bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const auto byte_at = [&](size_t i) -> uint32_t {
      return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0;
    };
    const uint32_t first = byte_at(at);
    const size_t size = first < 0x80                    ? 1
                        : first >= 0xc2 && first < 0xe0 ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
    size_t good = size == 0 ? 0 : 1;
    for (; good > 0 && good < size; ++good) {
      const uint32_t next = byte_at(at + good);
      const bool second = good == 1;
      const uint32_t least = second && first == 0xe0 ? 0xa0 : second && first == 0xf0 ? 0x90 : 0x80;
      const uint32_t most = second && first == 0xed ? 0x9f : second && first == 0xf4 ? 0x8f : 0xbf;
      if (next < least || next > most) break;
    }
    if (size != 0 && good == size) {
      text += bytes.substr(at, size);
      at += size;
    } else {
      text += "\ufffd";
      at += std::max<size_t>(good, 1);
    }
  }
  return text;
}

// FNV-1a over the UTF-16 units of UTF-8, and their number.
std::pair<uint32_t, size_t> DigestOfUnits(const std::string& utf8) {
  uint32_t hash = 0x811c9dc5;
  size_t count = 0;
  const auto add = [&](uint32_t unit) {
    hash = (hash ^ unit) * 0x01000193;
    ++count;
  };
  for (size_t at = 0; at < utf8.size();) {
    const auto first = static_cast<uint8_t>(utf8[at]);
    const size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t character = size == 1 ? first : first & (0xff >> (size + 1));
    for (size_t i = 1; i < size; ++i) {
      character = character << 6 | (static_cast<uint8_t>(utf8[at + i]) & 0x3f);
    }
    at += size;
    if (character < 0x10000) {
      add(character);
    } else {
      add(0xd800 + ((character - 0x10000) >> 10));
      add(0xdc00 + ((character - 0x10000) & 0x3ff));
    }
  }
  return {hash, count};
}

// textOf of the program: a short text itself, of a longer one the digest.
std::string AnswerText(StoreModel& model, const std::string& key, const Arguments&) {
  const std::string* value = model.Get(key);
  if (value == nullptr) return Undefined();
  const std::string text = LossyUtf8(*value);
  const auto [digest, units] = DigestOfUnits(text);
  return units < 300 ? Quoted(text) : Integer(digest);
}

std::string AnswerSetText(StoreModel& model, const std::string& key, const Arguments& with) {
  model.Set(key, with.text);
  return Boolean(true);
}

std::string AnswerAppend(StoreModel& model, const std::string& key, const std::string& more) {
  const std::string* before = model.Get(key);
  const std::string value = before == nullptr ? more : *before + more;
  model.SetKeepingExpiry(key, value);
  return Integer(static_cast<int64_t>(value.size()));
}

std::string AnswerTtl(StoreModel& model, const std::string& key, const Arguments&) {
  if (model.Get(key) == nullptr) return Undefined();
  const uint64_t at_ms = model.ExpiresAt(key);
  if (at_ms == 0) return Float64(std::numeric_limits<double>::infinity());
  return Integer(static_cast<int64_t>(at_ms - model.now_ms()));
}

std::string AnswerExpire(StoreModel& model, const std::string& key, const Arguments& with) {
  const auto now_ms = static_cast<int64_t>(model.now_ms());
  if (with.delta > kMaxSafeInteger - now_ms) return Throws('R');
  if (model.Get(key) == nullptr) return Boolean(false);
  if (with.delta <= 0) return Boolean(model.Delete(key));
  model.SetExpiresAt(key, model.now_ms() + static_cast<uint64_t>(with.delta));
  return Boolean(true);
}

std::string AnswerDelete(StoreModel& model, const std::string& key, const Arguments&) {
  return Boolean(model.Delete(key));
}

template <typename T, bool kIsLittle>
std::string AnswerView(StoreModel& model, const std::string& key, const Arguments& with) {
  const std::string* value = model.Get(key);
  if (value == nullptr) return Undefined();
  if (with.thrown != 0) return Throws(with.thrown);
  return ElementOfBytes<T>(*value, with.number, kIsLittle);
}

int64_t SumOfBytes(const std::string* value) {
  if (value == nullptr) return -1;
  int64_t sum = 0;
  for (const char c : *value) sum += static_cast<uint8_t>(c);
  return sum;
}

// The integer that a text is for INCRBY, or nothing.
std::optional<int64_t> DecimalInteger(const std::string& text) {
  int64_t integer = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
  const bool canonical = error == std::errc() && std::to_string(integer) == text;
  return canonical ? std::optional(integer) : std::nullopt;
}

std::string AnswerAdd(StoreModel& model, const std::string& key, const Arguments& with) {
  const std::string* value = model.Get(key);
  const std::optional<int64_t> before = value == nullptr ? 0 : DecimalInteger(*value);
  if (!before) return Throws('T');
  int64_t after;
  if (__builtin_add_overflow(*before, with.delta, &after) || std::abs(after) > kMaxSafeInteger) {
    return Throws('R');
  }
  model.SetKeepingExpiry(key, std::to_string(after));
  return Integer(after);
}

constexpr Builtin kBuiltins[] = {
    {"HTGet(k, a)", Builtin::Second::kBuffer, AnswerGet},
    {"HTGet.call(1, k, a, 3)", Builtin::Second::kBuffer, AnswerGet},
    {"HTLength(k)", Builtin::Second::kNone, AnswerLength},
    {"Reflect.apply(HTLength, null, [k])", Builtin::Second::kNone, AnswerLength},
    {"HTHas(k)", Builtin::Second::kNone, AnswerHas},
    {"HTGetUint32(k, a)", Builtin::Second::kIndex, AnswerUint32},
    {"HTGetUint32(...[k, a])", Builtin::Second::kIndex, AnswerUint32},
    {"HTGetFloat64(k, a)", Builtin::Second::kIndex, AnswerFloat64},
    {"HTGetFloat64.apply(null, [k, a])", Builtin::Second::kIndex, AnswerFloat64},
    {"HTSet(k, a)", Builtin::Second::kBuffer, AnswerSet},
    {"textOf(HTGetString(k))", Builtin::Second::kNone, AnswerText},
    {"textOf(HTGetString.call(null, k))", Builtin::Second::kNone, AnswerText},
    {"HTSet(k, a)", Builtin::Second::kText, AnswerSetText},
    {"HTSet(k, a, undefined)", Builtin::Second::kText, AnswerSetText},
    {"(HTSet(k, a), textOf(HTGetString(k)))", Builtin::Second::kText,
     [](StoreModel& model, const std::string& key, const Arguments& with) {
       model.Set(key, with.text);
       return AnswerText(model, key, with);
     }},
    {"HTSet(k, a, {keepTtl: true})", Builtin::Second::kText,
     [](StoreModel& model, const std::string& key, const Arguments& with) {
       model.SetKeepingExpiry(key, with.text);
       return Boolean(true);
     }},
    {"HTSet(k, a, {ifAbsent: true, ttl: 60})", Builtin::Second::kText,
     [](StoreModel& model, const std::string& key, const Arguments& with) {
       if (model.Get(key) != nullptr) return Boolean(false);
       model.Set(key, with.text);
       model.SetExpiresAt(key, model.now_ms() + 60);
       return Boolean(true);
     }},
    {"HTAppend(k, a)", Builtin::Second::kText,
     [](StoreModel& model, const std::string& key, const Arguments& with) {
       return AnswerAppend(model, key, with.text);
     }},
    {"HTAppend(k, a)", Builtin::Second::kBuffer,
     [](StoreModel& model, const std::string& key, const Arguments& with) {
       return AnswerAppend(model, key, std::string(with.buffer->bytes()));
     }},
    {"HTTtl(k)", Builtin::Second::kNone, AnswerTtl},
    // Infinity, which is refused elsewhere, would be an answer.
    {"HTExpire(k, a === Infinity ? NaN : a)", Builtin::Second::kDelta, AnswerExpire},
    {"HTDelete(k)", Builtin::Second::kNone, AnswerDelete},
    // What a write changes between two reads.
    {"(HTLength(k), HTDelete(k), HTLength(k))", Builtin::Second::kNone,
     [](StoreModel& model, const std::string& key, const Arguments&) {
       model.Delete(key);
       return Integer(-1);
     }},
    {"(HTHas(k), HTSet(k, a), HTLength(k))", Builtin::Second::kBuffer,
     [](StoreModel& model, const std::string& key, const Arguments& with) {
       model.Set(key, std::string(with.buffer->bytes()));
       return Integer(static_cast<int64_t>(with.buffer->size));
     }},
    {"HTView(k)?.getInt8(a)", Builtin::Second::kOffset, AnswerView<int8_t, false>},
    {"HTView(k)?.getInt8(a, true)", Builtin::Second::kOffset, AnswerView<int8_t, true>},
    {"HTView(k)?.getUint8(a)", Builtin::Second::kOffset, AnswerView<uint8_t, false>},
    {"HTView(k)?.getUint8(a, true)", Builtin::Second::kOffset, AnswerView<uint8_t, true>},
    {"HTView(k)?.getInt16(a)", Builtin::Second::kOffset, AnswerView<int16_t, false>},
    {"HTView(k)?.getInt16(a, true)", Builtin::Second::kOffset, AnswerView<int16_t, true>},
    {"HTView(k)?.getUint16(a)", Builtin::Second::kOffset, AnswerView<uint16_t, false>},
    {"HTView(k)?.getUint16(a, true)", Builtin::Second::kOffset, AnswerView<uint16_t, true>},
    {"HTView(k)?.getInt32(a)", Builtin::Second::kOffset, AnswerView<int32_t, false>},
    {"HTView(k)?.getInt32(a, true)", Builtin::Second::kOffset, AnswerView<int32_t, true>},
    {"HTView(k)?.getUint32(a)", Builtin::Second::kOffset, AnswerView<uint32_t, false>},
    {"HTView(k)?.getUint32(a, true)", Builtin::Second::kOffset, AnswerView<uint32_t, true>},
    {"HTView(k)?.getFloat32(a)", Builtin::Second::kOffset, AnswerView<float, false>},
    {"HTView(k)?.getFloat32(a, true)", Builtin::Second::kOffset, AnswerView<float, true>},
    {"HTView(k)?.getFloat64(a)", Builtin::Second::kOffset, AnswerView<double, false>},
    {"HTView(k)?.getFloat64(a, true)", Builtin::Second::kOffset, AnswerView<double, true>},
    {"HTView(k)?.getBigInt64(a)", Builtin::Second::kOffset, AnswerView<int64_t, false>},
    {"HTView(k)?.getBigInt64(a, true)", Builtin::Second::kOffset, AnswerView<int64_t, true>},
    {"HTView(k)?.getBigUint64(a)", Builtin::Second::kOffset, AnswerView<uint64_t, false>},
    {"HTView(k)?.getBigUint64(a, true)", Builtin::Second::kOffset, AnswerView<uint64_t, true>},
    {"HTView(k)?.byteLength", Builtin::Second::kNone,
     [](StoreModel& model, const std::string& key, const Arguments&) {
       const std::string* value = model.Get(key);
       return value == nullptr ? Undefined() : Integer(static_cast<int64_t>(value->size()));
     }},
    {"sum(HTView(k))", Builtin::Second::kNone,
     [](StoreModel& model, const std::string& key, const Arguments&) {
       return Integer(SumOfBytes(model.Get(key)));
     }},
    // A view shows what was there when it was made.
    {"((v) => (HTSet(k, a), sum(v)))(HTView(k))", Builtin::Second::kBuffer,
     [](StoreModel& model, const std::string& key, const Arguments& with) {
       const int64_t sum = SumOfBytes(model.Get(key));
       model.Set(key, std::string(with.buffer->bytes()));
       return Integer(sum);
     }},
    {"((v) => (HTDelete(k), sum(v)))(HTView(k))", Builtin::Second::kNone,
     [](StoreModel& model, const std::string& key, const Arguments&) {
       const int64_t sum = SumOfBytes(model.Get(key));
       model.Delete(key);
       return Integer(sum);
     }},
    {"HTAdd(k, a)", Builtin::Second::kDelta, AnswerAdd},
    {"HTAdd(k, a) + HTAdd(k, -a)", Builtin::Second::kDelta,
     [](StoreModel& model, const std::string& key, const Arguments& with) {
       const std::string first = AnswerAdd(model, key, with);
       if (first.front() == '{') return first;
       Arguments back = with;
       back.delta = -with.delta;
       const std::string second = AnswerAdd(model, key, back);
       if (second.front() == '{') return second;
       return Float64(std::strtod(first.c_str(), nullptr) + std::strtod(second.c_str(), nullptr));
     }},
};

}  // namespace

std::span<const Builtin> Builtins() { return kBuiltins; }

}  // namespace shredder::engine
