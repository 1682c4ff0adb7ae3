#include "runtime/bench/load_connection.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace shredder::bench {

namespace {

constexpr size_t kLeastRoom = 4 * 1024;
constexpr size_t kLineEndBytes = 2;

}  // namespace

void FailLoad(const std::string& message) {
  std::fprintf(stderr, "shredder-load: %s\n", message.c_str());
  std::exit(1);
}

void FailLoadWithErrno(const std::string& what) { FailLoad(what + ": " + std::strerror(errno)); }

int64_t LoadNowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::string EncodeRequest(const std::vector<std::string>& arguments) {
  std::string request = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& argument : arguments) {
    request += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return request;
}

void LoadConnection::Flush() {
  while (sent_ < outgoing_.size()) {
    const size_t size = Send(std::string_view(outgoing_).substr(sent_));
    if (size == 0) break;
    sent_ += size;
    sent_bytes_ += size;
  }
  const bool awaits = sent_ < outgoing_.size();
  if (!awaits) {
    outgoing_.clear();
    sent_ = 0;
  }
  // Told of once, by some networks: so it is asked each time.
  if (awaits || awaits_room_) AwaitRoom(awaits);
  awaits_room_ = awaits;
}

void LoadConnection::Receive() {
  // What is left of a reply moves to the front, so that the buffer need not be larger than one
  // reply, and what the kernel has at a time.
  if (begin_ > 0) {
    std::memmove(incoming_.data(), incoming_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const size_t wanted = std::max(reply_bytes_, end_) + kLeastRoom;
  if (incoming_.size() < wanted) incoming_.resize(wanted);
  const ptrdiff_t size = Receive(std::span(incoming_).subspan(end_));
  if (size < 0) return;
  if (size == 0) FailLoad("the server closed a connection");
  end_ += static_cast<size_t>(size);
  received_bytes_ += static_cast<uint64_t>(size);
}

bool LoadConnection::NextReply(std::string_view* payload) {
  const std::string_view bytes(incoming_.data() + begin_, end_ - begin_);
  if (reply_bytes_ == 0) {
    const size_t line = bytes.find("\r\n");
    if (line == std::string_view::npos) return false;
    const std::string_view text = bytes.substr(1, line - 1);
    header_bytes_ = line + kLineEndBytes;
    switch (bytes[0]) {
      case '+':
      case ':':
        reply_bytes_ = header_bytes_;
        break;
      case '$': {
        int64_t length = -1;
        std::from_chars(text.data(), text.data() + text.size(), length);
        if (length < 0) FailLoad("the server has no value where there must be one");
        reply_bytes_ = header_bytes_ + static_cast<size_t>(length) + kLineEndBytes;
        break;
      }
      case '-':
        FailLoad("the server replied " + std::string(text));
      default:
        FailLoad("a reply begins with \"" + std::string(bytes.substr(0, 1)) + "\"");
    }
  }
  if (bytes.size() < reply_bytes_) return false;
  *payload = bytes[0] == '$'
                 ? bytes.substr(header_bytes_, reply_bytes_ - header_bytes_ - kLineEndBytes)
                 : bytes.substr(1, header_bytes_ - kLineEndBytes - 1);
  begin_ += reply_bytes_;
  reply_bytes_ = 0;
  return true;
}

}  // namespace shredder::bench
