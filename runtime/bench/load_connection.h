// A client's connection of the load generator: requests that are bytes made beforehand, and their
// replies, which are checked as they come. RESP2; single-threaded; an error ends the process with
// one line on standard error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shredder::bench {

[[noreturn]] void FailLoad(const std::string& message);
[[noreturn]] void FailLoadWithErrno(const std::string& what);

// Of the monotonic clock.
int64_t LoadNowNs();

// A request in RESP.
std::string EncodeRequest(const std::vector<std::string>& arguments);

class LoadConnection {
 public:
  LoadConnection() = default;
  virtual ~LoadConnection() = default;
  LoadConnection(const LoadConnection&) = delete;
  LoadConnection& operator=(const LoadConnection&) = delete;

  // Adds a request to what Flush sends.
  void Add(std::string_view request) { outgoing_.append(request); }
  // Sends what there is room for. What is left is sent when it is called again, which the network
  // has happen.
  void Flush();

  // Receives what there is; call it where the network says that there is something.
  void Receive();
  // The payload of the next reply that is there in whole: of a bulk, its bytes; of a simple string
  // or an integer, its text. Valid until Receive. False where there is none. An error is fatal.
  bool NextReply(std::string_view* payload);

  // Has the processor's cache ask for what the next reply is written to, and the next request.
  void PrefetchBuffers() const {
    __builtin_prefetch(incoming_.data());
    __builtin_prefetch(outgoing_.data());
  }

  uint64_t sent_bytes() const { return sent_bytes_; }
  uint64_t received_bytes() const { return received_bytes_; }

 protected:
  // How many bytes were taken: as many as there is room for now.
  virtual size_t Send(std::string_view bytes) = 0;
  // How many bytes came; -1 where none have, 0 at the end.
  virtual ptrdiff_t Receive(std::span<char> place) = 0;
  // Whether the network is to tell when there is room.
  virtual void AwaitRoom(bool awaits) = 0;

 private:
  std::string outgoing_;
  size_t sent_ = 0;  // of outgoing_
  bool awaits_room_ = false;
  std::vector<char> incoming_;
  size_t begin_ = 0;  // of what was received and not yet taken
  size_t end_ = 0;
  size_t reply_bytes_ = 0;  // of the reply at begin_, where its length is known
  size_t header_bytes_ = 0;
  uint64_t sent_bytes_ = 0;
  uint64_t received_bytes_ = 0;
};

}  // namespace shredder::bench
