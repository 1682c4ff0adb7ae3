// COMMAND: the command table, as clients ask for it; and HELP, made from the same table.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "runtime/resp/glob.h"
#include "runtime/resp/number.h"
#include "runtime/server/command_table.h"
#include "runtime/server/commands/client_name.h"
#include "runtime/server/commands/common.h"
#include "runtime/server/commands/handlers.h"

namespace shredder::server {
namespace {

struct FlagName {
  uint32_t flag;
  std::string_view name;
};
constexpr FlagName kFlagNames[] = {
    {kWrite, "write"},
    {kReadOnly, "readonly"},
    {kDenyOom, "denyoom"},
    {kAdmin, "admin"},
    {kFast, "fast"},
    {kNoAuth, "no_auth"},
    {kAllowBusy, "allow_busy"},
    {kMovableKeys, "movablekeys"},
    {kNoMulti, "no_multi"},
};

// "@string" for the group "string", and so on; the group "server" has none.
std::string_view GroupCategory(std::string_view group) {
  if (group == "connection") return "@connection";
  if (group == "generic") return "@keyspace";
  if (group == "scripting") return "@scripting";
  if (group == "string") return "@string";
  if (group == "transactions") return "@transaction";
  return {};
}

std::vector<std::string_view> Categories(const Command& command) {
  std::vector<std::string_view> categories;
  const bool scripting = command.docs.group == "scripting";
  if (command.flags & kWrite) categories.push_back("@write");
  if (command.flags & kReadOnly && !scripting) categories.push_back("@read");
  const std::string_view group = GroupCategory(command.docs.group);
  if (!group.empty()) categories.push_back(group);
  if (command.flags & kAdmin) categories.push_back("@admin");
  if (command.flags & (kAdmin | kDangerous)) categories.push_back("@dangerous");
  categories.push_back(command.flags & kFast ? "@fast" : "@slow");
  return categories;
}

void ReplyWordSet(const std::vector<std::string_view>& words, resp::ReplyWriter& reply) {
  reply.Set(words.size());
  for (const std::string_view word : words) reply.SimpleString(word);
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

struct Field {
  std::string_view name;
  int value;
};

void ReplySearch(std::string_view type, std::initializer_list<Field> spec,
                 resp::ReplyWriter& reply) {
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk(type);
  reply.Bulk("spec");
  reply.Map(spec.size());
  for (const Field& field : spec) {
    reply.Bulk(field.name);
    reply.Integer(field.value);
  }
}

void ReplyKeySpecification(const Command& command, resp::ReplyWriter& reply) {
  reply.Map(3);
  reply.Bulk("flags");
  ReplyWordSet(Words(command.keys.access), reply);
  reply.Bulk("begin_search");
  if (command.flags & kMovableKeys) {
    ReplySearch("index", {{"index", 2}}, reply);
    reply.Bulk("find_keys");
    ReplySearch("keynum", {{"keynumidx", 0}, {"firstkey", 1}, {"keystep", 1}}, reply);
  } else {
    const KeyPositions& keys = command.keys;
    ReplySearch("index", {{"index", keys.first}}, reply);
    reply.Bulk("find_keys");
    // Here the last key counts from the first one.
    const int last = keys.last < 0 ? keys.last : keys.last - keys.first;
    ReplySearch("range", {{"lastkey", last}, {"keystep", keys.step}, {"limit", 0}}, reply);
  }
}

void ReplyCommandInfo(const Command* container, const Command& command, resp::ReplyWriter& reply) {
  reply.Array(10);
  reply.Bulk(FullName(container, command));
  reply.Integer(command.arity);
  std::vector<std::string_view> flags;
  for (const FlagName& flag : kFlagNames) {
    if (command.flags & flag.flag) flags.push_back(flag.name);
  }
  ReplyWordSet(flags, reply);
  reply.Integer(command.keys.first);
  reply.Integer(command.keys.last);
  reply.Integer(command.keys.step);
  ReplyWordSet(Categories(command), reply);
  reply.Set(0);  // tips
  reply.Set(command.keys.access.empty() ? 0 : 1);
  if (!command.keys.access.empty()) ReplyKeySpecification(command, reply);
  reply.Set(command.subcommands.size());
  for (const Command& subcommand : command.subcommands) {
    ReplyCommandInfo(&command, subcommand, reply);
  }
}

void ReplyCommandDocs(const Command* container, const Command& command, resp::ReplyWriter& reply) {
  reply.Bulk(FullName(container, command));
  reply.Map(command.subcommands.empty() ? 4 : 5);
  reply.Bulk("summary");
  reply.Bulk(command.docs.summary);
  reply.Bulk("since");
  reply.Bulk(command.docs.since);
  reply.Bulk("group");
  reply.Bulk(command.docs.group);
  reply.Bulk("complexity");
  reply.Bulk(command.docs.complexity);
  if (command.subcommands.empty()) return;
  reply.Bulk("subcommands");
  reply.Map(command.subcommands.size());
  for (const Command& subcommand : command.subcommands) {
    ReplyCommandDocs(&command, subcommand, reply);
  }
}

// Of a reply that describes one.
constexpr uint64_t kStepsPerCommand = 4;

struct FoundCommand {
  const Command* container = nullptr;
  const Command* command = nullptr;
};

// By full name: "get", "client|id".
FoundCommand FindByFullName(std::string_view name) {
  const size_t bar = name.find('|');
  const Command* command = FindCommand(name.substr(0, bar));
  if (bar == std::string_view::npos || !command) return {nullptr, command};
  return {command, FindSubcommand(*command, name.substr(bar + 1))};
}

std::vector<std::string_view> KeysOf(const Command& command,
                                     std::span<const std::string_view> args) {
  std::vector<std::string_view> keys;
  if (command.keys.access.empty()) return keys;
  if (command.flags & kMovableKeys) {
    int64_t count;
    if (resp::ParseInteger(args[2], &count) && count > 0 &&
        count <= static_cast<int64_t>(args.size()) - 3) {
      keys.assign(args.begin() + 3, args.begin() + 3 + count);
    }
    return keys;
  }
  const int count = static_cast<int>(args.size());
  const int last = command.keys.last < 0 ? count + command.keys.last : command.keys.last;
  for (int i = command.keys.first; i <= last; i += command.keys.step) keys.push_back(args[i]);
  return keys;
}

}  // namespace

std::optional<std::string_view> FirstKeyOf(const Command& command,
                                           std::span<const std::string_view> args) {
  const std::vector<std::string_view> keys = KeysOf(command, args);
  return keys.empty() ? std::nullopt : std::optional(keys.front());
}

void HandleCommand(Request& request) {
  request.reply.Array(AllCommands().size());
  for (const Command& command : AllCommands()) ReplyCommandInfo(nullptr, command, request.reply);
}

void HandleCommandCount(Request& request) {
  request.reply.Integer(static_cast<int64_t>(AllCommands().size()));
}

void HandleCommandInfo(Request& request) {
  if (request.args.size() == 2) {
    HandleCommand(request);
    return;
  }
  LongReply reply(request);
  request.reply.Array(request.args.size() - 2);
  for (const std::string_view name : request.args.subspan(2)) {
    const FoundCommand found = FindByFullName(name);
    if (found.command) {
      ReplyCommandInfo(found.container, *found.command, request.reply);
    } else {
      request.reply.Null();
    }
    if (!reply.GoesOn(kStepsPerCommand)) return;
  }
}

void HandleCommandDocs(Request& request) {
  std::vector<FoundCommand> commands;
  for (const std::string_view name : request.args.subspan(2)) {
    const FoundCommand found = FindByFullName(name);
    if (found.command) commands.push_back(found);
    if (!GoesOn(request)) return;
  }
  if (request.args.size() == 2) {
    for (const Command& command : AllCommands()) commands.push_back({nullptr, &command});
  }
  LongReply reply(request);
  request.reply.Map(commands.size());
  for (const FoundCommand& found : commands) {
    ReplyCommandDocs(found.container, *found.command, request.reply);
    if (!reply.GoesOn(kStepsPerCommand)) return;
  }
}

void HandleCommandList(Request& request) {
  const auto args = request.args;
  std::string_view filter;
  std::string_view value;
  if (args.size() == 5 && EqualsIgnoringCase(args[2], "filterby")) {
    filter = args[3];
    value = args[4];
  }
  const bool by_pattern = EqualsIgnoringCase(filter, "pattern");
  const bool by_category = EqualsIgnoringCase(filter, "aclcat");
  const bool by_module = EqualsIgnoringCase(filter, "module");
  if (args.size() != 2 && !by_pattern && !by_category && !by_module) {
    request.reply.Error(kSyntaxError);
    return;
  }
  const std::optional<resp::Glob> pattern =
      ReadPattern(request, by_pattern ? value : std::string_view("*"), true);
  if (!pattern) return;
  std::vector<std::string> names;
  const auto add = [&](const Command* container, const Command& command) {
    const std::string name = FullName(container, command);
    if (!pattern->Matches(name)) return;
    if (by_category) {
      const auto categories = Categories(command);
      if (std::none_of(categories.begin(), categories.end(), [&](std::string_view category) {
            return EqualsIgnoringCase(value, category.substr(1));
          })) {
        return;
      }
    }
    if (!by_module) names.push_back(name);  // there are no modules
  };
  for (const Command& command : AllCommands()) {
    add(nullptr, command);
    for (const Command& subcommand : command.subcommands) add(&command, subcommand);
  }
  request.reply.Array(names.size());
  for (const std::string& name : names) request.reply.Bulk(name);
}

void HandleCommandGetKeys(Request& request) {
  const auto args = request.args.subspan(2);
  const Command* command = FindCommand(args[0]);
  if (command && !command->subcommands.empty()) command = FindSubcommand(*command, args[1]);
  if (!command) {
    request.reply.Error("ERR Invalid command specified");
  } else if (command->keys.access.empty()) {
    request.reply.Error("ERR The command has no key arguments");
  } else if (!command->ArityAllows(args.size())) {
    request.reply.Error("ERR Invalid number of arguments specified for command");
  } else {
    const std::vector<std::string_view> keys = KeysOf(*command, args);
    LongReply reply(request);
    request.reply.Array(keys.size());
    for (const std::string_view key : keys) {
      ReplyBulk(request, key);
      if (!reply.GoesOn()) return;
    }
  }
}

void HandleHelp(Request& request) {
  const Command& container = *FindCommand(request.args[0]);
  std::string title(container.name);
  std::transform(title.begin(), title.end(), title.begin(), [](char c) { return c - 'a' + 'A'; });
  request.reply.Array(1 + 2 * container.subcommands.size());
  request.reply.SimpleString(
      fmt::format("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", title));
  for (const Command& subcommand : container.subcommands) {
    std::string name(subcommand.name);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
    request.reply.SimpleString(name);
    request.reply.SimpleString(fmt::format("    {}.", subcommand.docs.summary));
  }
}

}  // namespace shredder::server
