// What a function returns, as plain data: the engine makes it from JavaScript values within the
// invocation's budget, the server encodes it for the client's protocol. Owns everything it holds.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace shredder::engine {

struct Value;

struct Null {};
struct Array {
  std::vector<Value> items;
};
struct Set {
  std::vector<Value> items;
};
struct MapItem;
struct Map {
  std::vector<MapItem> items;
};
struct Bytes {
  std::string bytes;  // UTF-8 of a string, or the raw bytes of a buffer or view
};
struct Error {
  std::string message;  // one line that starts with an upper-case prefix such as ERR
};

// int64_t: a bigint. double: a number.
struct Value {
  std::variant<Null, bool, int64_t, double, Bytes, Array, Set, Map, Error> data;
};

struct MapItem {
  Value key;
  Value value;
};

}  // namespace shredder::engine
