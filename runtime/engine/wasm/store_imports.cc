#include "runtime/engine/wasm/store_imports.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "builtins-csa/builtins/table_gather.h"
#include "builtins-csa/builtins/wasm_embedding.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

constexpr auto kMaxCounter = static_cast<int64_t>(layout::kMaxSafeInteger);
constexpr int64_t kAbsent = -1;

// Of ht_get_many: a millisecond or so.
constexpr uint32_t kKeysPerPoll = 16384;

// Bits of ht_set's flags.
constexpr uint32_t kIfAbsent = 1;
constexpr uint32_t kIfPresent = 2;
constexpr uint32_t kKeepTtl = 4;

// What a call is made with, and how it ends: with a value, or by Throw.
class Call {
 public:
  explicit Call(StoreModuleState* state) : state_(state) {}

  StoreModuleState* state() const { return state_; }
  store::Store* store() const { return state_->store; }

  // The caller's bytes; nothing, and thrown, where they do not all lie in its memory.
  std::optional<std::string_view> Bytes(uint32_t offset, uint32_t length) {
    const char* const at = At(offset, length);
    if (at == nullptr) return std::nullopt;
    return std::string_view(at, length);
  }
  char* At(uint32_t offset, uint64_t length) {
    if (!memory_) memory_ = wasm::CallerMemory(v8::Isolate::GetCurrent());
    uint8_t* const at = memory_->At(offset, length);
    if (at == nullptr) {
      Throw(wasm::ErrorType::kRangeError, "bytes lie outside of the module's memory");
    }
    return reinterpret_cast<char*>(at);
  }

  bool Throw(StoreError error) {
    const StoreErrorInfo& info = InfoOf(error);
    return Throw(info.constructor() == StoreErrorInfo::Constructor::kTypeError
                     ? wasm::ErrorType::kTypeError
                     : wasm::ErrorType::kRangeError,
                 info.text());
  }
  bool Throw(wasm::ErrorType type, std::string_view message) {
    // V8 calls imports without a scope of their own.
    v8::Isolate* const isolate = v8::Isolate::GetCurrent();
    const v8::HandleScope scope(isolate);
    thrown_ = wasm::Throw(state_->context.Get(isolate), type, message);
    return false;
  }
  uintptr_t thrown() const { return thrown_; }
  // False, and thrown, once the run has been ended.
  bool Poll() {
    v8::Isolate* const isolate = v8::Isolate::GetCurrent();
    const v8::HandleScope scope(isolate);
    thrown_ = wasm::Poll(state_->context.Get(isolate));
    return thrown_ == 0;
  }

  bool CheckWritable() {
    if (state_->access == StoreAccess::kReadWrite) return true;
    return Throw(state_->access == StoreAccess::kReadOnlyInvocation ? StoreError::kReadOnlyFunction
                                                                    : StoreError::kReadOnlyLoad);
  }
  bool Succeeded(store::WriteStatus status) {
    if (status == store::WriteStatus::kOk) return true;
    return Throw(status == store::WriteStatus::kOutOfMemory ? StoreError::kOutOfMemory
                                                            : StoreError::kValueTooLong);
  }

 private:
  StoreModuleState* const state_;
  std::optional<wasm::Memory> memory_;
  uintptr_t thrown_ = 0;
};

// How a key is passed: as an i64, or as the place of its bytes.
struct IntegerKey {
  int64_t value;

  bool Read(Call* call, std::optional<store::Key>* key) const {
    if (value < 0 || static_cast<uint64_t>(value) > layout::kMaxIntegerKey) [[unlikely]] {
      return call->Throw(
          wasm::ErrorType::kRangeError,
          "an integer key must be from 0 to 9007199254740991, not " + std::to_string(value));
    }
    *key = store::Key::FromInteger(static_cast<uint64_t>(value));
    return true;
  }
};
struct BytesKey {
  uint32_t offset;
  uint32_t length;

  bool Read(Call* call, std::optional<store::Key>* key) const {
    const auto bytes = call->Bytes(offset, length);
    if (!bytes) return false;
    *key = store::Key::FromBytes(*bytes);
    return key->has_value() || call->Throw(StoreError::kKeyTooLong);
  }
};

// The imports. Each returns whether it has a result.

template <typename K>
bool View(Call* call, K key_argument, uint32_t from, uint32_t into, uint32_t capacity,
          int64_t* length) {
  std::optional<store::Key> key;
  if (!key_argument.Read(call, &key)) return false;
  char* const to = call->At(into, capacity);
  if (to == nullptr) return false;
  const auto value = call->store()->Get(*key);
  if (!value) {
    *length = kAbsent;
    return true;
  }
  if (from < value->size()) {
    std::memcpy(to, value->data() + from, std::min<uint64_t>(capacity, value->size() - from));
  }
  *length = static_cast<int64_t>(value->size());
  return true;
}

template <typename K>
bool Get(Call* call, K key, uint32_t into, uint32_t capacity, int64_t* length) {
  return View(call, key, 0, into, capacity, length);
}

template <typename K>
bool Length(Call* call, K key_argument, int64_t* length) {
  std::optional<store::Key> key;
  if (!key_argument.Read(call, &key)) return false;
  const auto value = call->store()->Get(*key);
  *length = value ? static_cast<int64_t>(value->size()) : kAbsent;
  return true;
}

template <typename K>
bool Has(Call* call, K key_argument, uint32_t* has) {
  std::optional<store::Key> key;
  if (!key_argument.Read(call, &key)) return false;
  *has = call->store()->Has(*key) ? 1 : 0;
  return true;
}

// The element of a value; nothing where there is no such one.
template <typename T>
std::optional<T> ElementOf(const Call& call, const store::Key& key, uint32_t index) {
  const auto value = call.store()->Get(key);
  const uint64_t at = uint64_t{index} * sizeof(T);
  if (!value || value->size() < sizeof(T) || at > value->size() - sizeof(T)) return std::nullopt;
  T element;
  std::memcpy(&element, value->data() + at, sizeof element);
  return element;
}

template <typename K>
bool GetUint32(Call* call, K key_argument, uint32_t index, int64_t* element) {
  std::optional<store::Key> key;
  if (!key_argument.Read(call, &key)) return false;
  const auto found = ElementOf<uint32_t>(*call, *key, index);
  *element = found ? int64_t{*found} : kAbsent;
  return true;
}

template <typename K>
bool GetFloat64(Call* call, K key_argument, uint32_t index, double* element) {
  std::optional<store::Key> key;
  if (!key_argument.Read(call, &key)) return false;
  *element =
      ElementOf<double>(*call, *key, index).value_or(std::numeric_limits<double>::quiet_NaN());
  return true;
}

bool GetMany(Call* call, uint32_t keys, uint32_t count, uint32_t field, uint32_t out,
             uint64_t element_bytes, uint32_t* found) {
  constexpr uint32_t kMaxField = std::numeric_limits<int32_t>::max();
  const char* const from = call->At(keys, uint64_t{count} * sizeof(uint32_t));
  if (from == nullptr) return false;
  char* const to = call->At(out, uint64_t{count} * element_bytes);
  if (to == nullptr) return false;
  if (reinterpret_cast<uintptr_t>(from) % alignof(uint32_t) != 0) {
    return call->Throw(wasm::ErrorType::kRangeError, "keys must lie at a multiple of 4");
  }
  *found = 0;
  if (field > kMaxField) return true;
  for (uint32_t done = 0; done < count;) {
    const uint32_t step = std::min(count - done, kKeysPerPoll);
    *found += static_cast<uint32_t>(
        layout::Gather(call->store()->header(), reinterpret_cast<const uint32_t*>(from) + done,
                       step, field, to + done * element_bytes, element_bytes));
    done += step;
    if (done < count && !call->Poll()) return false;
  }
  return true;
}
bool GetManyUint32(Call* call, uint32_t keys, uint32_t count, uint32_t field, uint32_t out,
                   uint32_t* found) {
  return GetMany(call, keys, count, field, out, sizeof(uint32_t), found);
}
bool GetManyFloat64(Call* call, uint32_t keys, uint32_t count, uint32_t field, uint32_t out,
                    uint32_t* found) {
  return GetMany(call, keys, count, field, out, sizeof(double), found);
}

template <typename K>
bool Set(Call* call, K key_argument, uint32_t offset, uint32_t length, int64_t ttl, uint32_t flags,
         uint32_t* written) {
  std::optional<store::Key> key;
  if (!call->CheckWritable() || !key_argument.Read(call, &key)) return false;
  const auto value = call->Bytes(offset, length);
  if (!value) return false;
  if ((flags & ~(kIfAbsent | kIfPresent | kKeepTtl)) != 0) {
    return call->Throw(wasm::ErrorType::kRangeError,
                       "unknown flags of ht_set: " + std::to_string(flags));
  }
  if ((flags & kIfAbsent) != 0 && (flags & kIfPresent) != 0) {
    return call->Throw(StoreError::kPresenceOptions);
  }
  if (ttl != 0 && (flags & kKeepTtl) != 0) return call->Throw(StoreError::kExpiryOptions);
  store::Store* const store = call->store();
  if (ttl < 0 || static_cast<uint64_t>(ttl) > layout::kMaxSafeInteger - store->now_ms()) {
    return call->Throw(wasm::ErrorType::kRangeError, InfoOf(StoreError::kTtlRange).text());
  }
  store::Expiry expiry;
  if ((flags & kKeepTtl) != 0) expiry = store::Expiry::Keep();
  if (ttl != 0) expiry = store::Expiry::At(store->now_ms() + static_cast<uint64_t>(ttl));
  *written = 0;
  if (((flags & kIfAbsent) != 0 && store->Has(*key)) ||
      ((flags & kIfPresent) != 0 && !store->Has(*key))) {
    return true;
  }
  *written = 1;
  return call->Succeeded(store->Set(*key, *value, expiry));
}

template <typename K>
bool Append(Call* call, K key_argument, uint32_t offset, uint32_t length, int64_t* new_length) {
  std::optional<store::Key> key;
  if (!call->CheckWritable() || !key_argument.Read(call, &key)) return false;
  const auto value = call->Bytes(offset, length);
  if (!value || !call->Succeeded(call->store()->Append(*key, *value))) return false;
  *new_length = static_cast<int64_t>(call->store()->Get(*key)->size());
  return true;
}

template <typename K>
bool Add(Call* call, K key_argument, int64_t delta, int64_t* sum) {
  std::optional<store::Key> key;
  if (!call->CheckWritable() || !key_argument.Read(call, &key)) return false;
  if (delta < -kMaxCounter || delta > kMaxCounter) {
    return call->Throw(wasm::ErrorType::kRangeError, InfoOf(StoreError::kDeltaRange).text());
  }
  switch (call->store()->AddToCounter(*key, delta, -kMaxCounter, kMaxCounter, sum)) {
    case store::CounterStatus::kOk:
      return true;
    case store::CounterStatus::kNotCounter:
      return call->Throw(StoreError::kNotCounter);
    case store::CounterStatus::kOutOfRange:
      return call->Throw(StoreError::kSumRange);
    case store::CounterStatus::kOutOfMemory:
      return call->Throw(StoreError::kOutOfMemory);
  }
  return false;
}

template <typename K>
bool Delete(Call* call, K key_argument, uint32_t* deleted) {
  std::optional<store::Key> key;
  if (!call->CheckWritable() || !key_argument.Read(call, &key)) return false;
  *deleted = call->store()->Delete(*key) ? 1 : 0;
  return true;
}

// A time to live: 0 for a key that never expires.
template <typename K>
bool Expire(Call* call, K key_argument, int64_t ttl, uint32_t* present) {
  std::optional<store::Key> key;
  if (!call->CheckWritable() || !key_argument.Read(call, &key)) return false;
  store::Store* const store = call->store();
  if (ttl < 0 || static_cast<uint64_t>(ttl) > layout::kMaxSafeInteger - store->now_ms()) {
    return call->Throw(wasm::ErrorType::kRangeError, InfoOf(StoreError::kTtlRange).text());
  }
  const uint64_t at_ms = ttl == 0 ? 0 : store->now_ms() + static_cast<uint64_t>(ttl);
  const store::ExpiryStatus status = store->SetExpiresAt(*key, at_ms);
  if (status == store::ExpiryStatus::kOutOfMemory) return call->Throw(StoreError::kOutOfMemory);
  *present = status == store::ExpiryStatus::kOk ? 1 : 0;
  return true;
}

// -1 where the key is absent, 0 where it never expires.
template <typename K>
bool Ttl(Call* call, K key_argument, int64_t* ttl) {
  std::optional<store::Key> key;
  if (!key_argument.Read(call, &key)) return false;
  const auto at_ms = call->store()->ExpiresAt(*key);
  if (!at_ms) {
    *ttl = kAbsent;
  } else {
    *ttl = *at_ms == 0 ? 0 : static_cast<int64_t>(*at_ms - call->store()->now_ms());
  }
  return true;
}

// Writes the keys of one step, each a u32 with its length and its bytes, up to a multiple of 4,
// behind a u32 with their number. Where they do not fit, only that number is written, as what they
// take, and the result is -1.
bool Scan(Call* call, int64_t cursor, uint32_t into, uint32_t capacity, int64_t* next) {
  if (cursor < 0 || static_cast<uint64_t>(cursor) > layout::kMaxSafeInteger) {
    return call->Throw(wasm::ErrorType::kRangeError, InfoOf(StoreError::kCursorRange).text());
  }
  if (capacity < sizeof(uint32_t)) {
    return call->Throw(wasm::ErrorType::kRangeError, "ht_scan needs 4 bytes or more to write to");
  }
  char* const to = call->At(into, capacity);
  if (to == nullptr) return false;
  uint64_t used = sizeof(uint32_t);
  uint32_t count = 0;
  const uint64_t step =
      call->store()->Scan(static_cast<uint64_t>(cursor), kKeysPerScan, [&](std::string_view key) {
        const auto length = static_cast<uint32_t>(key.size());
        const uint64_t padded = (uint64_t{length} + 3) / 4 * 4;
        if (used + sizeof length + padded <= capacity) {
          std::memcpy(to + used, &length, sizeof length);
          std::memcpy(to + used + sizeof length, key.data(), length);
          std::memset(to + used + sizeof length + length, 0, padded - length);
        }
        used += sizeof length + padded;
        ++count;
      });
  const bool fits = used <= capacity;
  if (!fits) count = static_cast<uint32_t>(used);
  std::memcpy(to, &count, sizeof count);
  *next = fits ? static_cast<int64_t>(step) : -1;
  return true;
}

// The native values of a call, one behind the other.
template <typename T>
T Take(const char** from) {
  T value;
  std::memcpy(&value, *from, sizeof value);
  *from += sizeof value;
  return value;
}
template <>
IntegerKey Take<IntegerKey>(const char** from) {
  return {Take<int64_t>(from)};
}
template <>
BytesKey Take<BytesKey>(const char** from) {
  const auto offset = Take<uint32_t>(from);
  return {offset, Take<uint32_t>(from)};
}

template <typename T>
void AddTypes(std::vector<wasm::Type>* types) {
  if constexpr (std::is_same_v<T, BytesKey>) {
    types->insert(types->end(), {wasm::Type::kI32, wasm::Type::kI32});
  } else if constexpr (std::is_same_v<T, double>) {
    types->push_back(wasm::Type::kF64);
  } else if constexpr (sizeof(T) == sizeof(int64_t)) {
    types->push_back(wasm::Type::kI64);
  } else {
    types->push_back(wasm::Type::kI32);
  }
}

// An import as V8 calls it, around a function whose last parameter takes its result.
template <auto kFunction, typename Parameters>
struct Adapter;
template <auto kFunction, typename... P>
struct Adapter<kFunction, bool (*)(Call*, P...)> {
  using All = std::tuple<P...>;
  static constexpr size_t kCount = sizeof...(P) - 1;
  using Result = std::remove_pointer_t<std::tuple_element_t<kCount, All>>;

  static uintptr_t Run(uintptr_t data, uintptr_t values) {
    return RunWith(data, values, std::make_index_sequence<kCount>());
  }
  template <size_t... kIndex>
  static uintptr_t RunWith(uintptr_t data, uintptr_t values, std::index_sequence<kIndex...>) {
    Call call(static_cast<StoreModuleState*>(wasm::DataOf(data)));
    const char* from = reinterpret_cast<const char*>(values);
    // Braces say in which order they are taken.
    const std::tuple<std::tuple_element_t<kIndex, All>...> taken{
        Take<std::tuple_element_t<kIndex, All>>(&from)...};
    Result result{};
    const bool has_result = kFunction(&call, std::get<kIndex>(taken)..., &result);
    if (!has_result) [[unlikely]]
      return call.thrown();
    std::memcpy(reinterpret_cast<char*>(values), &result, sizeof result);
    return 0;
  }

  static v8::Local<v8::Function> Make(v8::Local<v8::Context> context, StoreModuleState* state) {
    return MakeWith(context, state, std::make_index_sequence<kCount>());
  }
  template <size_t... kIndex>
  static v8::Local<v8::Function> MakeWith(v8::Local<v8::Context> context, StoreModuleState* state,
                                          std::index_sequence<kIndex...>) {
    wasm::FunctionType type;
    (AddTypes<std::tuple_element_t<kIndex, All>>(&type.parameters), ...);
    AddTypes<Result>(&type.results);
    return wasm::MakeImport(context, Run, state, type);
  }
};
template <auto kFunction>
using AdapterOf = Adapter<kFunction, decltype(kFunction)>;

struct NamedImport {
  const char* name;
  v8::Local<v8::Function> (*make)(v8::Local<v8::Context>, StoreModuleState*);
};

// Names with _s take a key's bytes where the others take an integer.
constexpr NamedImport kImports[] = {
    {"ht_get", AdapterOf<Get<IntegerKey>>::Make},
    {"ht_get_s", AdapterOf<Get<BytesKey>>::Make},
    {"ht_view", AdapterOf<View<IntegerKey>>::Make},
    {"ht_view_s", AdapterOf<View<BytesKey>>::Make},
    {"ht_length", AdapterOf<Length<IntegerKey>>::Make},
    {"ht_length_s", AdapterOf<Length<BytesKey>>::Make},
    {"ht_has", AdapterOf<Has<IntegerKey>>::Make},
    {"ht_has_s", AdapterOf<Has<BytesKey>>::Make},
    {"ht_get_u32", AdapterOf<GetUint32<IntegerKey>>::Make},
    {"ht_get_u32_s", AdapterOf<GetUint32<BytesKey>>::Make},
    {"ht_get_f64", AdapterOf<GetFloat64<IntegerKey>>::Make},
    {"ht_get_f64_s", AdapterOf<GetFloat64<BytesKey>>::Make},
    {"ht_get_many", AdapterOf<GetManyUint32>::Make},
    {"ht_get_many_f64", AdapterOf<GetManyFloat64>::Make},
    {"ht_set", AdapterOf<Set<IntegerKey>>::Make},
    {"ht_set_s", AdapterOf<Set<BytesKey>>::Make},
    {"ht_append", AdapterOf<Append<IntegerKey>>::Make},
    {"ht_append_s", AdapterOf<Append<BytesKey>>::Make},
    {"ht_add", AdapterOf<Add<IntegerKey>>::Make},
    {"ht_add_s", AdapterOf<Add<BytesKey>>::Make},
    {"ht_delete", AdapterOf<Delete<IntegerKey>>::Make},
    {"ht_delete_s", AdapterOf<Delete<BytesKey>>::Make},
    {"ht_expire", AdapterOf<Expire<IntegerKey>>::Make},
    {"ht_expire_s", AdapterOf<Expire<BytesKey>>::Make},
    {"ht_ttl", AdapterOf<Ttl<IntegerKey>>::Make},
    {"ht_ttl_s", AdapterOf<Ttl<BytesKey>>::Make},
    {"ht_scan", AdapterOf<Scan>::Make},
};

}  // namespace

v8::Local<v8::Object> MakeStoreImports(v8::Local<v8::Context> context, StoreModuleState* state) {
  v8::Isolate* const isolate = context->GetIsolate();
  v8::EscapableHandleScope scope(isolate);
  // No prototype: nothing of the tenant's is in the way of the names.
  const v8::Local<v8::Object> imports =
      v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
  for (const NamedImport& import : kImports) {
    imports
        ->CreateDataProperty(context, AsciiString(isolate, import.name),
                             import.make(context, state))
        .Check();
  }
  return scope.Escape(imports);
}

}  // namespace shredder::engine
