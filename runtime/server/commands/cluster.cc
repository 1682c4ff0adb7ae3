// CLUSTER, and MOVED: where the client's tenant is, in the words of Redis Cluster. A network card
// is one shard's, so that no connection over it can be handed to another; a client that comes to
// the wrong shard is told to connect to the right one, in the way that cluster clients follow.
// What they call a cluster is a node here, or looks like one: all slots of a tenant are on its
// shard.
#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/config/network_options.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/hash_slot.h"
#include "runtime/server/shard.h"

namespace shredder::server {
namespace {

struct Node {
  std::string host;
  int64_t port;
  std::string id;  // 40 hexadecimal digits
};

// In the same kind of address that the client came by, where the shard has one.
Node NodeOf(const Session& session, const Shard& shard, uint32_t index) {
  const config::DpdkPort& port = *config::PortOf(shard.config(), index);
  const bool is_ip6 = session.address().starts_with('[') && !port.address6.empty();
  // The server's, with the shard's number in its last digits.
  std::string id = shard.identity().run_id;
  id.replace(id.size() - 4, 4, fmt::format("{:04x}", index));
  return {is_ip6 ? port.address6 : port.address, shard.config().port, std::move(id)};
}

// The one that has the client's tenant. Nothing, with the error replied, where the client comes
// over the kernel's network, which hands it over by itself, or is nobody's.
std::optional<Node> FindNode(Request& request) {
  const Session& session = request.session;
  if (session.tenant() == nullptr && !session.moved_to()) {
    request.reply.Error("NOAUTH Authentication required.");
    return std::nullopt;
  }
  if (session.connection().IsReleasable()) {
    request.reply.Error("ERR This instance has cluster support disabled");
    return std::nullopt;
  }
  const uint32_t own = request.shard.identity().shard;
  return NodeOf(session, request.shard, session.moved_to().value_or(own));
}

Node OwnNode(const Request& request) {
  return NodeOf(request.session, request.shard, request.shard.identity().shard);
}

}  // namespace

std::string MovedError(const Session& session, const Shard& shard,
                       std::optional<std::string_view> key) {
  const Node node = NodeOf(session, shard, *session.moved_to());
  return fmt::format("MOVED {} {}:{}", key ? HashSlot(*key) : 0, node.host, node.port);
}

void HandleClusterInfo(Request& request) {
  if (!FindNode(request)) return;
  request.reply.Verbatim(
      fmt::format("cluster_state:ok\r\n"
                  "cluster_slots_assigned:{0}\r\n"
                  "cluster_slots_ok:{0}\r\n"
                  "cluster_slots_pfail:0\r\n"
                  "cluster_slots_fail:0\r\n"
                  "cluster_known_nodes:{1}\r\n"
                  "cluster_size:1\r\n"
                  "cluster_current_epoch:0\r\n"
                  "cluster_my_epoch:0\r\n",
                  kHashSlots, request.session.moved_to() ? 2 : 1));
}

void HandleClusterKeySlot(Request& request) {
  if (FindNode(request)) request.reply.Integer(HashSlot(request.args[2]));
}

void HandleClusterMyId(Request& request) {
  if (FindNode(request)) request.reply.Bulk(OwnNode(request).id);
}

void HandleClusterNodes(Request& request) {
  const auto node = FindNode(request);
  if (!node) return;
  // There is no bus between nodes, which clients expect to be given a port of. The one that is
  // asked is always in the list.
  const auto line = [](const Node& each, std::string_view whose, std::string_view slots) {
    return fmt::format("{} {}:{}@0 {}master - 0 0 0 connected{}\n", each.id, each.host, each.port,
                       whose, slots);
  };
  const std::string slots = fmt::format(" 0-{}", kHashSlots - 1);
  if (request.session.moved_to()) {
    request.reply.Verbatim(line(OwnNode(request), "myself,", "") + line(*node, "", slots));
  } else {
    request.reply.Verbatim(line(*node, "myself,", slots));
  }
}

void HandleClusterShards(Request& request) {
  const auto node = FindNode(request);
  if (!node) return;
  resp::ReplyWriter& reply = request.reply;
  reply.Array(1);
  reply.Map(2);
  reply.Bulk("slots");
  reply.Array(2);
  reply.Integer(0);
  reply.Integer(kHashSlots - 1);
  reply.Bulk("nodes");
  reply.Array(1);
  reply.Map(7);
  reply.Bulk("id");
  reply.Bulk(node->id);
  reply.Bulk("port");
  reply.Integer(node->port);
  reply.Bulk("ip");
  reply.Bulk(node->host);
  reply.Bulk("endpoint");
  reply.Bulk(node->host);
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("replication-offset");
  reply.Integer(0);
  reply.Bulk("health");
  reply.Bulk("online");
}

void HandleClusterSlots(Request& request) {
  const auto node = FindNode(request);
  if (!node) return;
  resp::ReplyWriter& reply = request.reply;
  reply.Array(1);
  reply.Array(3);
  reply.Integer(0);
  reply.Integer(kHashSlots - 1);
  reply.Array(4);
  reply.Bulk(node->host);
  reply.Integer(node->port);
  reply.Bulk(node->id);
  reply.Array(0);
}

}  // namespace shredder::server
