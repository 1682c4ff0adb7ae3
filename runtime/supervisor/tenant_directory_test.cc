#include "runtime/supervisor/tenant_directory.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace shredder::supervisor {
namespace {

config::TenantConfig Tenant(const std::string& name, const std::string& password) {
  config::TenantConfig config;
  config.name = name;
  config.secrets = {config::Secret::OfPassword(password)};
  return config;
}

TEST(TenantDirectory, FindsWhatIsThere) {
  TenantDirectory directory;
  TenantRecord& red = directory.Add(Tenant("red", "r"), 3, /*is_from_file=*/true);
  directory.Add(Tenant("blue", "b"), 4, /*is_from_file=*/false);
  EXPECT_EQ(directory.Find("red"), &red);
  EXPECT_EQ(red.config, Tenant("red", "r"));
  EXPECT_EQ(red.shard, 3u);
  EXPECT_TRUE(red.is_from_file);
  EXPECT_EQ(directory.tenants().begin()->first, "blue");
  directory.Remove("blue");
  EXPECT_EQ(directory.Find("blue"), nullptr);
  EXPECT_EQ(directory.Find("red"), &red);
  EXPECT_EQ(directory.tenants().size(), 1u);
}

TEST(TenantDirectory, KnowsWhoseAPasswordIs) {
  TenantDirectory directory;
  const auto secret = [](std::string_view password) {
    return config::Secret::OfPassword(password);
  };
  TenantRecord& red = directory.Add(Tenant("red", "r"), 0, true);
  EXPECT_EQ(directory.FindOther("red", secret("r")), nullptr);
  EXPECT_EQ(directory.FindOther("blue", secret("r")), &red);
  EXPECT_EQ(directory.FindOther("blue", secret("b")), nullptr);
  config::TenantConfig changed = Tenant("red", "s");
  changed.secrets.push_back(secret("t"));
  directory.SetConfig(red, changed);
  EXPECT_EQ(directory.FindOther("blue", secret("r")), nullptr);
  EXPECT_EQ(directory.FindOther("blue", secret("s")), &red);
  EXPECT_EQ(directory.FindOther("blue", secret("t")), &red);
  // As while two tenants' passwords are exchanged.
  TenantRecord& blue = directory.Add(Tenant("blue", "s"), 0, true);
  EXPECT_EQ(directory.FindOther("red", secret("s")), &blue);
  directory.Remove("red");
  EXPECT_EQ(directory.FindOther("red", secret("s")), &blue);
  EXPECT_EQ(directory.FindOther("green", secret("t")), nullptr);
}

TEST(TenantDirectory, EqualSourcesAreOneStringAsLongAsATenantHasIt) {
  TenantDirectory directory;
  TenantRecord& red = directory.Add(Tenant("red", "r"), 0, true);
  TenantRecord& blue = directory.Add(Tenant("blue", "b"), 0, true);
  directory.SetLibrary("red", "lib", "source");
  directory.SetLibrary("blue", "lib", "source");
  directory.SetLibrary("green", "lib", "source");
  EXPECT_EQ(*red.libraries.at("lib"), "source");
  EXPECT_EQ(red.libraries.at("lib"), blue.libraries.at("lib"));
  const std::weak_ptr<const std::string> source = red.libraries.at("lib");
  directory.SetLibrary("red", "lib", "another");
  EXPECT_EQ(*red.libraries.at("lib"), "another");
  EXPECT_EQ(*blue.libraries.at("lib"), "source");
  directory.SetLibrary("blue", "lib", "source");
  EXPECT_FALSE(source.expired());
  directory.SetLibrary("blue", "lib", std::nullopt);
  EXPECT_TRUE(source.expired());
  EXPECT_TRUE(blue.libraries.empty());
  const std::weak_ptr<const std::string> another = red.libraries.at("lib");
  directory.Remove("red");
  EXPECT_TRUE(another.expired());
}

TEST(TenantDirectory, AScanVisitsEachTenantOnce) {
  TenantDirectory directory;
  for (int i = 0; i < 1000; ++i) {
    directory.Add(Tenant("t" + std::to_string(i), std::to_string(i)), 0, false);
  }
  for (const uint64_t count : {1, 7, 999, 1000, 1001}) {
    std::map<std::string, int> visits;
    uint64_t cursor = 0;
    int calls = 0;
    do {
      uint64_t in_call = 0;
      cursor = directory.Scan(cursor, count, [&](const TenantRecord& record) {
        ++visits[record.config.name];
        ++in_call;
      });
      EXPECT_LE(in_call, count);
      EXPECT_LT(cursor, 1ull << 53);
      ++calls;
    } while (cursor != 0);
    EXPECT_EQ(visits.size(), 1000u);
    for (const auto& [name, times] : visits) EXPECT_EQ(times, 1) << name;
    EXPECT_LE(calls, 1000 / static_cast<int>(count) + 1);
  }
}

TEST(TenantDirectory, AScanVisitsWhatIsThereAllTheTimeWhateverComesAndGoes) {
  TenantDirectory directory;
  const auto name = [](const char* kind, int i) { return kind + std::to_string(i); };
  for (int i = 0; i < 200; ++i) {
    directory.Add(Tenant(name("stays", i), name("s", i)), 0, false);
    directory.Add(Tenant(name("goes", i), name("g", i)), 0, false);
  }
  std::set<std::string> seen;
  uint64_t cursor = 0;
  int call = 0;
  do {
    cursor = directory.Scan(cursor, 3, [&](const TenantRecord& record) {
      EXPECT_TRUE(seen.insert(record.config.name).second) << record.config.name;
    });
    if (call < 200) {
      directory.Remove(name("goes", call));
      directory.Add(Tenant(name("comes", call), name("c", call)), 0, false);
    }
    ++call;
  } while (cursor != 0);
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(seen.contains(name("stays", i))) << i;
}

TEST(TenantDirectory, AnEmptyOneIsScannedInOneCall) {
  EXPECT_EQ(TenantDirectory().Scan(0, 10, [](const TenantRecord&) { FAIL(); }), 0u);
}

}  // namespace
}  // namespace shredder::supervisor
