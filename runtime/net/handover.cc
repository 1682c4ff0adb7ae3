// How LoopBase gives connections away and takes others' over.
#include <fcntl.h>

#include <string>
#include <utility>

#include "runtime/net/loop_base.h"

namespace shredder::net {

namespace {

// The flag is the open file's: it has the value that the loop before needed.
void SetNonblocking(int fd, bool nonblocking) {
  const int flags = fcntl(fd, F_GETFL);
  const int wanted = nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (flags >= 0 && wanted != flags) fcntl(fd, F_SETFL, wanted);
}

}  // namespace

// ---- Releasing

bool LoopBase::StartRelease(LoopConnection& connection) {
  if (connection.state == LoopConnection::State::kReleasing) return true;
  if (connection.state != LoopConnection::State::kOpen) return false;
  connection.state = LoopConnection::State::kReleasing;
  Withdraw(connection);
  ReleaseIfDone(connection);
  return true;
}

void LoopBase::ReleaseIfDone(LoopConnection& connection) {
  if (connection.state != LoopConnection::State::kReleasing || connection.serving ||
      connection.release_due || !Quiescent(connection)) {
    return;
  }
  connection.release_due = true;
  released_.push_back(connection.ref);
}

void LoopBase::DeliverReleased() {
  for (size_t left = released_.size(); left > 0 && !released_.empty(); --left) {
    LoopConnection* const connection = Find(released_.front());
    released_.pop_front();
    // Close may have come first.
    if (connection == nullptr || connection->state != LoopConnection::State::kReleasing) continue;
    // Spares the last reply the way through the adopter. A failure is for that one to find out.
    static_cast<void>(SendDirectly(*connection));
    ReleasedConnection released;
    released.fd = std::move(connection->fd);
    released.unread = connection->input.view();
    if (const CutOut& cut_out = connection->cut_out; cut_out.bytes != nullptr) {
      released.unread.insert(cut_out.offset, cut_out.bytes->received());
    }
    released.unsent = std::move(connection->sending);
    released.unsent.erase(0, connection->sent);
    released.unsent += connection->TakeOutput();
    released.id = connection->id_;
    released.peer = connection->peer_;
    connection->state = LoopConnection::State::kClosed;
    --connection_count_;
    connection->handler->OnReleased(*connection, std::move(released));
    connection->handler = nullptr;
    DestroyIfDone(*connection);
  }
}

// ---- Adopting

void LoopBase::Adopt(ReleasedConnection released, ConnectionHandler* handler, void* user_data) {
  SetNonblocking(released.fd.get(), nonblocking_sockets());
  LoopConnection& connection =
      NewConnection(std::move(released.fd), handler, released.id, std::move(released.peer));
  connection.user_data_ = user_data;
  connection.sending = std::move(released.unsent);
  CallOnOpen(connection);
  if (connection.keeps_input()) {
    Keep(connection, &connection.input, released.unread);
    connection.redeliver = true;
  }
  if (draining_) connection.CloseAfterFlush();
  Settle(connection, false);
}

}  // namespace shredder::net
