// The handlers of all commands, by the file that holds them. The command table names each once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/server/command.h"

namespace shredder::server {

// connection.cc
void HandleAuth(Request& request);
void HandleEcho(Request& request);
void HandleHello(Request& request);
void HandlePing(Request& request);
void HandleQuit(Request& request);
void HandleReset(Request& request);
void HandleSelect(Request& request);
// Whether a HELLO has the option AUTH.
bool HelloAuthenticates(std::span<const std::string_view> args);

// cluster.cc
void HandleClusterInfo(Request& request);
void HandleClusterKeySlot(Request& request);
void HandleClusterMyId(Request& request);
void HandleClusterNodes(Request& request);
void HandleClusterShards(Request& request);
void HandleClusterSlots(Request& request);
// The error for a command, on that key where it is on one, of a client whose tenant is on another
// shard (Session::moved_to).
std::string MovedError(const Session& session, const Shard& shard,
                       std::optional<std::string_view> key);

// client.cc
void HandleClientGetName(Request& request);
void HandleClientId(Request& request);
void HandleClientInfo(Request& request);
void HandleClientKill(Request& request);
void HandleClientList(Request& request);
void HandleClientNoEvict(Request& request);
void HandleClientNoTouch(Request& request);
void HandleClientSetInfo(Request& request);
void HandleClientSetName(Request& request);

// string.cc
void HandleAppend(Request& request);
void HandleGet(Request& request);
void HandleGetDel(Request& request);
void HandleGetEx(Request& request);
void HandleGetRange(Request& request);
void HandleGetSet(Request& request);
void HandleMget(Request& request);
void HandleMset(Request& request);
void HandlePsetEx(Request& request);
void HandleSet(Request& request);
void HandleSetEx(Request& request);
void HandleSetNx(Request& request);
void HandleSetRange(Request& request);
void HandleStrlen(Request& request);

// number.cc
void HandleDecr(Request& request);
void HandleDecrBy(Request& request);
void HandleIncr(Request& request);
void HandleIncrBy(Request& request);

// key.cc
void HandleDbSize(Request& request);
void HandleDel(Request& request);
void HandleExists(Request& request);
void HandleFlush(Request& request);
void HandleType(Request& request);

// expiry.cc
void HandleExpire(Request& request);
void HandleExpireAt(Request& request);
void HandleExpireTime(Request& request);
void HandlePersist(Request& request);
void HandlePexpire(Request& request);
void HandlePexpireAt(Request& request);
void HandlePexpireTime(Request& request);
void HandlePttl(Request& request);
void HandleTenant(Request& request);
void HandleTtl(Request& request);

// scan.cc
void HandleKeys(Request& request);
void HandleScan(Request& request);

// function.cc
void HandleFcall(Request& request);
void HandleFcallJson(Request& request);
void HandleFcallRo(Request& request);
void HandleFunctionDelete(Request& request);
void HandleFunctionFlush(Request& request);
void HandleFunctionKill(Request& request);
void HandleFunctionList(Request& request);
void HandleFunctionLoad(Request& request);
void HandleFunctionLog(Request& request);
void HandleFunctionStats(Request& request);

// debug.cc
void HandleFunctionDebug(Request& request);

// transaction.cc
void HandleDiscard(Request& request);
void HandleExec(Request& request);
void HandleMulti(Request& request);
void HandleUnwatch(Request& request);
void HandleWatch(Request& request);

// info.cc
void HandleInfo(Request& request);

// config.cc
void HandleConfigGet(Request& request);
void HandleConfigSet(Request& request);

// command.cc
void HandleCommand(Request& request);
void HandleCommandCount(Request& request);
void HandleCommandDocs(Request& request);
void HandleCommandGetKeys(Request& request);
void HandleCommandInfo(Request& request);
void HandleCommandList(Request& request);
// The first argument that is a key; nothing where there is none. There are as many arguments as the
// command's arity asks for.
std::optional<std::string_view> FirstKeyOf(const Command& command,
                                           std::span<const std::string_view> args);
void HandleHelp(Request& request);  // of every command with subcommands

}  // namespace shredder::server
