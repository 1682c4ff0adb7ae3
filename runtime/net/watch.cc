// How SocketLoop watches descriptors that are not its connections.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "runtime/net/socket_loop.h"

namespace shredder::net {

bool SocketLoop::Watch(int fd, std::function<void()> on_readable, std::string* error) {
  const auto watched =
      std::make_shared<Watched>(Watched{next_watch_id_++, fd, std::move(on_readable)});
  const bool taken = std::any_of(watched_.begin(), watched_.end(),
                                 [fd](const auto& other) { return other->fd == fd; });
  if (taken) errno = EEXIST;
  if (taken || !StartWatching(*watched)) {
    *error = "cannot watch descriptor " + std::to_string(fd) + ": " + std::strerror(errno) +
             " (give an open socket, pipe or eventfd that is not watched yet)";
    return false;
  }
  watched_.push_back(watched);
  return true;
}

void SocketLoop::Unwatch(int fd) {
  const auto found = std::find_if(watched_.begin(), watched_.end(),
                                  [fd](const auto& watched) { return watched->fd == fd; });
  if (found == watched_.end()) return;
  StopWatching(**found);
  watched_.erase(found);
}

void SocketLoop::OnWatched(uint32_t id) {
  const auto find = [&] {
    return std::find_if(watched_.begin(), watched_.end(),
                        [id](const auto& watched) { return watched->id == id; });
  };
  const auto found = find();
  if (found == watched_.end() || (*found)->running) return;
  // Outlives being unwatched from inside its callback.
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the reference would not.
  const std::shared_ptr<Watched> watched = *found;
  watched->running = true;
  watched->on_readable();
  watched->running = false;
  if (find() != watched_.end()) ArmWatch(*watched);
}

}  // namespace shredder::net
