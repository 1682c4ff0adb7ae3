#include "runtime/engine/typed_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <variant>

#include "runtime/resp/number.h"

namespace shredder::engine {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
// Between two looks at the watchdog; whole groups of base64.
constexpr size_t kPieceBytes = 48 * 1024;

// Recursion ends at the depth that the engine grants a value. Each member returns false once there
// is too much, or the run has been ended.
class Writer {
 public:
  Writer(Watchdog* watchdog, uint64_t max_bytes, std::string* json)
      : watchdog_(watchdog), steps_(watchdog), max_bytes_(max_bytes), json_(*json) {}

  bool ended() const { return ended_; }

  bool Write(const Value& value) {
    if (!steps_.Step()) return End();
    return std::visit(*this, value.data) && Fits();
  }

  bool operator()(const Null&) { return Put("null"); }
  bool operator()(const Undefined&) { return Put(R"({"$undefined":true})"); }
  bool operator()(bool value) { return Put(value ? "true" : "false"); }
  bool operator()(int64_t value) { return PutBigInt(std::to_string(value)); }
  bool operator()(const BigInt& value) { return PutBigInt(value.digits); }
  bool operator()(double value) {
    if (std::isfinite(value) && !(value == 0 && std::signbit(value))) {
      resp::AppendDouble(value, &json_);
      return true;
    }
    const char* const name = value == 0          ? "-0"
                             : std::isnan(value) ? "NaN"
                             : value < 0         ? "-Infinity"
                                                 : "Infinity";
    return Put(R"({"$number":")") && Put(name) && Put("\"}");
  }
  bool operator()(const Date& value) {
    if (value.iso.empty()) return Put(R"({"$date":null})");
    return Put(R"({"$date":")") && Put(value.iso) && Put("\"}");
  }
  bool operator()(const Text& value) { return PutText(value.utf8); }
  bool operator()(const Bytes& value) {
    return Put(R"({"$bytes":")") && PutBase64(value.bytes) && Put("\"}");
  }
  bool operator()(const Error& value) {
    return Put(R"({"$error":)") && PutText(value.message) && Put("}");
  }
  bool operator()(const Array& value) { return PutItems(value.items); }
  bool operator()(const Set& value) {
    return Put(R"({"$set":)") && PutItems(value.items) && Put("}");
  }
  bool operator()(const Map& value) {
    Put(R"({"$map":[)");
    bool is_first = true;
    for (const auto& [key, item] : value.items) {
      if (!is_first) Put(",");
      is_first = false;
      if (!(Put("[") && Write(key) && Put(",") && Write(item) && Put("]"))) return false;
    }
    return Put("]}");
  }
  bool operator()(const Object& value) {
    const auto is_member = [](const MapItem& item) {
      return !std::holds_alternative<Undefined>(item.value.data);
    };
    const auto members = std::count_if(value.items.begin(), value.items.end(), is_member);
    bool needs_escape = false;
    if (members == 1) {
      const auto only = std::find_if(value.items.begin(), value.items.end(), is_member);
      needs_escape = NameOf(*only).starts_with('$');
    }
    if (needs_escape) Put(R"({"$object":)");
    Put("{");
    bool is_first = true;
    for (const MapItem& item : value.items) {
      if (!steps_.Step()) return End();
      if (!is_member(item)) continue;
      if (!is_first) Put(",");
      is_first = false;
      if (!(PutText(NameOf(item)) && Put(":") && Write(item.value))) return false;
    }
    return Put("}") && (!needs_escape || Put("}"));
  }

 private:
  static std::string_view NameOf(const MapItem& item) {
    const Text* const name = std::get_if<Text>(&item.key.data);
    return name != nullptr ? std::string_view(name->utf8) : std::string_view();
  }

  bool End() {
    ended_ = true;
    return false;
  }
  bool Fits() const { return json_.size() <= max_bytes_; }
  bool Poll() { return watchdog_->Poll() || End(); }

  bool Put(std::string_view text) {
    json_ += text;
    return true;
  }
  bool PutBigInt(std::string_view digits) {
    return Put(R"({"$bigint":")") && Put(digits) && Put("\"}");
  }

  bool PutItems(const std::vector<Value>& items) {
    Put("[");
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) Put(",");
      if (!Write(items[i])) return false;
    }
    return Put("]");
  }

  static bool IsPlain(char c) { return static_cast<uint8_t>(c) >= 0x20 && c != '"' && c != '\\'; }

  bool PutText(std::string_view text) {
    Put("\"");
    for (size_t at = 0; at < text.size(); at += kPieceBytes) {
      PutPiece(text.substr(at, kPieceBytes));
      if (!Fits() || (text.size() > kPieceBytes && !Poll())) return false;
    }
    return Put("\"");
  }

  void PutPiece(std::string_view text) {
    while (!text.empty()) {
      const auto special = std::find_if_not(text.begin(), text.end(), IsPlain);
      const auto plain = static_cast<size_t>(special - text.begin());
      json_ += text.substr(0, plain);
      if (plain == text.size()) return;
      const char c = text[plain];
      text.remove_prefix(plain + 1);
      if (c == '"' || c == '\\') {
        json_ += '\\';
        json_ += c;
      } else if (c == '\n') {
        json_ += "\\n";
      } else {
        json_ += "\\u00";
        json_ += kHex[static_cast<uint8_t>(c) >> 4];
        json_ += kHex[static_cast<uint8_t>(c) & 15];
      }
    }
  }

  bool PutBase64(std::string_view bytes) {
    for (size_t at = 0; at < bytes.size(); at += kPieceBytes) {
      PutBase64Piece(bytes.substr(at, kPieceBytes));
      if (!Fits() || (bytes.size() > kPieceBytes && !Poll())) return false;
    }
    return true;
  }

  void PutBase64Piece(std::string_view bytes) {
    for (size_t i = 0; i < bytes.size(); i += 3) {
      const size_t count = std::min<size_t>(3, bytes.size() - i);
      uint32_t group = 0;
      for (size_t j = 0; j < 3; ++j) {
        group = group << 8 | (j < count ? static_cast<uint8_t>(bytes[i + j]) : 0u);
      }
      for (size_t j = 0; j < 4; ++j) {
        json_ += j <= count ? kBase64[group >> (18 - 6 * j) & 63] : '=';
      }
    }
  }

  Watchdog* const watchdog_;
  WatchedSteps steps_;
  const uint64_t max_bytes_;
  std::string& json_;
  bool ended_ = false;
};

}  // namespace

TypedJsonOutcome WriteTypedJson(const Value& value, Watchdog* watchdog, uint64_t max_bytes,
                                std::string* json) {
  Writer writer(watchdog, max_bytes, json);
  if (writer.Write(value)) return TypedJsonOutcome::kWritten;
  return writer.ended() ? TypedJsonOutcome::kEnded : TypedJsonOutcome::kTooLarge;
}

}  // namespace shredder::engine
