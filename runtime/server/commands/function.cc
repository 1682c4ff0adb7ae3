// Libraries of functions, and their invocation.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <string>
#include <utility>

#include "runtime/engine/function_log.h"
#include "runtime/engine/library_record.h"
#include "runtime/resp/number.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/client_name.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"
#include "runtime/server/commands/running.h"
#include "runtime/server/shard.h"
#include "runtime/server/value_encoder.h"

namespace shredder::server {
namespace {

constexpr engine::LibraryLanguage kLanguages[] = {engine::LibraryLanguage::kJavaScript,
                                                  engine::LibraryLanguage::kWebAssembly};

std::string_view EngineNameOf(engine::LibraryLanguage language) {
  return language == engine::LibraryLanguage::kWebAssembly ? "wasm" : "js";
}

bool MayWrite(const engine::FunctionInfo& function) {
  return std::find(function.flags.begin(), function.flags.end(), "no-writes") ==
         function.flags.end();
}

// How long the invocation may take, the evaluation of its library included.
config::Deadline CallDeadline(const Request& request, const engine::FunctionRef& function) {
  config::Deadline deadline = request.tenant->deadline;
  if (!request.tenant->functions->NeedsEvaluation(function)) return deadline;
  const config::Deadline load = LoadDeadline(request);
  return {deadline.cpu_ms + load.cpu_ms, deadline.wall_ms + load.wall_ms};
}

void Invoke(Request& request, bool read_only, engine::CallForm form) {
  const auto args = request.args;
  request.shard.MakeRoom(request.tenant);
  const engine::FunctionRef function = request.tenant->functions->Find(args[1]);
  if (!function) {
    request.reply.Error("ERR Function not found");
    return;
  }
  int64_t key_count;
  if (!resp::ParseInteger(args[2], &key_count)) {
    request.reply.Error("ERR Bad number of keys provided");
    return;
  }
  if (key_count > static_cast<int64_t>(args.size()) - 3) {
    request.reply.Error("ERR Number of keys can't be greater than number of args");
    return;
  }
  if (key_count < 0) {
    request.reply.Error("ERR Number of keys can't be negative");
    return;
  }
  if (read_only && MayWrite(*function.info)) {
    request.reply.Error("ERR Can not execute a script with write flag using *_ro command.");
    return;
  }
  const auto keys = args.subspan(3, static_cast<size_t>(key_count));
  if (std::any_of(keys.begin(), keys.end(),
                  [](std::string_view key) { return key.size() > layout::kMaxKeyBytes; })) {
    request.reply.Error(fmt::format("ERR key is longer than {} bytes", layout::kMaxKeyBytes));
    return;
  }
  const auto arguments = args.subspan(3 + keys.size());
  if (form == engine::CallForm::kTyped && arguments.size() > 1) {
    request.reply.Error("ERR FCALL_JSON takes one argument, a text of JSON, behind the keys");
    return;
  }
  engine::Value value;
  {
    const RunningScope running(request, args[1], CallDeadline(request, function));
    value = request.tenant->functions->Call(function, keys, arguments, read_only, form);
  }
  EncodeValue(value, request.reply);
}

void ReplyLibrary(const engine::LibraryInfo& library, bool with_code, resp::ReplyWriter& reply) {
  reply.Map(with_code ? 4 : 3);
  reply.Bulk("library_name");
  reply.Bulk(library.name);
  reply.Bulk("engine");
  reply.Bulk(EngineNameOf(library.language));
  reply.Bulk("functions");
  reply.Array(library.functions.size());
  for (const engine::FunctionInfo& function : library.functions) {
    reply.Map(3);
    reply.Bulk("name");
    reply.Bulk(function.name);
    reply.Bulk("description");
    if (function.description.empty()) {
      reply.Null();
    } else {
      reply.Bulk(function.description);
    }
    reply.Bulk("flags");
    reply.Set(function.flags.size());
    for (const std::string& flag : function.flags) reply.SimpleString(flag);
  }
  if (with_code) {
    reply.Bulk("library_code");
    reply.Bulk(library.code);
  }
}

}  // namespace

void HandleFcall(Request& request) { Invoke(request, false, engine::CallForm::kPlain); }

void HandleFcallJson(Request& request) { Invoke(request, false, engine::CallForm::kTyped); }

void HandleFcallRo(Request& request) { Invoke(request, true, engine::CallForm::kPlain); }

void HandleFunctionLoad(Request& request) {
  const auto args = request.args;
  bool replace = false;
  for (size_t i = 2; i + 1 < args.size(); ++i) {
    if (!EqualsIgnoringCase(args[i], "replace")) {
      request.reply.Error(
          fmt::format("ERR Unknown option given: {}", args[i].substr(0, kMaxClientTextLength)));
      return;
    }
    replace = true;
  }
  engine::Value value;
  {
    const RunningScope running(request, "FUNCTION LOAD", LoadDeadline(request));
    value = request.tenant->functions->Load(args.back(), replace);
  }
  if (const auto* name = std::get_if<engine::Text>(&value.data)) {
    const std::vector<const engine::LibraryInfo*> libraries =
        request.tenant->functions->libraries();
    const auto loaded = std::find_if(libraries.begin(), libraries.end(), [&](const auto* library) {
      return library->name == name->utf8;
    });
    request.shard.authority().OnLibraryChanged(*request.tenant, name->utf8,
                                               engine::PackLibrary(**loaded));
  }
  EncodeValue(value, request.reply);
}

void HandleFunctionList(Request& request) {
  const auto args = request.args;
  std::string_view pattern = "*";
  bool has_pattern = false;
  bool with_code = false;
  for (size_t i = 2; i < args.size(); ++i) {
    if (!with_code && EqualsIgnoringCase(args[i], "withcode")) {
      with_code = true;
    } else if (!has_pattern && EqualsIgnoringCase(args[i], "libraryname")) {
      if (++i == args.size()) {
        request.reply.Error("ERR library name argument was not given");
        return;
      }
      has_pattern = true;
      pattern = args[i];
    } else {
      request.reply.Error(
          fmt::format("ERR Unknown argument {}", args[i].substr(0, kMaxClientTextLength)));
      return;
    }
  }
  const std::optional<resp::Glob> glob = ReadPattern(request, pattern, true);
  if (!glob) return;
  std::vector<const engine::LibraryInfo*> libraries;
  for (const engine::LibraryInfo* library : request.tenant->functions->libraries()) {
    if (glob->Matches(library->name)) libraries.push_back(library);
  }
  request.reply.Array(libraries.size());
  for (const engine::LibraryInfo* library : libraries) {
    ReplyLibrary(*library, with_code, request.reply);
  }
}

void HandleFunctionDelete(Request& request) {
  if (request.tenant->functions->Delete(request.args[2])) {
    request.shard.authority().OnLibraryChanged(*request.tenant, request.args[2], std::nullopt);
    request.reply.Ok();
  } else {
    request.reply.Error("ERR Library not found");
  }
}

void HandleFunctionFlush(Request& request) {
  const auto args = request.args;
  if (args.size() > 3) {
    request.reply.Error(fmt::format(
        "ERR unknown subcommand or wrong number of arguments for '{}'. Try FUNCTION HELP.",
        args[1]));
    return;
  }
  if (args.size() == 3 && !EqualsIgnoringCase(args[2], "sync") &&
      !EqualsIgnoringCase(args[2], "async")) {
    request.reply.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
    return;
  }
  for (const engine::LibraryInfo* library : request.tenant->functions->libraries()) {
    request.shard.authority().OnLibraryChanged(*request.tenant, library->name, std::nullopt);
  }
  request.tenant->functions->Flush();
  request.reply.Ok();
}

void HandleFunctionStats(Request& request) {
  resp::ReplyWriter& reply = request.reply;
  const RunningCommand* running = request.shard.running();
  reply.Map(2);
  reply.Bulk("running_script");
  if (running && running->tenant == request.tenant) {
    reply.Map(3);
    reply.Bulk("name");
    reply.Bulk(running->function);
    reply.Bulk("command");
    reply.Array(running->args.size());
    for (const std::string_view arg : running->args) reply.Bulk(arg);
    reply.Bulk("duration_ms");
    reply.Integer(static_cast<int64_t>(request.shard.clock().NowMs() - running->started_ms));
  } else {
    reply.Null();
  }
  const engine::FunctionHost& functions = *request.tenant->functions;
  reply.Bulk("engines");
  const std::vector<const engine::LibraryInfo*> libraries = functions.libraries();
  const bool has_wasm = request.tenant->limits.wasm;
  reply.Map(has_wasm ? std::size(kLanguages) : 1);
  for (const engine::LibraryLanguage language : kLanguages) {
    if (language == engine::LibraryLanguage::kWebAssembly && !has_wasm) continue;
    int64_t library_count = 0;
    int64_t function_count = 0;
    for (const engine::LibraryInfo* library : libraries) {
      if (library->language != language) continue;
      ++library_count;
      function_count += static_cast<int64_t>(library->functions.size());
    }
    reply.Bulk(EngineNameOf(language));
    reply.Map(2);
    reply.Bulk("libraries_count");
    reply.Integer(library_count);
    reply.Bulk("functions_count");
    reply.Integer(function_count);
  }
}

// FUNCTION LOG [SINCE id] [COUNT n]: of the lines behind `id`, the oldest n.
void HandleFunctionLog(Request& request) {
  const auto args = request.args;
  uint64_t since = 0;
  uint64_t count = engine::FunctionLog::kMaxLines;
  for (size_t i = 2; i < args.size(); i += 2) {
    const bool is_since = EqualsIgnoringCase(args[i], "since");
    if (!is_since && !EqualsIgnoringCase(args[i], "count")) {
      request.reply.Error(
          fmt::format("ERR Unknown argument {}", args[i].substr(0, kMaxClientTextLength)));
      return;
    }
    int64_t number;
    if (i + 1 == args.size() || !resp::ParseInteger(args[i + 1], &number) || number < 0) {
      request.reply.Error("ERR value is not an integer or out of range");
      return;
    }
    (is_since ? since : count) = static_cast<uint64_t>(number);
  }
  const std::deque<engine::LogLine>& lines = request.tenant->functions->log().lines();
  const auto first = std::find_if(lines.begin(), lines.end(),
                                  [since](const engine::LogLine& line) { return line.id > since; });
  const auto left = static_cast<uint64_t>(lines.end() - first);
  const uint64_t shown = std::min(count, left);
  request.reply.Array(shown);
  for (uint64_t i = 0; i < shown; ++i) {
    const engine::LogLine& line = first[static_cast<ptrdiff_t>(i)];
    request.reply.Map(6);
    request.reply.Bulk("id");
    request.reply.Integer(static_cast<int64_t>(line.id));
    request.reply.Bulk("time");
    request.reply.Integer(static_cast<int64_t>(line.time_ms));
    for (const auto& [name, value] :
         {std::pair<std::string_view, std::string_view>{"level", line.level},
          {"function", line.function},
          {"place", line.place},
          {"message", line.text}}) {
      request.reply.Bulk(name);
      request.reply.Bulk(value);
    }
  }
}

void HandleFunctionKill(Request& request) {
  if (request.shard.IsRunning(request.tenant) && request.shard.RequestKill()) {
    request.reply.Ok();
  } else {
    request.reply.Error("NOTBUSY No scripts in execution right now.");
  }
}

}  // namespace shredder::server
