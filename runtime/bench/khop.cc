// Friends within so many hops, counted by path in C++: count(k, 1) = len(k); count(k, d) = len(k) +
// the sum of count(f, d - 1) over the friends f of k. Over the store's own table, and over a plain
// chained table.
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "builtins-csa/layout/table_lookup.h"
#include "runtime/bench/files.h"
#include "runtime/bench/harness.h"
#include "runtime/bench/suites.h"

namespace shredder::bench {

namespace {

constexpr int kMaxHops = 16;

// Neighbours, not aligned.
struct List {
  const char* bytes;
  size_t length;

  uint32_t operator[](size_t i) const {
    uint32_t neighbour;
    std::memcpy(&neighbour, bytes + i * sizeof neighbour, sizeof neighbour);
    return neighbour;
  }
};

// The store's table, as its own C++ looks up.
class StoreTable {
 public:
  StoreTable() {
    std::string error;
    store_ = store::Store::Create({}, &error);
    if (store_ == nullptr) Fail(error);
    store_->SetNow(1);
  }

  void Add(uint32_t node, std::span<const uint32_t> neighbours) {
    const std::string_view value(reinterpret_cast<const char*>(neighbours.data()),
                                 neighbours.size_bytes());
    if (store_->Set(store::Key::FromInteger(node), value) != store::WriteStatus::kOk) {
      Fail("the graph does not fit into the store");
    }
  }

  List Find(uint32_t node) const {
    const layout::StoreHeader* header = store_->header();
    const layout::Slot* slot =
        store::FindIntegerSlot(header, node, layout::HashInteger(*header, node));
    if (slot == nullptr) return {nullptr, 0};
    const std::string_view value = store::ValueIn(header, slot->value_word, 0);
    return {value.data(), value.size() / sizeof(uint32_t)};
  }

 private:
  std::unique_ptr<store::Store> store_;
};

// Buckets of chained nodes, each with its list behind it: what one writes for this alone.
class ChainedTable {
 public:
  explicit ChainedTable(size_t nodes) {
    while ((size_t{1} << bits_) < nodes) ++bits_;
    buckets_.resize(size_t{1} << bits_);
  }

  void Add(uint32_t node, std::span<const uint32_t> neighbours) {
    memory_.push_back(std::make_unique<char[]>(sizeof(Node) + neighbours.size_bytes()));
    auto* added = new (memory_.back().get()) Node;
    Node** bucket = &buckets_[BucketOf(node)];
    *added = {*bucket, node, static_cast<uint32_t>(neighbours.size())};
    *bucket = added;
    std::memcpy(added + 1, neighbours.data(), neighbours.size_bytes());
  }

  List Find(uint32_t node) const {
    for (const Node* at = buckets_[BucketOf(node)]; at != nullptr; at = at->next) {
      if (at->key == node) return {reinterpret_cast<const char*>(at + 1), at->length};
    }
    return {nullptr, 0};
  }

 private:
  struct Node {
    Node* next;
    uint32_t key;
    uint32_t length;  // neighbours, which follow
  };

  // Fibonacci hashing.
  size_t BucketOf(uint32_t key) const { return key * 0x9e3779b97f4a7c15ull >> (64 - bits_); }

  int bits_ = 1;
  std::vector<Node*> buckets_;
  std::vector<std::unique_ptr<char[]>> memory_;
};

template <typename Table>
uint64_t CountFriends(const Table& table, uint32_t node, int hops) {
  const List friends = table.Find(node);
  uint64_t count = friends.length;
  if (hops == 1) return count;
  for (size_t i = 0; i < friends.length; ++i) count += CountFriends(table, friends[i], hops - 1);
  return count;
}

std::vector<uint32_t> ReadWords(const std::string& file) {
  const std::string bytes = ReadFile(file);
  std::vector<uint32_t> words(bytes.size() / sizeof(uint32_t));
  std::memcpy(words.data(), bytes.data(), words.size() * sizeof(uint32_t));
  return words;
}

// The lists of a graph file.
template <typename Visit>
void VisitLists(std::span<const uint32_t> words, const std::string& file, const Visit& visit) {
  while (!words.empty()) {
    if (words.size() < 2 || words.size() - 2 < words[1]) Fail(file + " ends inside a list");
    visit(words[0], words.subspan(2, words[1]));
    words = words.subspan(2 + words[1]);
  }
}

}  // namespace

void ServeKhop(const std::string& graph_file) {
  const std::vector<uint32_t> words = ReadWords(graph_file);
  size_t nodes = 0;
  VisitLists(words, graph_file, [&](uint32_t, auto) { ++nodes; });
  StoreTable store;
  ChainedTable chained(nodes);
  VisitLists(words, graph_file, [&](uint32_t node, std::span<const uint32_t> neighbours) {
    store.Add(node, neighbours);
    chained.Add(node, neighbours);
  });

  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream request(line);
    std::string table;
    uint32_t node = 0;
    int hops = 0;
    int calls = 0;
    if (!(request >> table >> node >> hops >> calls) || (table != "store" && table != "chained") ||
        hops < 1 || hops > kMaxHops || calls < 1) {
      Fail("\"" + line + "\" is no request; write \"<store|chained> <node> <hops> <calls>\"");
    }
    uint64_t count = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int call = 0; call < calls; ++call) {
      count =
          table == "store" ? CountFriends(store, node, hops) : CountFriends(chained, node, hops);
      asm volatile("" : : "r"(count) : "memory");  // Each call counts anew.
    }
    const std::chrono::nanoseconds elapsed = std::chrono::steady_clock::now() - start;
    std::cout << count << " " << elapsed.count() / calls << std::endl;
  }
}

}  // namespace shredder::bench
