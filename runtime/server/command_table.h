// The table of all commands.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/resp/letter_case.h"
#include "runtime/server/command.h"

namespace shredder::server {

// In alphabetical order.
std::span<const Command> AllCommands();

// The command, whatever the case of `name`; null where there is none.
const Command* FindCommand(std::string_view name);
const Command* FindSubcommand(const Command& container, std::string_view name);

// "client|id", or "get" where `container` is null.
std::string FullName(const Command* container, const Command& command);

using resp::EqualsIgnoringCase;

}  // namespace shredder::server
