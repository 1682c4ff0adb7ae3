#include "runtime/server/command_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>

namespace shredder::server {
namespace {

TEST(CommandTable, FindsEveryCommandInAnyCase) {
  for (const Command& command : AllCommands()) {
    EXPECT_EQ(FindCommand(command.name), &command) << command.name;
    std::string upper(command.name);
    std::transform(upper.begin(), upper.end(), upper.begin(), toupper);
    EXPECT_EQ(FindCommand(upper), &command) << upper;
    for (const Command& subcommand : command.subcommands) {
      EXPECT_EQ(FindSubcommand(command, subcommand.name), &subcommand);
    }
  }
}

TEST(CommandTable, FindsNothingElse) {
  for (const Command& command : AllCommands()) {
    // Every name with one byte lost, added or changed, also in the bit that tells the cases apart.
    const std::string name(command.name);
    for (size_t i = 0; i < name.size(); ++i) {
      std::string changed = name;
      changed[i] = static_cast<char>(changed[i] ^ 0x80);
      EXPECT_EQ(FindCommand(changed), nullptr) << name << " " << i;
    }
    EXPECT_EQ(FindCommand(name + "\x01"), nullptr);
  }
  for (const std::string_view name : {"", " ", "g", "gets ", "fcall\x7fro", "FCALL?RO", "evalsha",
                                      "averyverylongcommandname", "\xff\xff\xff"}) {
    EXPECT_EQ(FindCommand(name), nullptr) << name;
  }
}

TEST(CommandTable, IsConsistent) {
  EXPECT_TRUE(std::is_sorted(AllCommands().begin(), AllCommands().end(),
                             [](const Command& a, const Command& b) { return a.name < b.name; }));
  const auto check = [](const Command& command, int words) {
    SCOPED_TRACE(command.name);
    EXPECT_TRUE(command.handler != nullptr || !command.subcommands.empty());
    EXPECT_GE(std::abs(command.arity), words);
    EXPECT_FALSE((command.flags & kWrite) && (command.flags & kReadOnly));
    EXPECT_FALSE(command.docs.summary.empty());
    EXPECT_EQ(std::count(command.docs.since.begin(), command.docs.since.end(), '.'), 2);
    // The dispatcher reads args[first] and args[2] of movable keys after no check but the arity's.
    EXPECT_GT(std::abs(command.arity), command.keys.first);
    if (command.flags & kMovableKeys) EXPECT_GE(std::abs(command.arity), 3);
    EXPECT_EQ(command.keys.first == 0, command.keys.step == 0);
    EXPECT_EQ(command.keys.first != 0 || (command.flags & kMovableKeys) != 0,
              !command.keys.access.empty());
  };
  for (const Command& command : AllCommands()) {
    check(command, 1);
    for (const Command& subcommand : command.subcommands) check(subcommand, 2);
  }
}

}  // namespace
}  // namespace shredder::server
