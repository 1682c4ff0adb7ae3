// A load generator: puts load on a Redis server and measures how long its clients wait.
//
//   shredder-load    answers each line of standard input, an order in JSON, by a line of JSON
//   shredder-load --device DEVICE --address ADDRESS --server ADDRESS
//       the same over a network card of its own (net/bypass/), a device of DPDK's, at an address of
//       that card's network; takes a whole core
//
// {"order": "connect", "port": PORT, "greetings": [[REQUEST, ...], ...]}
//     closes all connections, and opens one for each element, which sends these requests and waits
//     for their replies. A REQUEST is an array of strings.
// {"order": "closed", "operations": [...], "pipeline": 1, "seconds": S}
//     a closed loop: each connection has so many operations under way, taken in turn.
// {"order": "window", "operations": [...], "window": W, "skew": Z, "seconds": S}
//     a closed loop with so many operations under way in all, each on a connection chosen at
//     random: by Zipf's law with this exponent, 0 for all alike.
// {"order": "open", "operations": [...], "rate": R, "skew": Z, "seconds": S, "poll": true}
//     an open loop: operations begin at random times, R a second, whether or not earlier ones have
//     ended; each on a connection chosen as above. It counts from when an operation was to begin,
//     so that what waits for its turn counts as waiting. Where `poll`, it takes a whole core and
//     never sleeps, which is more exact.
//
// An operation is {"request": REQUEST, "expect": TEXT, "payloadBytes": N}: its reply must begin so,
// and be so long; with one operation for each connection, `window` and `open` use a connection's
// own. With "hops": H and "keyBytes": K, it is H requests, each after the first a GET of the key
// that the first K bytes of the last reply are; what is expected is the last reply. The answer is
// {"operations", "seconds", "p50Us", "p99Us", "p999Us", "sentBytes", "receivedBytes", "lateP50Us",
// "lateP99Us", "busy", "preemptions"}: how late operations began, what part of a core the generator
// took, and, with "server": PID, how often it or that process was preempted meanwhile.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/bench/load_connection.h"
#include "runtime/bench/load_network.h"
#include "runtime/prefetch.h"

namespace shredder::bench {
namespace {

using Json = nlohmann::json;

// Connections that are greeted at a time.
constexpr size_t kGreetedAtOnce = 256;
constexpr size_t kManyClients = 512;
constexpr double kNsPerSecond = 1e9;
// After this long without a reply the server has lost one.
constexpr int64_t kMaxWaitNs = 60'000'000'000;
constexpr useconds_t kSettleUs = 3000;
constexpr uint64_t kSeed = 20191120;

struct Operation {
  std::string request;
  std::string expect;
  size_t payload_bytes;
};

struct Plan {
  explicit Plan(const Json& order)
      : hops(order.value("hops", 1)),
        key_bytes(order.value("keyBytes", size_t{0})),
        seconds(order.at("seconds")),
        server(order.value("server", 0)) {
    for (const Json& operation : order.at("operations")) {
      operations.push_back({EncodeRequest(operation.at("request")), operation.at("expect"),
                            operation.at("payloadBytes")});
    }
    if (operations.empty()) FailLoad("no operations");
  }

  std::vector<Operation> operations;
  int hops;
  size_t key_bytes;
  double seconds;
  pid_t server;  // 0: not said
};

// How often the processor was taken from the process's first thread, which others wanted.
uint64_t PreemptionsOf(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/status");
  constexpr std::string_view kName = "nonvoluntary_ctxt_switches:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(kName)) return std::stoull(line.substr(kName.size()));
  }
  FailLoad("there is no process " + std::to_string(pid));
}

// Connections chosen at random: all alike, or the n-th of a random order with a weight of n^-skew.
class Choice {
 public:
  Choice(size_t count, double skew, std::mt19937_64* random) : random_(random), order_(count) {
    std::iota(order_.begin(), order_.end(), 0);
    std::shuffle(order_.begin(), order_.end(), *random_);
    double sum = 0;
    for (size_t n = 1; n <= count; n++) {
      sum += std::pow(static_cast<double>(n), -skew);
      cumulated_.push_back(sum);
    }
  }

  uint32_t Next() {
    const double at = std::uniform_real_distribution<double>(0, cumulated_.back())(*random_);
    const auto found = std::upper_bound(cumulated_.begin(), cumulated_.end(), at);
    const auto index = static_cast<size_t>(found - cumulated_.begin());
    return order_[std::min(index, order_.size() - 1)];
  }

 private:
  std::mt19937_64* random_;
  std::vector<uint32_t> order_;
  std::vector<double> cumulated_;
};

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double PercentileUs(std::vector<int64_t>* sorted_ns, double part) {
  if (sorted_ns->empty()) return 0;
  const auto index = static_cast<size_t>(static_cast<double>(sorted_ns->size()) * part);
  return static_cast<double>((*sorted_ns)[std::min(index, sorted_ns->size() - 1)]) / 1e3;
}

class Load {
 public:
  explicit Load(std::unique_ptr<LoadNetwork> network) : network_(std::move(network)) {}

  Json Obey(const Json& order) {
    const std::string name = order.at("order");
    if (name == "connect") return Connect(order.at("port"), order.at("greetings"));
    if (clients_.empty()) FailLoad("there are no connections");
    const Plan plan(order);
    if (name == "closed") return Closed(plan, order.at("pipeline"));
    if (name == "window") return Window(plan, order.at("window"), order.at("skew"));
    if (name == "open") return Open(plan, order.at("rate"), order.at("skew"), order.at("poll"));
    FailLoad("\"" + name + "\" is no order");
  }

 private:
  struct Flight {
    int64_t since_ns;
    uint32_t operation;
    int hops_left;
  };

  // In order. Where few are under way they stay in the same place, unlike a deque's, which would be
  // one more line of the cache for each connection.
  class Flights {
   public:
    void push_back(const Flight& flight) { flights_.push_back(flight); }
    const Flight& front() const { return flights_[first_]; }
    void pop_front() {
      if (++first_ * 2 < flights_.size()) return;
      flights_.erase(flights_.begin(), flights_.begin() + static_cast<ptrdiff_t>(first_));
      first_ = 0;
    }
    void Prefetch() const { __builtin_prefetch(flights_.data()); }

   private:
    std::vector<Flight> flights_;
    size_t first_ = 0;
  };

  struct Client {
    explicit Client(std::unique_ptr<LoadConnection> its_connection)
        : connection(std::move(its_connection)) {}
    const std::unique_ptr<LoadConnection> connection;
    Flights flights;
  };

  Json Connect(uint16_t port, const Json& greetings) {
    clients_.clear();
    for (const Json& requests : greetings) {
      auto client = std::make_unique<Client>(network_->Connect(port, clients_.size()));
      for (const Json& request : requests) {
        client->connection->Add(EncodeRequest(request));
        client->flights.push_back({});
        in_flight_++;
      }
      clients_.push_back(std::move(client));
      Flush(clients_.size() - 1);
      if (clients_.size() % kGreetedAtOnce == 0) FinishGreetings();
    }
    FinishGreetings();
    return {{"connections", clients_.size()}};
  }

  void FinishGreetings() {
    while (in_flight_ > 0) {
      Wait(kMaxWaitNs, [&](size_t index) {
        std::string_view payload;
        Client& client = *clients_[index];
        while (client.connection->NextReply(&payload)) {
          client.flights.pop_front();
          in_flight_--;
        }
      });
    }
  }

  Json Closed(const Plan& plan, int pipeline) {
    size_t next = 0;
    const auto start = [&](size_t index, int64_t now_ns) {
      Start(plan, index, next++ % plan.operations.size(), now_ns);
    };
    Begin(plan);
    const int64_t end_ns = began_ns_ + static_cast<int64_t>(plan.seconds * kNsPerSecond);
    for (size_t index = 0; index < clients_.size(); index++) {
      for (int i = 0; i < pipeline; i++) start(index, LoadNowNs());
      Flush(index);
    }
    while (in_flight_ > 0) {
      WaitForReplies(plan, [&](size_t index, int64_t now_ns) {
        if (now_ns < end_ns) start(index, now_ns);
      });
    }
    return Report();
  }

  Json Window(const Plan& plan, int window, double skew) {
    Choice choice(clients_.size(), skew, &random_);
    Begin(plan);
    const int64_t end_ns = began_ns_ + static_cast<int64_t>(plan.seconds * kNsPerSecond);
    const auto start = [&](int64_t now_ns) {
      const size_t index = choice.Next();
      Start(plan, index, index % plan.operations.size(), now_ns);
      Flush(index);
    };
    for (int i = 0; i < window; i++) start(LoadNowNs());
    while (in_flight_ > 0) {
      WaitForReplies(plan, [&](size_t, int64_t now_ns) {
        if (now_ns < end_ns) start(now_ns);
      });
    }
    return Report();
  }

  Json Open(const Plan& plan, double rate, double skew, bool poll) {
    // Made before it begins, so that it takes no time of the generator's while it runs.
    struct Arrival {
      int64_t at_ns;
      uint32_t client;
    };
    Choice choice(clients_.size(), skew, &random_);
    std::exponential_distribution<double> gap(rate);
    std::vector<Arrival> arrivals;
    for (double at = gap(random_); at < plan.seconds; at += gap(random_)) {
      arrivals.push_back({static_cast<int64_t>(at * kNsPerSecond), choice.Next()});
    }
    Begin(plan);
    size_t next = 0;
    while (next < arrivals.size() || in_flight_ > 0) {
      int64_t wait_ns = kMaxWaitNs;
      while (next < arrivals.size()) {
        const int64_t now_ns = LoadNowNs();
        const auto [at_ns, index] = arrivals[next];
        wait_ns = began_ns_ + at_ns - now_ns;
        if (wait_ns > 0) break;
        late_ns_.push_back(-wait_ns);
        Start(plan, index, index % plan.operations.size(), began_ns_ + at_ns);
        Flush(index);
        next++;
        wait_ns = kMaxWaitNs;
      }
      const bool may_sleep = !poll || next == arrivals.size();
      WaitForReplies(plan, [](size_t, int64_t) {}, may_sleep ? wait_ns : 0);
    }
    return Report();
  }

  void Begin(const Plan& plan) {
    server_ = plan.server;
    if (server_ != 0) {
      // Whoever has given the order needs a processor until it waits for the answer.
      usleep(kSettleUs);
      preemptions_before_ = {PreemptionsOf(getpid()), PreemptionsOf(server_)};
    }
    latencies_ns_.clear();
    late_ns_.clear();
    bytes_before_ = Bytes();
    cpu_before_ = CpuSeconds();
    began_ns_ = LoadNowNs();
  }

  Json Report() {
    const double seconds = static_cast<double>(LoadNowNs() - began_ns_) / kNsPerSecond;
    uint64_t preemptions = 0;
    if (server_ != 0) {
      preemptions = PreemptionsOf(getpid()) - preemptions_before_.first + PreemptionsOf(server_) -
                    preemptions_before_.second;
    }
    const double cpu = CpuSeconds() - cpu_before_;
    const auto [sent, received] = Bytes();
    std::sort(latencies_ns_.begin(), latencies_ns_.end());
    std::sort(late_ns_.begin(), late_ns_.end());
    return {{"operations", latencies_ns_.size()},
            {"seconds", seconds},
            {"p50Us", PercentileUs(&latencies_ns_, 0.5)},
            {"p99Us", PercentileUs(&latencies_ns_, 0.99)},
            {"p999Us", PercentileUs(&latencies_ns_, 0.999)},
            {"sentBytes", sent - bytes_before_.first},
            {"receivedBytes", received - bytes_before_.second},
            {"lateP50Us", PercentileUs(&late_ns_, 0.5)},
            {"lateP99Us", PercentileUs(&late_ns_, 0.99)},
            {"busy", cpu / seconds},
            {"preemptions", preemptions}};
  }

  std::pair<uint64_t, uint64_t> Bytes() const {
    std::pair<uint64_t, uint64_t> bytes;
    for (const auto& client : clients_) {
      bytes.first += client->connection->sent_bytes();
      bytes.second += client->connection->received_bytes();
    }
    return bytes;
  }

  // Adds an operation to what Flush sends.
  void Start(const Plan& plan, size_t index, size_t operation, int64_t since_ns) {
    Client& client = *clients_[index];
    client.connection->Add(plan.operations[operation].request);
    client.flights.push_back({since_ns, static_cast<uint32_t>(operation), plan.hops});
    in_flight_++;
  }

  void Flush(size_t index) { clients_[index]->connection->Flush(); }

  // Waits for events at most so long, receives, and calls `take` with each client that has.
  template <typename Take>
  void Wait(int64_t wait_ns, Take take) {
    ready_.clear();
    network_->Wait(wait_ns, &ready_);
    if (ready_.empty() && wait_ns == kMaxWaitNs) {
      FailLoad("the server leaves a request unanswered");
    }
    if (clients_.size() >= kManyClients) PrefetchReady();
    for (const size_t index : ready_) {
      clients_[index]->connection->Receive();
      take(index);
      Flush(index);
    }
  }

  // With many clients each one's memory is in no cache: it is asked for all at once.
  void PrefetchReady() const {
    for (const size_t index : ready_) PrefetchBytes(clients_[index].get(), sizeof(Client));
    for (const size_t index : ready_) {
      PrefetchBytes(clients_[index]->connection.get(), sizeof(LoadConnection));
      clients_[index]->flights.Prefetch();
    }
    for (const size_t index : ready_) clients_[index]->connection->PrefetchBuffers();
  }

  // Calls `ended` after each operation whose last reply has come.
  template <typename Ended>
  void WaitForReplies(const Plan& plan, Ended ended, int64_t wait_ns = kMaxWaitNs) {
    Wait(wait_ns, [&](size_t index) {
      Client& client = *clients_[index];
      std::string_view payload;
      while (client.connection->NextReply(&payload)) {
        Flight flight = client.flights.front();
        client.flights.pop_front();
        if (--flight.hops_left > 0) {
          client.connection->Add(EncodeRequest({"GET", KeyIn(plan, payload)}));
          client.flights.push_back(flight);
          continue;
        }
        Check(plan.operations[flight.operation], payload);
        const int64_t now_ns = LoadNowNs();
        latencies_ns_.push_back(now_ns - flight.since_ns);
        in_flight_--;
        ended(index, now_ns);
      }
    });
  }

  static std::string KeyIn(const Plan& plan, std::string_view payload) {
    if (payload.size() < plan.key_bytes) FailLoad("a value is shorter than a key");
    return std::string(payload.substr(0, plan.key_bytes));
  }

  static void Check(const Operation& operation, std::string_view payload) {
    if (payload.size() == operation.payload_bytes && payload.starts_with(operation.expect)) return;
    FailLoad("a reply has " + std::to_string(payload.size()) + " bytes and begins with \"" +
             std::string(payload.substr(0, operation.expect.size())) + "\"; it must have " +
             std::to_string(operation.payload_bytes) + " and begin with \"" + operation.expect +
             "\"");
  }

  const std::unique_ptr<LoadNetwork> network_;
  std::vector<size_t> ready_;
  std::mt19937_64 random_{kSeed};
  std::vector<std::unique_ptr<Client>> clients_;
  size_t in_flight_ = 0;
  int64_t began_ns_ = 0;
  double cpu_before_ = 0;
  pid_t server_ = 0;
  std::pair<uint64_t, uint64_t> preemptions_before_;  // of this process, and of the server
  std::pair<uint64_t, uint64_t> bytes_before_;
  std::vector<int64_t> latencies_ns_;
  std::vector<int64_t> late_ns_;
};

// As many descriptors as this process may have, and timers that end when they are to.
void PrepareProcess() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) FailLoadWithErrno("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) FailLoadWithErrno("setrlimit");
  if (prctl(PR_SET_TIMERSLACK, 1) != 0) FailLoadWithErrno("prctl");
}

std::unique_ptr<LoadNetwork> OpenNetwork(int argc, char** argv) {
  CardOptions card;
  const std::map<std::string, std::string*> flags = {
      {"--device", &card.device}, {"--address", &card.address}, {"--server", &card.server}};
  for (int i = 1; i < argc; i += 2) {
    const auto flag = flags.find(argv[i]);
    if (flag == flags.end() || i + 1 == argc) {
      FailLoad("usage: shredder-load [--server ADDRESS] [--device DEVICE --address ADDRESS]");
    }
    *flag->second = argv[i + 1];
  }
  if (card.device.empty()) {
    return OpenSocketNetwork(card.server.empty() ? "127.0.0.1" : card.server);
  }
  return OpenCardNetwork(card);
}

int Main(int argc, char** argv) {
  PrepareProcess();
  Load load(OpenNetwork(argc, argv));
  std::string line;
  while (std::getline(std::cin, line)) {
    try {
      std::cout << load.Obey(Json::parse(line)) << std::endl;
    } catch (const Json::exception& error) {
      FailLoad(std::string("an order of another form: ") + error.what());
    }
  }
  return 0;
}

}  // namespace
}  // namespace shredder::bench

// What throws here ends the program with its message.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return shredder::bench::Main(argc, argv); }
