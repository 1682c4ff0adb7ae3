#include "runtime/config/tenant_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/config/values.h"

namespace shredder::config {
namespace {

constexpr size_t kMaxTenantNameLength = 63;
constexpr size_t kMaxPasswordLength = 1024;

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
        text, kMaxTenantNameLength);
  }
  tenant->name = text;
  return {};
}

std::string SetTenantMemory(std::string_view text, TenantConfig* tenant) {
  return SetMemory(text, &tenant->memory_bytes);
}

std::string SetPassword(std::string_view text, TenantConfig* tenant) {
  if (text.empty()) return "is empty; give a long random one";
  if (text.size() > kMaxPasswordLength) {
    return fmt::format("has {} bytes; give at most {}", text.size(), kMaxPasswordLength);
  }
  tenant->secret = Secret::OfPassword(text);
  return {};
}

std::string SetPasswordSha256(std::string_view text, TenantConfig* tenant) {
  tenant->secret = Secret::FromHex(text);
  if (tenant->secret) return {};
  return "is not a SHA-256 digest; give its 64 hexadecimal digits";
}

}  // namespace shredder::config
