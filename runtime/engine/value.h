// What a function returns, as plain data: the engine makes it from JavaScript values within the
// invocation's budget, the server encodes it for the client's protocol. Owns everything it holds.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace shredder::engine {

struct Value;

struct Undefined {};
struct Null {};
// A bigint that takes more than 64 bits.
struct BigInt {
  std::string digits;
};
struct Date {
  std::string iso;  // as toISOString gives it; empty for an invalid date
};
struct Text {
  std::string utf8;
};
// Of a buffer or a view.
struct Bytes {
  std::string bytes;
};
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
// Any other object: its own enumerable properties, whose names are Text.
struct Object {
  std::vector<MapItem> items;
};
struct Error {
  std::string message;  // one line that starts with an upper-case prefix such as ERR
};

// int64_t: a bigint. double: a number.
struct Value {
  std::variant<Null, Undefined, bool, int64_t, BigInt, double, Date, Text, Bytes, Array, Set, Map,
               Object, Error>
      data;
};

struct MapItem {
  Value key;
  Value value;
};

}  // namespace shredder::engine
