#include "runtime/engine/engine_test_support.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace shredder::engine {

namespace {

struct Printer {
  std::ostringstream& out;

  void operator()(const Null&) const { out << "null"; }
  void operator()(const Undefined&) const { out << "null"; }
  void operator()(bool value) const { out << (value ? "true" : "false"); }
  void operator()(int64_t value) const { out << value << "n"; }
  void operator()(double value) const {
    if (value == 0 && std::signbit(value)) {
      out << "-0";
    } else {
      out << value;
    }
  }
  void operator()(const BigInt& value) const { out << '"' << value.digits << '"'; }
  void operator()(const Date& value) const { out << '"' << value.iso << '"'; }
  void operator()(const Text& value) const { out << '"' << value.utf8 << '"'; }
  void operator()(const Bytes& value) const { out << '"' << value.bytes << '"'; }
  void operator()(const Array& value) const { Items("[", value.items); }
  void operator()(const Set& value) const { Items("set[", value.items); }
  void operator()(const Map& value) const { Pairs(value.items); }
  void operator()(const Object& value) const { Pairs(value.items); }
  void operator()(const Error& value) const { out << "!" << value.message; }

  void Pairs(const std::vector<MapItem>& items) const {
    const char* separator = "{";
    for (const auto& [key, item] : items) {
      out << separator;
      Print(key);
      out << ": ";
      Print(item);
      separator = ", ";
    }
    out << (items.empty() ? "{}" : "}");
  }

  void Items(const char* open, const std::vector<Value>& items) const {
    out << open;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out << ", ";
      Print(items[i]);
    }
    out << "]";
  }
  void Print(const Value& value) const { std::visit(*this, value.data); }
};

std::vector<std::string_view> Views(const std::vector<std::string>& strings) {
  return {strings.begin(), strings.end()};
}

}  // namespace

bool InlinesLookups() {
  const char* flags = std::getenv("SHREDDER_TEST_V8_FLAGS");
  return flags == nullptr || std::strstr(flags, "--no-shredder-inline") == nullptr;
}

uint64_t NumberFromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) return otherwise;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), number);
  EXPECT_TRUE(error == std::errc() && *end == '\0') << name << " is \"" << text << "\", no number";
  return number;
}

std::string Show(const Value& value) {
  std::ostringstream out;
  out.precision(17);
  Printer{out}.Print(value);
  return out.str();
}

std::string Library(std::string_view name, std::string_view code) {
  std::string library = "#!js name=";
  library += name;
  library +=
      "\nimport {HTGet, HTGetString, HTLength, HTHas, HTGetUint32, HTGetFloat64, HTGetMany, "
      "HTView, HTViewMany, "
      "HTSet, HTAppend, HTDelete, HTExpire, HTTtl, HTAdd, HTScan} from 'shredder:store';\n";
  library += code;
  return library;
}

void TickClock::Let(int cpu_ms, int wall_ms) {
  std::lock_guard lock(mutex_);
  cpu_.left_ms = cpu_ms;
  wall_.left_ms = wall_ms;
}

void TickClock::Skip(std::chrono::milliseconds time) {
  std::lock_guard lock(mutex_);
  cpu_.now += time;
  wall_.now += time;
}

uint64_t TickClock::readings() const {
  std::lock_guard lock(mutex_);
  return cpu_.readings;
}

std::chrono::nanoseconds TickClock::Wall() const { return Read(&wall_); }

std::chrono::nanoseconds TickClock::Cpu() const { return Read(&cpu_); }

std::chrono::nanoseconds TickClock::Read(Time* time) const {
  std::lock_guard lock(mutex_);
  ++time->readings;
  const std::chrono::milliseconds now = time->now;
  if (time->left_ms > 0) {
    --time->left_ms;
    ++time->now;
  }
  return now;
}

Tenant::Tenant(Engine* engine, uint64_t quota_bytes, uint64_t seed)
    : store_(store::NewStore(quota_bytes, seed)), host_(engine->CreateHost(store_.get())) {
  store_->SetNow(kNowMs);
}

std::string Tenant::Load(std::string_view code) {
  return Show(host_->Load(Library("lib", code), /*replace=*/true));
}

void Tenant::MustLoad(std::string_view code) { ASSERT_EQ(Load(code), "\"lib\""); }

Value Tenant::Call(std::string_view function, const std::vector<std::string>& keys,
                   const std::vector<std::string>& args, bool read_only, CallForm form) {
  return host_->Call(host_->Find(function), Views(keys), Views(args), read_only, form);
}

std::string Tenant::Get(std::string_view key) const {
  return store::Value(*store_, key).value_or("(absent)");
}

void Tenant::Set(std::string_view key, std::string_view value) {
  ASSERT_EQ(store_->Set(store::KeyOf(key), value), store::WriteStatus::kOk);
}

}  // namespace shredder::engine
