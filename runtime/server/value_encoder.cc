#include "runtime/server/value_encoder.h"

namespace shredder::server {
namespace {

// Recursion ends at the depth that the engine grants a value.
struct Encoder {
  resp::ReplyWriter& reply;

  void operator()(const engine::Null&) { reply.Null(); }
  void operator()(const engine::Undefined&) { reply.Null(); }
  void operator()(bool value) { reply.Boolean(value); }
  void operator()(int64_t value) { reply.Integer(value); }
  void operator()(const engine::BigInt& value) { reply.Bulk(value.digits); }
  void operator()(double value) { reply.Double(value); }
  void operator()(const engine::Date& value) {
    reply.Bulk(value.iso.empty() ? std::string_view("Invalid Date") : value.iso);
  }
  void operator()(const engine::Text& value) { reply.Bulk(value.utf8); }
  void operator()(const engine::Bytes& value) { reply.Bulk(value.bytes); }
  void operator()(const engine::Error& value) { reply.Error(value.message); }
  void operator()(const engine::Array& value) {
    reply.Array(value.items.size());
    for (const engine::Value& item : value.items) EncodeValue(item, reply);
  }
  void operator()(const engine::Set& value) {
    reply.Set(value.items.size());
    for (const engine::Value& item : value.items) EncodeValue(item, reply);
  }
  void operator()(const engine::Map& value) { EncodeItems(value.items); }
  void operator()(const engine::Object& value) { EncodeItems(value.items); }

  void EncodeItems(const std::vector<engine::MapItem>& items) {
    reply.Map(items.size());
    for (const auto& [key, item] : items) {
      EncodeValue(key, reply);
      EncodeValue(item, reply);
    }
  }
};

}  // namespace

void EncodeValue(const engine::Value& value, resp::ReplyWriter& reply) {
  std::visit(Encoder{reply}, value.data);
}

}  // namespace shredder::server
