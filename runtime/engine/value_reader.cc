#include "runtime/engine/value_reader.h"

#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "runtime/engine/exception.h"
#include "runtime/engine/size_text.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

class ValueReader {
 public:
  ValueReader(v8::Local<v8::Context> context, WatchedSteps* steps, uint64_t max_bytes)
      : isolate_(context->GetIsolate()), context_(context), steps_(steps), max_bytes_(max_bytes) {}

  bool Read(v8::Local<v8::Value> value, int depth, Value* result) {
    if (depth > kMaxReplyDepth)
      return Throw("a reply is nested more than 32 deep, or refers to itself");
    if (!steps_->Step() || !Charge(sizeof(Value))) return false;
    if (value->IsUndefined()) {
      result->data = Undefined{};
    } else if (value->IsNull()) {
      result->data = Null{};
    } else if (value->IsBoolean()) {
      result->data = value->IsTrue();
    } else if (value->IsNumber()) {
      result->data = value.As<v8::Number>()->Value();
    } else if (value->IsBigInt()) {
      return ReadBigInt(value.As<v8::BigInt>(), result);
    } else if (value->IsString()) {
      return ReadString(value.As<v8::String>(), result);
    } else if (value->IsArrayBuffer()) {
      const v8::Local<v8::ArrayBuffer> buffer = value.As<v8::ArrayBuffer>();
      return ReadBytes(buffer->Data(), buffer->ByteLength(), result);
    } else if (value->IsArrayBufferView()) {
      return ReadView(value.As<v8::ArrayBufferView>(), result);
    } else if (value->IsArray()) {
      Array array;
      if (!ReadItems(value.As<v8::Array>(), depth, &array.items)) return false;
      result->data = std::move(array);
    } else if (value->IsSet()) {
      Set set;
      if (!ReadItems(value.As<v8::Set>()->AsArray(), depth, &set.items)) return false;
      result->data = std::move(set);
    } else if (value->IsMap()) {
      return ReadMap(value.As<v8::Map>()->AsArray(), depth, result);
    } else if (value->IsNativeError()) {
      return ReadError(value.As<v8::Object>(), result);
    } else if (value->IsDate()) {
      return ReadDate(value.As<v8::Date>(), result);
    } else if (value->IsFunction() || value->IsSymbol()) {
      return Throw("a function or a symbol cannot be a reply");
    } else if (value->IsObject()) {
      return ReadObject(value.As<v8::Object>(), depth, result);
    } else {
      return Throw("a value of this type cannot be a reply");
    }
    return true;
  }

 private:
  bool Throw(const char* message) {
    isolate_->ThrowException(v8::Exception::TypeError(AsciiString(isolate_, message)));
    return false;
  }

  bool ThrowTooLarge() { return Throw(("a reply is larger than " + SizeText(max_bytes_)).c_str()); }

  // Counts what the reply takes up, before it does.
  bool Charge(size_t bytes) {
    if (bytes > max_bytes_ - charged_) return ThrowTooLarge();
    charged_ += bytes;
    return true;
  }

  bool ReadBytes(const void* data, size_t size, Value* result) {
    if (!Charge(size)) return false;
    result->data = Bytes{std::string(static_cast<const char*>(data), size)};
    return true;
  }

  // Charges for the string's UTF-8 bytes. Their number is asked of short strings only: V8 flattens
  // the string for it, and ends the process where its heap has no room for that.
  bool ChargeString(v8::Local<v8::String> string) {
    const size_t characters = static_cast<size_t>(string->Length());
    if (characters > max_bytes_ - charged_) return Charge(characters);
    return Charge(static_cast<size_t>(string->Utf8Length(isolate_)));
  }

  bool ReadString(v8::Local<v8::String> string, Value* result) {
    if (!ChargeString(string)) return false;
    // Lone surrogates become U+FFFD.
    result->data = Text{Utf8(isolate_, string)};
    return true;
  }

  bool ReadDate(v8::Local<v8::Date> date, Value* result) {
    Date read;
    if (!std::isnan(date->ValueOf())) read.iso = Utf8(isolate_, date->ToISOString());
    if (!Charge(read.iso.size())) return false;
    result->data = std::move(read);
    return true;
  }

  bool ReadView(v8::Local<v8::ArrayBufferView> view, Value* result) {
    const size_t size = view->ByteLength();
    if (!Charge(size)) return false;
    std::string bytes(size, '\0');
    bytes.resize(view->CopyContents(bytes.data(), size));
    result->data = Bytes{std::move(bytes)};
    return true;
  }

  bool ReadBigInt(v8::Local<v8::BigInt> bigint, Value* result) {
    bool lossless = false;
    const int64_t integer = bigint->Int64Value(&lossless);
    if (lossless) {
      result->data = integer;
      return true;
    }
    // 64 bits are 19 digits and a quarter.
    const size_t words = static_cast<size_t>(bigint->WordCount());
    if (words > (max_bytes_ - charged_) / 19) return Charge(words * 19);
    v8::Local<v8::String> digits;
    if (!bigint->ToString(context_).ToLocal(&digits) || !ChargeString(digits)) return false;
    result->data = BigInt{Utf8(isolate_, digits)};
    return true;
  }

  bool ReadItems(v8::Local<v8::Array> array, int depth, std::vector<Value>* items) {
    const uint32_t length = array->Length();
    if (!Charge(size_t{length} * sizeof(Value))) return false;
    for (uint32_t i = 0; i < length; ++i) {
      v8::HandleScope scope(isolate_);
      v8::Local<v8::Value> item;
      if (!array->Get(context_, i).ToLocal(&item)) return false;
      if (!Read(item, depth + 1, &items->emplace_back())) return false;
    }
    return true;
  }

  // `entries` holds keys and values in turns.
  bool ReadMap(v8::Local<v8::Array> entries, int depth, Value* result) {
    Array flat;
    if (!ReadItems(entries, depth, &flat.items)) return false;
    Map map;
    for (size_t i = 0; i + 1 < flat.items.size(); i += 2) {
      map.items.push_back({std::move(flat.items[i]), std::move(flat.items[i + 1])});
    }
    result->data = std::move(map);
    return true;
  }

  bool ReadObject(v8::Local<v8::Object> object, int depth, Value* result) {
    v8::Local<v8::Array> names;
    if (!object
             ->GetOwnPropertyNames(
                 context_, static_cast<v8::PropertyFilter>(v8::ONLY_ENUMERABLE | v8::SKIP_SYMBOLS),
                 v8::KeyConversionMode::kConvertToString)
             .ToLocal(&names)) {
      return false;
    }
    Object properties;
    for (uint32_t i = 0; i < names->Length(); ++i) {
      v8::HandleScope scope(isolate_);
      v8::Local<v8::Value> name, property;
      auto& item = properties.items.emplace_back();
      if (!names->Get(context_, i).ToLocal(&name) || !Read(name, depth + 1, &item.key) ||
          !object->Get(context_, name).ToLocal(&property) ||
          !Read(property, depth + 1, &item.value)) {
        return false;
      }
    }
    result->data = std::move(properties);
    return true;
  }

  bool ReadError(v8::Local<v8::Object> error, Value* result) {
    v8::Local<v8::Value> message;
    if (!error->Get(context_, AsciiString(isolate_, "message")).ToLocal(&message)) return false;
    v8::Local<v8::String> text;
    if (!message->ToString(context_).ToLocal(&text)) return false;
    std::string line = "ERR " + ErrorText(isolate_, text);
    if (!Charge(line.size())) return false;
    result->data = Error{std::move(line)};
    return true;
  }

  v8::Isolate* isolate_;
  v8::Local<v8::Context> context_;
  WatchedSteps* steps_;
  const size_t max_bytes_;
  size_t charged_ = 0;
};

}  // namespace

bool ReadValue(v8::Local<v8::Context> context, v8::Local<v8::Value> value, WatchedSteps* steps,
               uint64_t max_bytes, Value* result) {
  return ValueReader(context, steps, max_bytes).Read(value, 0, result);
}

}  // namespace shredder::engine
