#include "runtime/server/queued_commands.h"

#include <algorithm>

namespace shredder::server {

namespace {

constexpr size_t kPieceBytes = 256 << 10;

}  // namespace

QueuedCommands::Status QueuedCommands::Add(const Command& command,
                                           std::span<const std::string_view> args,
                                           const std::function<void(size_t bytes)>& on_piece) {
  if (aborted_) return Status::kOk;
  if (count_ == kMaxCommands) return Status::kTooMany;
  size_t argument_bytes = 0;
  for (const std::string_view arg : args) argument_bytes += arg.size();
  const size_t bytes = sizeof(Item) + args.size_bytes() + argument_bytes;
  if (bytes > kMaxBytes - bytes_) return Status::kTooLarge;

  std::pmr::polymorphic_allocator<> allocator(&memory_);
  auto* const views = allocator.allocate_object<std::string_view>(args.size());
  char* at = allocator.allocate_object<char>(argument_bytes);
  size_t piece = 0;
  for (size_t i = 0; i < args.size(); ++i) {
    views[i] = {at, args[i].size()};
    for (std::string_view left = args[i]; !left.empty();) {
      const size_t copied = std::min(left.size(), kPieceBytes - piece);
      at = std::copy_n(left.data(), copied, at);
      left.remove_prefix(copied);
      piece += copied;
      if (piece == kPieceBytes) {
        on_piece(piece);
        piece = 0;
      }
    }
  }
  items_.push_back({&command, {views, args.size()}});
  ++count_;
  bytes_ += bytes;
  flags_ |= command.flags;
  return Status::kOk;
}

void QueuedCommands::Abort() {
  aborted_ = true;
  flags_ = 0;
  std::vector<Item>().swap(items_);
  memory_.release();
}

}  // namespace shredder::server
