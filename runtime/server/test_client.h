// For tests: clients of a shard without sockets. What a client sends goes through the shard's
// OnData, as from an event loop that is always ready; what it gets is compared as one line of RESP.
#pragma once

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <initializer_list>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/config/config.h"
#include "runtime/net/event_loop.h"
#include "runtime/server/clock.h"
#include "runtime/server/local_authority.h"
#include "runtime/server/shard.h"

namespace shredder::server {

class ManualClock : public Clock {
 public:
  uint64_t NowMs() const override { return now_ms += step_ms; }
  mutable uint64_t now_ms = 1'700'000'000'000;
  uint64_t step_ms = 0;  // passes before each look at the clock
};

class TestConnection : public net::Connection {
 public:
  TestConnection(uint64_t id, std::string peer) : id_(id), peer_(std::move(peer)) {}
  uint64_t id() const override { return id_; }
  const std::string& peer_address() const override { return peer_; }
  void Flush() override {}
  void CloseAfterFlush() override { closed = true; }
  void Close() override { closed = true; }
  void PauseReading() override { paused = true; }
  void ResumeReading() override { paused = false; }
  void Defer() override { deferred = true; }
  void EndDeferral() override { deferred = false; }
  void ExpectBytes(size_t) override {}
  void ReceiveInto(size_t offset, std::shared_ptr<net::ReceivedBytes> bytes) override {
    next_cut_out = {std::move(bytes), offset};
  }
  bool Release() override { return false; }
  bool IsReleasable() const override { return releasable; }

  bool paused = false;
  bool deferred = false;
  bool closed = false;
  bool releasable = true;
  // Of what is unread.
  struct CutOut {
    std::shared_ptr<net::ReceivedBytes> bytes;
    size_t offset = 0;
  };
  CutOut cut_out;
  CutOut next_cut_out;

 private:
  const uint64_t id_;
  const std::string peer_;
};

// Its tenants have time enough for anything that ends, on any machine.
class TestServer {
 public:
  explicit TestServer(config::ServerConfig config = config::DefaultConfig())
      : log_("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)) {
    config.deadline_ms = 60'000;
    config.load_deadline_ms = 60'000;
    std::string error;
    status_ = std::make_unique<control::StatusMemory>(*control::StatusMemory::Create(&error));
    status_->page().shard_count = 1;
    shard_ = std::make_unique<Shard>(
        config, clock, log_, ServerIdentity::OfThisProcess(clock.NowMs()), &status_->page());
    authority_ = LocalAuthority::Create(config, shard_.get(), &error);
    if (!authority_) throw std::runtime_error(error);
  }

  Shard& shard() { return *shard_; }
  std::string log_text() const { return log_text_.str(); }
  uint64_t NextConnectionId() { return next_connection_id_++; }

  ManualClock clock;

 private:
  std::ostringstream log_text_;
  spdlog::logger log_;
  std::unique_ptr<control::StatusMemory> status_;
  std::unique_ptr<Shard> shard_;
  std::unique_ptr<LocalAuthority> authority_;
  uint64_t next_connection_id_ = 1;
};

class TestClient {
 public:
  explicit TestClient(TestServer& server, const std::string& host = "127.0.0.1")
      : server_(server),
        id_(server.NextConnectionId()),
        connection_(id_, host + ":" + std::to_string(40000 + id_)) {
    server_.shard().OnOpen(connection_);
  }
  ~TestClient() { server_.shard().OnClose(connection_); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  // Sends bytes as they are, and lets the shard read until it has read all, or has paused or closed
  // the connection.
  void Send(std::string_view bytes) {
    unread_ += bytes;
    Serve();
  }
  // The shard's next turns, after it may have resumed the connection.
  void Serve() {
    size_t consumed = 1;
    while (consumed > 0 && !unread_.empty() && !connection_.paused && !connection_.closed) {
      if (!FillCutOut()) return;
      consumed = server_.shard().OnData(connection_, unread_);
      unread_.erase(0, consumed);
      if (consumed > connection_.cut_out.offset) connection_.cut_out = {};
      if (connection_.next_cut_out.bytes != nullptr) {
        connection_.cut_out = std::exchange(connection_.next_cut_out, {});
        if (FillCutOut()) consumed = 1;
      }
      while (connection_.deferred) {
        server_.shard().OnTurnEnd();
        consumed = 1;
      }
    }
  }
  // What has been replied since the last call, the line ends between its parts as spaces.
  std::string Receive() {
    std::string text = connection_.TakeOutput();
    for (size_t i; (i = text.find("\r\n")) != std::string::npos;) {
      text.replace(i, 2, i + 2 == text.size() ? "" : " ");
    }
    return text;
  }
  // The reply to an inline command: words, quoted where they hold spaces.
  std::string operator()(std::string_view command) {
    Send(std::string(command) + "\r\n");
    return Receive();
  }
  // The reply to a command whose arguments may hold any bytes.
  std::string Call(std::initializer_list<std::string_view> args) {
    std::string request = "*" + std::to_string(args.size()) + "\r\n";
    for (const std::string_view arg : args) {
      request += "$" + std::to_string(arg.size()) + "\r\n";
      request += arg;
      request += "\r\n";
    }
    Send(request);
    return Receive();
  }

  uint64_t id() const { return id_; }
  const std::string& address() const { return connection_.peer_address(); }
  bool paused() const { return connection_.paused; }
  // Whether the connection could go to another process.
  void set_releasable(bool releasable) { connection_.releasable = releasable; }
  bool closed() const { return connection_.closed; }
  size_t unread_bytes() const { return unread_.size(); }

 private:
  // Moves what has arrived of the bytes that are received elsewhere; whether all have.
  bool FillCutOut() {
    const auto& [bytes, offset] = connection_.cut_out;
    if (bytes == nullptr) return true;
    const std::span<char> rest = bytes->rest();
    const size_t size = unread_.copy(rest.data(), rest.size(), offset);
    bytes->Receive(size);
    unread_.erase(offset, size);
    return size == rest.size();
  }

  TestServer& server_;
  const uint64_t id_;
  TestConnection connection_;
  std::string unread_;
};

}  // namespace shredder::server
