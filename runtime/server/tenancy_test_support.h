// For tests: two tenants on one shard, each with a client, and an event loop whose turns are a
// test's.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/server/test_client.h"

namespace shredder::server {

inline config::ServerConfig TwoTenants() {
  config::ServerConfig config;
  for (const std::string_view name : {"red", "blue"}) {
    config::TenantConfig& tenant = config.tenants.emplace_back();
    tenant.name = name;
    tenant.secrets = {config::Secret::OfPassword(std::string(name) + "-password")};
    tenant.memory_bytes = 1 << 20;
  }
  return config;
}

class TenancyTest : public testing::Test {
 protected:
  TenancyTest() {
    red_("AUTH red red-password");
    blue_("AUTH blue blue-password");
  }

  // As if a function of `red` ran.
  void BeginRed() {
    server_.shard().BeginRunning({server_.shard().FindTenant("red"), "f", kCommand,
                                  server_.clock.now_ms,
                                  server_.shard().FindTenant("red")->deadline});
  }
  void EndRed() { server_.shard().EndRunning(); }

  static constexpr std::string_view kCommand[] = {"FCALL", "f", "0"};
  TestServer server_{TwoTenants()};
  TestClient red_{server_};
  TestClient blue_{server_};
};

// An event loop whose turns are a test's.
class TestLoop : public net::EventLoop {
 public:
  bool ListenTcp(const std::string&, uint16_t, net::ConnectionHandler*, std::string*) override {
    return true;
  }
  bool ListenUnix(const std::string&, net::ConnectionHandler*, std::string*) override {
    return true;
  }
  bool AdoptListener(net::UniqueFd, net::ConnectionHandler*, std::string*) override { return true; }
  void StopListening() override {}
  void Adopt(net::ReleasedConnection, net::ConnectionHandler*, void*) override {}
  bool Watch(int, std::function<void()>, std::string*) override { return true; }
  void Unwatch(int) override {}
  uint16_t bound_port() const override { return 7379; }
  void SetTimer(uint64_t, std::function<void()>) override {}
  void RestTimer(uint64_t ms) override { rest_ms = ms; }
  void TrimBuffers() override { ++trims; }
  void SetIdle(std::function<std::optional<uint64_t>(uint64_t)> callback) override {
    idle = std::move(callback);
  }
  void WantIdle(uint64_t) override { wants_idle = true; }
  void SetTurnEnd(std::function<void()>) override {}
  void Run() override {}
  void Stop() override { ++stops; }
  void Drain(uint64_t) override {}
  void PollOnce() override {
    ++turns;
    if (on_turn) on_turn();
  }
  net::Backend backend() const override { return net::Backend::kEpoll; }
  const std::string& backend_note() const override { return note_; }
  size_t connection_count() const override { return 0; }

  uint64_t rest_ms = 0;  // of the last RestTimer
  int trims = 0;         // of buffers
  std::function<std::optional<uint64_t>(uint64_t)> idle;
  bool wants_idle = false;
  std::function<void()> on_turn;
  int turns = 0;
  int stops = 0;

 private:
  const std::string note_ = "test";
};

class RunningFunctionTest : public TenancyTest {
 protected:
  // Each test ends its function, once it has seen what it waits for.
  RunningFunctionTest() {
    server_.shard().Attach(&loop_);
    EXPECT_EQ(red_.Call({"FUNCTION", "LOAD",
                         "#!js name=lib\n"
                         "export function spin() { for (;;) {} }\n"
                         "export function hello() { return 'hello'; }"}),
              "$3 lib");
    loop_.turns = 0;  // a slow load has some of its own
  }

  TestLoop loop_;
};

}  // namespace shredder::server
