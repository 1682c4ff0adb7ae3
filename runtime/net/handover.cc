// How LoopBase gives connections away and takes others' over.
#include <memory>
#include <string>
#include <utility>

#include "runtime/net/loop_base.h"

namespace shredder::net {

// ---- Releasing

bool LoopBase::StartRelease(LoopConnection& connection) {
  if (connection.state == LoopConnection::State::kReleasing) return true;
  if (connection.state != LoopConnection::State::kOpen || !connection.IsReleasable()) return false;
  connection.state = LoopConnection::State::kReleasing;
  connection.Withdraw();
  ReleaseIfDone(connection);
  return true;
}

void LoopBase::ReleaseIfDone(LoopConnection& connection) {
  if (connection.state != LoopConnection::State::kReleasing || connection.serving ||
      connection.release_due || !connection.Quiescent()) {
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
    static_cast<void>(SendUnsent(*connection));
    ReleasedConnection released;
    released.fd = connection->TakeDescriptor();
    released.unread = connection->input.view();
    if (const CutOut& cut_out = connection->cut_out; cut_out.bytes != nullptr) {
      released.unread.insert(cut_out.offset, cut_out.bytes->received());
    }
    released.unsent = std::move(connection->sending);
    released.unsent.erase(0, connection->sent);
    released.unsent += connection->TakeOutput();
    released.id = connection->connection_id;
    released.peer = connection->peer;
    connection->state = LoopConnection::State::kClosed;
    --connection_count_;
    connection->handler->OnReleased(*connection, std::move(released));
    connection->handler = nullptr;
    DestroyIfDone(*connection);
  }
}

// ---- Adopting

void LoopBase::TakeIn(std::unique_ptr<LoopConnection> adopted, ReleasedConnection released,
                      ConnectionHandler* handler, void* user_data) {
  LoopConnection& connection =
      Add(std::move(adopted), handler, released.id, std::move(released.peer));
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
