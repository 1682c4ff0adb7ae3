#include "runtime/config/config_json.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "runtime/config/config_fields.h"

namespace shredder::config {
namespace {

using Json = nlohmann::json;

Json Write(const TenantConfig& tenant);
Json Write(const DpdkPort& port);
Json Write(const DpdkConfig& dpdk);

// Numbers and booleans.
template <typename Value>
Json Write(const Value& value) {
  return value;
}

template <typename Value>
Json Write(const std::optional<Value>& value) {
  return value ? Write(*value) : Json();
}

// As numbers: JSON's strings are Unicode, and a path need not be.
Json Write(const std::string& bytes) { return std::vector<uint8_t>(bytes.begin(), bytes.end()); }

Json Write(const Secret& secret) { return secret.Hex(); }

template <typename Value>
Json Write(const std::vector<Value>& values) {
  Json json = Json::array();
  for (const Value& value : values) json.push_back(Write(value));
  return json;
}

Json Write(const TenantConfig& tenant) {
  Json json;
  VisitTenantFields(tenant,
                    [&](const char* name, const auto& field) { json[name] = Write(field); });
  return json;
}

Json Write(const DpdkPort& port) {
  Json json;
  VisitDpdkPortFields(port,
                      [&](const char* name, const auto& field) { json[name] = Write(field); });
  return json;
}

Json Write(const DpdkConfig& dpdk) {
  Json json;
  VisitDpdkFields(dpdk, [&](const char* name, const auto& field) { json[name] = Write(field); });
  return json;
}

Json Write(const ServerConfig& server) {
  Json json;
  VisitServerFields(
      server, [&](const char* name, const auto& field, TakesEffect) { json[name] = Write(field); });
  json["tenants"] = Write(server.tenants);
  return json;
}

// These throw where the JSON is another value's.

void Read(const Json& json, TenantConfig* tenant);
void Read(const Json& json, DpdkPort* port);
void Read(const Json& json, DpdkConfig* dpdk);

template <typename Value>
void Read(const Json& json, Value* value) {
  json.get_to(*value);
}

template <typename Value>
void Read(const Json& json, std::optional<Value>* value) {
  value->reset();
  if (!json.is_null()) Read(json, &value->emplace());
}

void Read(const Json& json, std::string* bytes) {
  const auto numbers = json.get<std::vector<uint8_t>>();
  bytes->assign(numbers.begin(), numbers.end());
}

void Read(const Json& json, std::vector<std::string>* texts) {
  texts->clear();
  for (const Json& text : json) Read(text, &texts->emplace_back());
}

void Read(const Json& json, Secrets* secrets) {
  secrets->clear();
  for (const Json& hex : json) {
    const std::optional<Secret> secret = Secret::FromHex(hex.get_ref<const std::string&>());
    if (!secret) throw std::invalid_argument("not a digest");
    secrets->push_back(*secret);
  }
}

void Read(const Json& json, std::vector<TenantConfig>* tenants) {
  tenants->clear();
  for (const Json& tenant : json) Read(tenant, &tenants->emplace_back());
}

void Read(const Json& json, TenantConfig* tenant) {
  VisitTenantFields(*tenant, [&](const char* name, auto& field) { Read(json.at(name), &field); });
}

void Read(const Json& json, DpdkPort* port) {
  VisitDpdkPortFields(*port, [&](const char* name, auto& field) { Read(json.at(name), &field); });
}

void Read(const Json& json, std::vector<DpdkPort>* ports) {
  ports->clear();
  for (const Json& port : json) Read(port, &ports->emplace_back());
}

void Read(const Json& json, DpdkConfig* dpdk) {
  VisitDpdkFields(*dpdk, [&](const char* name, auto& field) { Read(json.at(name), &field); });
}

void Read(const Json& json, ServerConfig* server) {
  VisitServerFields(
      *server, [&](const char* name, auto& field, TakesEffect) { Read(json.at(name), &field); });
  Read(json.at("tenants"), &server->tenants);
}

template <typename Config>
std::optional<Config> Parse(std::string_view text) {
  try {
    Config config;
    Read(Json::parse(text), &config);
    return config;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::string ToJson(const TenantConfig& tenant) { return Write(tenant).dump(); }
std::string ToJson(const ServerConfig& server) { return Write(server).dump(); }

std::optional<TenantConfig> TenantFromJson(std::string_view json) {
  return Parse<TenantConfig>(json);
}

std::optional<ServerConfig> ServerFromJson(std::string_view json) {
  return Parse<ServerConfig>(json);
}

}  // namespace shredder::config
