#include "runtime/net/event_loop.h"

#include <utility>

#include "runtime/net/epoll_loop.h"
#include "runtime/net/io_uring_loop.h"

namespace shredder::net {

std::unique_ptr<EventLoop> EventLoop::Create(const EventLoopOptions& options, std::string* error) {
  std::string reason;
  if (options.backend != Backend::kEpoll) {
    std::unique_ptr<IoUringLoop> loop = IoUringLoop::Create(options, &reason);
    if (loop != nullptr) {
      loop->set_backend_note("io_uring");
      return loop;
    }
    if (options.backend == Backend::kIoUring) {
      *error = "io_uring is not to be had: " + reason + " (choose the epoll backend)";
      return nullptr;
    }
  }
  std::unique_ptr<EpollLoop> loop = EpollLoop::Create(options, error);
  if (loop != nullptr) loop->set_backend_note(reason.empty() ? "epoll" : "epoll: " + reason);
  return loop;
}

}  // namespace shredder::net
