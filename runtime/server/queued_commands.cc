#include "runtime/server/queued_commands.h"

#include <algorithm>

namespace shredder::server {

QueuedCommands::Status QueuedCommands::Add(const Command& command,
                                           std::span<const std::string_view> args) {
  if (aborted_) return Status::kOk;
  if (count_ == kMaxCommands) return Status::kTooMany;
  size_t argument_bytes = 0;
  for (const std::string_view arg : args) argument_bytes += arg.size();
  const size_t bytes = sizeof(Item) + args.size_bytes() + argument_bytes;
  if (bytes > kMaxBytes - bytes_) return Status::kTooLarge;

  Item item{&command, {}, std::make_unique_for_overwrite<char[]>(argument_bytes)};
  item.args.reserve(args.size());
  char* at = item.bytes.get();
  for (const std::string_view arg : args) {
    char* const end = std::copy(arg.begin(), arg.end(), at);
    item.args.emplace_back(at, arg.size());
    at = end;
  }
  items_.push_back(std::move(item));
  ++count_;
  bytes_ += bytes;
  flags_ |= command.flags;
  return Status::kOk;
}

void QueuedCommands::Abort() {
  aborted_ = true;
  flags_ = 0;
  std::vector<Item>().swap(items_);
}

}  // namespace shredder::server
