#include "runtime/config/tenant_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <vector>

#include "runtime/config/values.h"

namespace shredder::config {
namespace {

constexpr size_t kMaxTenantNameLength = 63;
constexpr size_t kMaxPasswordLength = 1024;

std::string AddSecret(const Secret& secret, TenantConfig* tenant) {
  Secrets& secrets = tenant->secrets;
  if (std::find(secrets.begin(), secrets.end(), secret) != secrets.end()) {
    return "has a password that is there already; remove one";
  }
  if (secrets.size() == kMaxSecrets) {
    return fmt::format("is one password too many; give at most {}, of both kinds together",
                       kMaxSecrets);
  }
  secrets.push_back(secret);
  return {};
}

struct TextOption {
  std::string_view name;
  std::string (*set)(std::string_view text, TenantConfig* tenant);
};

constexpr TextOption kOptions[] = {
    {"isolation", SetTenantIsolation},      {"memory", SetTenantMemory},
    {"over-limit", SetTenantOverLimit},     {"password", AddPassword},
    {"password-sha256", AddPasswordSha256}, {"wasm", SetTenantWasm},
};

}  // namespace

std::string SetTenantName(std::string_view text, TenantConfig* tenant) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  const bool valid = !text.empty() && text.size() <= kMaxTenantNameLength &&
                     is_alphanumeric(text[0]) && std::all_of(text.begin(), text.end(), [&](char c) {
                       return is_alphanumeric(c) || c == '_' || c == '-';
                     });
  if (!valid) {
    return fmt::format(
        "is '{}', not a tenant's name; give up to {} characters of a-z, 0-9, _ and -, the first a "
        "letter or a digit",
        Quotable(text), kMaxTenantNameLength);
  }
  tenant->name = text;
  return {};
}

std::string SetTenantMemory(std::string_view text, TenantConfig* tenant) {
  return SetMemory(text, &tenant->memory_bytes);
}

std::string SetTenantLimit(const TenantLimit& limit, int64_t value, TenantConfig* tenant) {
  std::string problem = CheckRange(value, limit.min, limit.max);
  if (problem.empty()) tenant->*limit.member = static_cast<uint64_t>(value);
  return problem;
}

std::string SetTenantLimit(const TenantLimit& limit, std::string_view text, TenantConfig* tenant) {
  if (text == "default") {
    (tenant->*limit.member).reset();
    return {};
  }
  if (limit.is_size) {
    uint64_t bytes;
    std::string problem = SetSize(text, limit.min, limit.max, &bytes);
    if (problem.empty()) tenant->*limit.member = bytes;
    return problem;
  }
  int64_t value;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size()) {
    return fmt::format("is '{}', not an integer; give one from {} to {}, or default",
                       Quotable(text), limit.min, limit.max);
  }
  return SetTenantLimit(limit, value, tenant);
}

std::string SetTenantIsolation(std::string_view text, TenantConfig* tenant) {
  for (const Isolation isolation :
       {Isolation::kContext, Isolation::kIsolate, Isolation::kProcess}) {
    if (text != NameOf(isolation)) continue;
    tenant->isolation = isolation;
    return {};
  }
  return fmt::format("is '{}', not an isolation; give context, isolate or process", Quotable(text));
}

std::string SetTenantOverLimit(std::string_view text, TenantConfig* tenant) {
  for (const OverLimit over_limit : {OverLimit::kWait, OverLimit::kRefuse}) {
    if (text != NameOf(over_limit)) continue;
    tenant->over_limit = over_limit;
    return {};
  }
  return fmt::format("is '{}'; give wait or refuse", Quotable(text));
}

std::string SetTenantWasm(std::string_view text, TenantConfig* tenant) {
  if (text == "default") {
    tenant->wasm.reset();
  } else if (text == "true" || text == "false") {
    tenant->wasm = text == "true";
  } else {
    return fmt::format("is '{}'; give true, false or default", Quotable(text));
  }
  return {};
}

std::string AddPassword(std::string_view text, TenantConfig* tenant) {
  if (text.empty()) return "is empty; give a long random one";
  if (text.size() > kMaxPasswordLength) {
    return fmt::format("has {} bytes; give at most {}", text.size(), kMaxPasswordLength);
  }
  return AddSecret(Secret::OfPassword(text), tenant);
}

std::string AddPasswordSha256(std::string_view text, TenantConfig* tenant) {
  const std::optional<Secret> secret = Secret::FromHex(text);
  if (!secret) return "is not a SHA-256 digest; give its 64 hexadecimal digits";
  return AddSecret(*secret, tenant);
}

std::string SetTenantOption(std::string_view option, std::string_view value, TenantConfig* tenant) {
  for (const TenantLimit& limit : kTenantLimits) {
    if (limit.name == option) return SetTenantLimit(limit, value, tenant);
  }
  std::vector<std::string_view> names;
  for (const TextOption& known : kOptions) {
    if (known.name == option) return known.set(value, tenant);
    names.push_back(known.name);
  }
  for (const TenantLimit& limit : kTenantLimits) names.push_back(limit.name);
  std::sort(names.begin(), names.end());
  return fmt::format("is no option of a tenant; give one of {}", fmt::join(names, ", "));
}

}  // namespace shredder::config
