// What one tenant can know of another's random numbers: nothing, also where they share an isolate.
#include <sys/random.h>
#include <v8.h>

#include <atomic>
#include <cstring>
#include <set>

#include "runtime/engine/engine_test_support.h"

namespace shredder::engine {
namespace {

constexpr char kDraw[] =
    "export const f = () => Array.from({length: 4}, () => Math.random().toString(36)).join(' ');";

// Where there is none, the source of entropy is the kernel's.
std::atomic<const unsigned char*> fixed_byte = nullptr;

bool FillWithFixedByte(unsigned char* buffer, size_t length) {
  const unsigned char* byte = fixed_byte;
  if (byte == nullptr) return getrandom(buffer, length, 0) == static_cast<ssize_t>(length);
  std::memset(buffer, *byte, length);
  return true;
}

class RandomNumbersTest : public testing::TestWithParam<bool> {
 protected:
  RandomNumbersTest() : engine_(Options()) {}

  static EngineOptions Options() {
    EngineOptions options = Patient();
    options.shares_isolate = GetParam();
    return options;
  }

  std::unique_ptr<Tenant> NewTenant() {
    auto tenant = std::make_unique<Tenant>(&engine_, 1 << 20);
    tenant->MustLoad(kDraw);
    return tenant;
  }

  Engine engine_;
};

TEST_P(RandomNumbersTest, AreATenantsOwnEachTimeThatItsJavaScriptIsMade) {
  // In heaps that were made beforehand, too, each on the places in memory of one that is gone.
  std::set<std::string> seen;
  std::vector<std::unique_ptr<Tenant>> tenants;
  for (int i = 0; i < 4; ++i) tenants.push_back(NewTenant());
  for (int time = 0; time < 8; ++time) {
    for (const auto& tenant : tenants) {
      for (int call = 0; call < 2; ++call) {
        EXPECT_TRUE(seen.insert(tenant->ShowCall("f")).second);
      }
    }
    for (const auto& tenant : tenants) tenant->host().GiveUp();
    if (time % 2 == 0) engine_.Tick(1);
  }
  EXPECT_EQ(seen.size(), 64u);
}

// A generator that the contexts of an isolate share would give each a seed that tells the others'.
TEST_P(RandomNumbersTest, ComeFromTheSourceOfEntropyAlone) {
  v8::V8::SetEntropySource(FillWithFixedByte);
  auto drawn = [this](unsigned char byte) {
    const auto tenant = NewTenant();
    fixed_byte = &byte;
    std::string numbers = tenant->ShowCall("f");
    fixed_byte = nullptr;
    return numbers;
  };
  const auto keeps_the_isolate = NewTenant();
  const std::string first = drawn(1);
  EXPECT_EQ(drawn(1), first) << "whatever other contexts have drawn meanwhile";
  keeps_the_isolate->ShowCall("f");
  EXPECT_EQ(drawn(1), first);
  EXPECT_NE(drawn(2), first);
}

INSTANTIATE_TEST_SUITE_P(Tenants, RandomNumbersTest, testing::Bool(),
                         [](const testing::TestParamInfo<bool>& info) {
                           return std::string(info.param ? "OfOneIsolate" : "OfIsolatesOfTheirOwn");
                         });

}  // namespace
}  // namespace shredder::engine
