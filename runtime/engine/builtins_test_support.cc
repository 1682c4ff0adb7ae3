#include "runtime/engine/builtins_test_support.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace shredder::engine {

const char kKeyForms[] = R"js(
const isInteger = (s) => /^(0|[1-9][0-9]{0,15})$/.test(s) && Number(s) <= Number.MAX_SAFE_INTEGER;

function* pieces(s) {
  for (let i = 0, size = 1 + s.length % 5; i < s.length; i += size, size = size * 2 + 1) {
    yield s.slice(i, i + size);
  }
}

// A tree of concatenations of which both sides are concatenations.
function balanced(s) {
  if (s.length < 16) return s;
  const middle = s.length >> 1;
  return balanced(s.slice(0, middle)) + balanced(s.slice(middle));
}

// The ways in which V8 may hold the text `s`; undefined where one is not for that text. The
// builtins need no help with any of them that is ASCII.
const formsOf = {
  flat: (s) => s,
  number: (s) => isInteger(s) ? Number(s) : undefined,
  // Not a small integer to V8, even where it could be one.
  double: (s) => isInteger(s) ? new Float64Array([Number(s)])[0] : undefined,
  consLeft: (s) => [...pieces(s)].reduce((left, piece) => left + piece, ''),
  consRight: (s) => [...pieces(s)].reduceRight((right, piece) => piece + right, ''),
  sliced: (s) => ['before', s, 'after'].join('').slice(6, 6 + s.length),
  wideSliced: (s) => ['\u1234', s].join('').slice(1),
  wide: (s) => [formsOf.wideSliced(s), ''].join(''),
  wideCons: (s) => [...pieces(formsOf.wide(s))].reduce((left, piece) => left + piece, ''),
  consBalanced: (s) => balanced(s),
  consMixed: (s) => {
    const middle = s.length >> 1;
    return balanced(formsOf.wide(s).slice(0, middle)) + balanced(formsOf.sliced(s).slice(middle));
  },
  slicedOfCons: (s) => ('(' + formsOf.consLeft(s) + ')').slice(1, -1),
  internalized: (s) => {
    const object = Object.create(null);
    object[s] = 1;
    return Object.keys(object)[0];
  },
  // Of a string of its own: V8 makes it of a concatenation, which shorter strings are not, with what is not thin itself.
  thin: (s) => s.length >= 13 && /^[\0-\x7f]*$/.test(s)
      ? %ConstructThinString([s.slice(0, 7), s.slice(7)].join('')) : undefined,
};

function forms(s) {
  const all = {};
  for (const form in formsOf) {
    const value = formsOf[form](s);
    if (value !== undefined) all[form] = value;
  }
  return all;
}
)js";

std::string KeyText(uint64_t i) {
  const std::string n = std::to_string(i / 12);
  switch (i % 12) {
    case 0:
      return n;
    case 1:
      return std::to_string((1ull << 31) - 100 + i / 12);
    case 2:
      return std::to_string((1ull << 32) - 100 + i / 12);
    case 3:
      return std::to_string((1ull << 53) - 1 - i / 12);
    case 4:
      return std::to_string((1ull << 53) + i / 12);
    case 5:
      return "0" + n;
    case 6:
      return "key:" + n;
    case 7:
      return (n + std::string(40, '.')).substr(0, i / 12 % 41 + n.size());
    case 8:
      return n + std::string(255 - n.size(), 'p');
    case 9:
      return "Stra\u00dfe " + n;
    case 10:
      return n + " \u20ac\u4e2d";
    default:
      return "\U0001F600" + n;
  }
}

namespace {

std::vector<std::string> MakeSpecialKeys() {
  std::vector<std::string> keys = {"",
                                   "0",
                                   "00",
                                   "-0",
                                   "-1",
                                   "+1",
                                   "007",
                                   "1.0",
                                   "1e3",
                                   " 1",
                                   "1 ",
                                   "9",
                                   "10",
                                   "2147483647",
                                   "2147483648",
                                   "4294967295",
                                   "4294967296",
                                   "9007199254740990",
                                   "9007199254740991",
                                   "9007199254740992",
                                   "9007199254740993",
                                   "9999999999999999",
                                   "10000000000000000",
                                   "18446744073709551616",
                                   "12345678901234567",
                                   "1/",
                                   "1:",
                                   "/",
                                   ":",
                                   std::string(1, '\0'),
                                   std::string(9, '\0'),
                                   "a" + std::string(7, '\0'),
                                   "a" + std::string(8, '\0'),
                                   "\x7f",
                                   "~~~~~~~~\x7f",
                                   "undefined",
                                   "__proto__",
                                   "constructor",
                                   std::string(65'536, 'q'),
                                   std::string(65'535, '7'),
                                   "0123456789abcde",
                                   "0123456789abcdef",
                                   "8" + std::string(65'000, 'q')};
  for (size_t length = 1; length <= 40; ++length) {
    keys.push_back(std::string(length, 'x'));
    keys.push_back(std::string(length - 1, 'x') + "y");
  }
  for (const char* key : {"\u0080", "\u00ff", "\u0100", "\uffff", "\U00010000", "\U0010ffff",
                          "abcdefgh\u00e9", "abcdefghijklmnopqrstuvwxyz\u00e9",
                          "\u00e9"
                          "42"}) {
    keys.push_back(key);
  }
  std::string longest;
  for (int i = 0; i < 32'768; ++i) longest += "\u00df";
  keys.push_back(longest);
  return keys;
}

}  // namespace

const std::vector<std::string>& SpecialKeys() {
  static const std::vector<std::string>* keys = new std::vector<std::string>(MakeSpecialKeys());
  return *keys;
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

std::string AsCharacters(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x80) text.push_back(static_cast<char>(0xc0 | byte >> 6));
    text.push_back(static_cast<char>(byte >= 0x80 ? 0x80 | (byte & 0x3f) : byte));
  }
  return text;
}

std::string StoreModel::RandomValue() {
  if (Below(10) == 0) return RandomDecimal();
  if (Below(3) == 0) return RandomText();
  const uint64_t kind = Below(1'000);
  const uint64_t length = kind == 0 ? 1 << 20 : kind < 10 ? Below(5'000) : Below(301);
  std::string value(length, '\0');
  for (size_t i = 0; i < length; i += 8) {
    const uint64_t word = random_();
    std::memcpy(value.data() + i, &word, std::min<size_t>(8, length - i));
  }
  return value;
}

std::string StoreModel::RandomText() {
  static constexpr const char* kCharacters[] = {
      "a", "0", "\n", "~", "\u00df", "\u00ff", "\u0100", "\u20ac", "\uffff", "\U0001F600"};
  static constexpr size_t kAscii = 4, kLatin1 = 6;
  const size_t kinds[] = {kAscii, kAscii, kAscii, kLatin1, std::size(kCharacters)};
  const size_t kind = kinds[Below(std::size(kinds))];
  // Mostly of ASCII but for a few characters.
  const bool is_sparse = Below(2) == 0;
  const uint64_t length = Below(20) == 0 ? Below(6'000) : Below(Below(2) == 0 ? 24 : 301);
  std::string text;
  for (uint64_t i = 0; i < length; ++i) {
    text += kCharacters[Below(is_sparse && Below(50) != 0 ? kAscii : kind)];
  }
  return text;
}

std::string StoreModel::RandomDecimal() {
  static constexpr const char* kSpecial[] = {"0",
                                             "-0",
                                             "007",
                                             "+1",
                                             "1 ",
                                             "1e3",
                                             "-",
                                             "9007199254740991",
                                             "-9007199254740991",
                                             "9007199254740993",
                                             "9223372036854775807",
                                             "-9223372036854775808",
                                             "9223372036854775808"};
  if (Below(4) == 0) return kSpecial[Below(std::size(kSpecial))];
  return (Below(2) == 0 ? "-" : "") + std::to_string(1 + (Bits() >> (11 + Below(53))));
}

std::string StoreModel::RandomKey() {
  const std::vector<std::string>& special = SpecialKeys();
  return Below(10) == 0 ? special[Below(special.size())] : KeyText(Below(kKeys));
}

const std::string* StoreModel::Get(const std::string& key) const {
  const auto found = keys_.find(key);
  if (found == keys_.end()) return nullptr;
  const Expected& expected = found->second;
  const bool expired = expected.expires_at_ms != 0 && expected.expires_at_ms <= now_ms_;
  return expired ? nullptr : &expected.value;
}

void StoreModel::Set(const std::string& key, std::string value) {
  RecordUndo(key);
  keys_[key] = {std::move(value), 0};
}

void StoreModel::SetKeepingExpiry(const std::string& key, std::string value) {
  RecordUndo(key);
  const uint64_t expires_at_ms = Live(key) ? keys_[key].expires_at_ms : 0;
  keys_[key] = {std::move(value), expires_at_ms};
}

bool StoreModel::Delete(const std::string& key) {
  const bool live = Live(key);
  RecordUndo(key);
  keys_.erase(key);
  if (undo_) deleted_.insert(key);
  return live;
}

void StoreModel::SetExpiresAt(const std::string& key, uint64_t at_ms) {
  RecordUndo(key);
  keys_[key].expires_at_ms = at_ms;
}

uint64_t StoreModel::ExpiresAt(const std::string& key) const { return keys_.at(key).expires_at_ms; }

void StoreModel::WriteToStore(const std::string& key) {
  const store::Key k = store::KeyOf(key);
  const uint64_t at = now_ms_ + 1 + Below(50);
  switch (Below(10)) {
    case 0:
      EXPECT_EQ(store_->Delete(k), Live(key));
      keys_.erase(key);
      break;
    case 1:
      EXPECT_EQ(store_->SetExpiresAt(k, at),
                Live(key) ? store::ExpiryStatus::kOk : store::ExpiryStatus::kAbsent);
      if (Live(key)) keys_[key].expires_at_ms = at;
      break;
    case 2: {
      const std::string more = RandomValue().substr(0, 100);
      if (!Live(key)) keys_[key] = {};
      keys_[key].value += more;
      ASSERT_EQ(store_->Append(k, more), store::WriteStatus::kOk);
      break;
    }
    case 3:
      keys_[key] = {RandomValue(), at};
      ASSERT_EQ(store_->Set(k, keys_[key].value, store::Expiry::At(at)), store::WriteStatus::kOk);
      break;
    default:
      keys_[key] = {RandomValue(), 0};
      ASSERT_EQ(store_->Set(k, keys_[key].value), store::WriteStatus::kOk);
  }
}

void StoreModel::CompareWithStore(const std::string& key) const {
  const auto value = store_->Get(store::KeyOf(key));
  const std::string* expected = Get(key);
  ASSERT_EQ(value.has_value(), expected != nullptr) << key.substr(0, 100);
  if (value) {
    ASSERT_TRUE(*value == *expected) << key.substr(0, 100);
  }
}

void StoreModel::CompareWithStore(const std::vector<std::string>& keys) const {
  for (const std::string& key : keys) CompareWithStore(key);
}

void StoreModel::CompareAllWithStore() const {
  for (const auto& [key, expected] : keys_) CompareWithStore(key);
}

void StoreModel::Rollback() {
  ASSERT_TRUE(undo_);
  for (auto& [key, before] : *undo_) {
    if (before) {
      keys_[key] = std::move(*before);
    } else {
      keys_.erase(key);
    }
  }
  undo_.reset();
}

void StoreModel::RecordUndo(const std::string& key) {
  if (!undo_ || undo_->contains(key)) return;
  const auto found = keys_.find(key);
  undo_->emplace(key, found == keys_.end() ? std::nullopt : std::optional(found->second));
}

}  // namespace shredder::engine
