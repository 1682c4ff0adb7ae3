// A channel between the supervisor and a shard: messages in order, each a JSON object, bytes, and
// descriptors, over a pair of Unix stream sockets.
//
// What was sent reaches the other side although the sender has died since. What breaks the framing
// or its bounds closes the channel: a shard's code may be hostile, and what its messages say is for
// who receives them to doubt.
//
// Thread: one.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/net/socket.h"

namespace shredder::control {

// The most that a message's JSON and its bytes take together: a library and its tenant, a request,
// or what was read from a connection and not served.
inline constexpr uint64_t kMaxMessageBytes = 2ull << 30;
inline constexpr uint32_t kMaxMessageFds = 4;

struct Message {
  std::string kind;
  std::string json;   // an object's text; empty: none
  std::string bytes;  // what must not be text
  std::vector<net::UniqueFd> fds;
};

class Channel {
 public:
  // Two connected ends; false with a one-line reason in *error.
  static bool MakePair(net::UniqueFd* first, net::UniqueFd* second, std::string* error);

  // Takes an end of a pair, and makes it non-blocking. Messages of the peer are at most so long.
  explicit Channel(net::UniqueFd fd, uint64_t max_received_bytes = kMaxMessageBytes);

  int fd() const { return fd_.get(); }
  // False once the peer is gone, or what it sent was no message.
  bool open() const { return open_; }

  // Queues the message, and sends what the kernel takes now.
  void Send(Message message);
  // Sends what is queued, as far as the kernel takes it.
  void Flush();
  bool has_unsent() const { return !unsent_.empty(); }
  size_t unsent_count() const { return unsent_.size(); }

  // The next message, where all of it has arrived. Reads at most a bounded number of bytes a call.
  std::optional<Message> Receive();
  // Waits for the next message; nothing where the channel closes before.
  std::optional<Message> Wait();
  // Sends all that is queued, however long the peer takes; false where the channel closes before.
  bool FlushAll();

 private:
  struct Unsent {
    std::string bytes;
    size_t sent = 0;
    std::vector<net::UniqueFd> fds;  // go with the first byte
  };

  bool Read();
  std::optional<Message> Parse();

  net::UniqueFd fd_;
  const uint64_t max_received_bytes_;
  bool open_ = true;
  std::deque<Unsent> unsent_;
  std::string received_;
  size_t parsed_ = 0;
  std::deque<net::UniqueFd> received_fds_;
};

}  // namespace shredder::control
