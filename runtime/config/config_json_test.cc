#include "runtime/config/config_json.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

#include "runtime/config/config_fields.h"

namespace shredder::config {
namespace {

// Makes a field another one than it is by default, and than others are.
class Changer {
 public:
  template <typename Field>
  void operator()(const char* name, Field& field, auto...) const {
    if constexpr (std::is_same_v<Field, bool>) {
      field = !field;
    } else if constexpr (std::is_same_v<Field, std::string>) {
      field = std::string(name) + '\0' + "\xff\"\n";
    } else if constexpr (std::is_same_v<Field, Secrets>) {
      field = {Secret::OfPassword("a"), Secret::OfPassword("b")};
    } else if constexpr (std::is_same_v<Field, net::Backend>) {
      field = net::Backend::kEpoll;
    } else if constexpr (std::is_same_v<Field, Network>) {
      field = Network::kDpdk;
    } else if constexpr (std::is_same_v<Field, DpdkConfig>) {
      VisitDpdkFields(field, *this);
    } else if constexpr (std::is_same_v<Field, std::vector<DpdkPort>>) {
      field.resize(2);
      for (DpdkPort& port : field) VisitDpdkPortFields(port, *this);
    } else if constexpr (std::is_same_v<Field, std::vector<std::string>>) {
      field = {"", "a\xff"};
    } else if constexpr (std::is_same_v<Field, Isolation>) {
      field = Isolation::kProcess;
    } else if constexpr (std::is_same_v<Field, OverLimit>) {
      field = OverLimit::kRefuse;
    } else if constexpr (std::is_same_v<Field, uint16_t>) {
      field = 65'535;
    } else {
      field = UINT64_MAX - number_++;
    }
  }

 private:
  mutable uint64_t number_ = 0;
};

TEST(ConfigJson, GivesBackEveryFieldOfATenant) {
  TenantConfig tenant;
  EXPECT_EQ(TenantFromJson(ToJson(tenant)), tenant);
  const TenantConfig defaults = tenant;
  VisitTenantFields(tenant, Changer());
  EXPECT_EQ(TenantFromJson(ToJson(tenant)), tenant);
  EXPECT_NE(tenant, defaults);
}

TEST(ConfigJson, GivesBackEveryFieldOfAServer) {
  ServerConfig server = DefaultConfig();
  EXPECT_EQ(ServerFromJson(ToJson(server)), server);
  const Changer change;
  VisitServerFields(server, change);
  VisitTenantFields(server.tenants.emplace_back(), change);
  EXPECT_EQ(ServerFromJson(ToJson(server)), server);
}

TEST(ConfigJson, EveryFieldOfAServerIsInIt) {
  const ServerConfig defaults;
  VisitServerFields(defaults, [&](const char* name, const auto&, TakesEffect) {
    ServerConfig changed;
    VisitServerFields(changed, [&](const char* other, auto& field, TakesEffect) {
      if (std::string_view(name) == other) Changer()(other, field);
    });
    EXPECT_NE(changed, defaults) << name;
    EXPECT_EQ(ServerFromJson(ToJson(changed)), changed) << name;
  });
}

TEST(ConfigJson, RefusesAnythingElse) {
  const std::string good = ToJson(DefaultConfig());
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(ServerFromJson(good.substr(0, length))) << length;
  }
  EXPECT_FALSE(ServerFromJson("{}"));
  EXPECT_FALSE(ServerFromJson("[]"));
  EXPECT_FALSE(TenantFromJson(good));
  TenantConfig tenant;
  tenant.secrets = {Secret::OfPassword("a")};
  std::string json = ToJson(tenant);
  const std::string hex = tenant.secrets[0].Hex();
  json.replace(json.find(hex), hex.size(), std::string(hex.size(), 'g'));
  EXPECT_FALSE(TenantFromJson(json));
}

}  // namespace
}  // namespace shredder::config
