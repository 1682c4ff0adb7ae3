// The load generator over a network card of its own.
#include "runtime/bench/load_network.h"
#ifdef SHREDDER_WITH_DPDK
#include <stdexcept>
#include <utility>

#include "runtime/net/bypass/bypass_client.h"
#include "runtime/net/dpdk/dpdk_device.h"
#endif

namespace shredder::bench {

#ifndef SHREDDER_WITH_DPDK

std::unique_ptr<LoadNetwork> OpenCardNetwork(const CardOptions&) {
  FailLoad(
      "this shredder-load was built without DPDK (build it by `npx shredder build --with dpdk`)");
}

#else

namespace {

// How long the server may take to accept a connection.
constexpr int64_t kConnectNs = 10'000'000'000;
// How long a server that takes no frames may hold up the end of a connection.
constexpr int64_t kResetNs = 10'000'000;

class CardConnection final : public LoadConnection {
 public:
  CardConnection(std::unique_ptr<net::ClientStream> stream, net::BypassClient* client,
                 const net::dpdk::DpdkDevice& device)
      : client_(*client), device_(device), stream_(std::move(stream)) {}
  // Resets it, which is said once: so that thousands at a time are not more than the device takes.
  ~CardConnection() override {
    stream_.reset();
    const int64_t until_ns = LoadNowNs() + kResetNs;
    while (device_.queued() > net::dpdk::DpdkDevice::kQueueFrames / 2 && LoadNowNs() < until_ns) {
      client_.Poll();
    }
  }

 protected:
  size_t Send(std::string_view bytes) override { return stream_->Send(bytes); }
  ptrdiff_t Receive(std::span<char> place) override {
    const iovec part{.iov_base = place.data(), .iov_len = place.size()};
    const net::Moved moved = stream_->Receive({&part, 1});
    if (moved.outcome == net::Moved::Outcome::kFailed) FailLoad("the server reset a connection");
    // The network tells of what has come once, and this takes only what there is a place for.
    if (moved.bytes > 0 && stream_->has_arrived()) stream_->Remind();
    const bool is_blocked = moved.outcome == net::Moved::Outcome::kBlocked;
    return is_blocked ? -1 : static_cast<ptrdiff_t>(moved.bytes);
  }
  void AwaitRoom(bool awaits) override {
    if (awaits) stream_->AwaitRoom();
  }

 private:
  net::BypassClient& client_;
  const net::dpdk::DpdkDevice& device_;
  std::unique_ptr<net::ClientStream> stream_;
};

class CardNetwork final : public LoadNetwork {
 public:
  CardNetwork(const CardOptions& options, std::unique_ptr<net::dpdk::DpdkDevice> device)
      : server_(options.server),
        device_(std::move(device)),
        client_(Host(options), device_.get()) {}

  std::unique_ptr<LoadConnection> Connect(uint16_t port, size_t index) override {
    std::string error;
    std::unique_ptr<net::ClientStream> stream = client_.Connect(server_, port, &error);
    if (stream == nullptr) FailLoad(error);
    const int64_t until_ns = LoadNowNs() + kConnectNs;
    while (!stream->is_connected()) {
      if (stream->has_failed() || LoadNowNs() > until_ns) {
        FailLoad("cannot connect to " + server_ + ":" + std::to_string(port) +
                 (stream->has_failed() ? ": refused" : ": no answer"));
      }
      client_.Poll();
    }
    stream->tag = index;
    return std::make_unique<CardConnection>(std::move(stream), &client_, *device_);
  }

  void Wait(int64_t wait_ns, std::vector<size_t>* ready) override {
    // What was sent since goes out first.
    client_.Flush();
    const int64_t until_ns = wait_ns == 0 ? 0 : LoadNowNs() + wait_ns;
    do {
      client_.Poll();
      while (const net::ClientStream* const stream = client_.NextEvent()) {
        ready->push_back(stream->tag);
      }
    } while (ready->empty() && LoadNowNs() < until_ns);
  }

 private:
  static net::lwip::InterfaceOptions Host(const CardOptions& options) {
    net::lwip::InterfaceOptions host;
    host.address = options.address;
    return host;
  }

  const std::string server_;
  const std::unique_ptr<net::dpdk::DpdkDevice> device_;
  net::BypassClient client_;
};

}  // namespace

std::unique_ptr<LoadNetwork> OpenCardNetwork(const CardOptions& options) {
  net::dpdk::DpdkOptions device;
  device.device = options.device;
  device.core = options.core;
  device.memory_mb = options.memory_mb;
  std::string error;
  std::unique_ptr<net::dpdk::DpdkDevice> opened = net::dpdk::DpdkDevice::Open(device, &error);
  if (opened == nullptr) FailLoad(error);
  try {
    return std::make_unique<CardNetwork>(options, std::move(opened));
  } catch (const std::invalid_argument& reason) {
    FailLoad(reason.what());
  }
}

#endif

}  // namespace shredder::bench
