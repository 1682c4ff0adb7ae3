#include "runtime/control/messages.h"

#include <nlohmann/json.hpp>
#include <type_traits>

namespace shredder::control {

// The fields of each are its JSON.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Start, shard, accepts, is_sandboxed, v8_flags, server_config,
                                   run_id, started_ms, supervisor_pid, unix_socket)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Settings, server_config)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OpenTenant, name)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AddPool, pool)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AddTenant, config, pool, slot, is_suspect, library_bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SetTenant, config)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ReleaseTenant, name)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AuthenticationAnswer, connection, is_known, is_right, tenant,
                                   shard)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TenantReply, connection)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Released, name)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Authentication, connection, tenant, digest)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TenantCommand, connection, tenant, protocol, argument_bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LibraryChanged, tenant, library)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MemoryMoved, tenant)

void to_json(nlohmann::json& json, const HandOver& m) {
  json = {{"tenant", m.tenant},
          {"id", m.id},
          {"peer", m.peer},
          {"unread_bytes", m.unread_bytes},
          {"opened_ms", m.opened_ms},
          {"protocol", m.protocol},
          {"name", m.name},
          {"library_name", m.library_name},
          {"library_version", m.library_version},
          {"auth_failures", m.auth_failures}};
  if (m.right_digest) json["right_digest"] = *m.right_digest;
}

void from_json(const nlohmann::json& json, HandOver& m) {
  json.at("tenant").get_to(m.tenant);
  json.at("id").get_to(m.id);
  json.at("peer").get_to(m.peer);
  json.at("unread_bytes").get_to(m.unread_bytes);
  json.at("opened_ms").get_to(m.opened_ms);
  json.at("protocol").get_to(m.protocol);
  json.at("name").get_to(m.name);
  json.at("library_name").get_to(m.library_name);
  json.at("library_version").get_to(m.library_version);
  json.at("auth_failures").get_to(m.auth_failures);
  if (json.contains("right_digest")) m.right_digest = json["right_digest"];
}

template <typename T>
Message Pack(const T& message) {
  Message packed;
  packed.kind = T::kKind;
  if constexpr (!std::is_empty_v<T>)
    packed.json =
        nlohmann::json(message).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return packed;
}

template <typename T>
std::optional<T> Unpack(const Message& message) {
  if constexpr (std::is_empty_v<T>) {
    return T();
  } else {
    try {
      return nlohmann::json::parse(message.json).template get<T>();
    } catch (const nlohmann::json::exception&) {
      return std::nullopt;
    }
  }
}

#define SHREDDER_INSTANTIATE(T)       \
  template Message Pack<T>(const T&); \
  template std::optional<T> Unpack<T>(const Message&)
SHREDDER_INSTANTIATE(Start);
SHREDDER_INSTANTIATE(Serve);
SHREDDER_INSTANTIATE(Settings);
SHREDDER_INSTANTIATE(OpenTenant);
SHREDDER_INSTANTIATE(AddPool);
SHREDDER_INSTANTIATE(AddTenant);
SHREDDER_INSTANTIATE(SetTenant);
SHREDDER_INSTANTIATE(ReleaseTenant);
SHREDDER_INSTANTIATE(AuthenticationAnswer);
SHREDDER_INSTANTIATE(TenantReply);
SHREDDER_INSTANTIATE(Serving);
SHREDDER_INSTANTIATE(Released);
SHREDDER_INSTANTIATE(Authentication);
SHREDDER_INSTANTIATE(TenantCommand);
SHREDDER_INSTANTIATE(LibraryChanged);
SHREDDER_INSTANTIATE(MemoryMoved);
SHREDDER_INSTANTIATE(SlotsLeft);
SHREDDER_INSTANTIATE(HandOver);
#undef SHREDDER_INSTANTIATE

}  // namespace shredder::control
