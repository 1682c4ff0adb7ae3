#include "runtime/net/bypass/pcb_stream.h"

#include <algorithm>
#include <utility>

namespace shredder::net {

namespace {

// Of tcp_write, whose sizes have 16 bits; a multiple of the usual segment.
constexpr size_t kPieceBytes = 16 * TCP_MSS;
// As of connections over sockets.
constexpr uint32_t kKeepaliveIdleMs = 300'000;
constexpr uint32_t kKeepaliveIntervalMs = 100'000;
constexpr uint32_t kKeepaliveProbes = 3;
// tcp_poll counts in half seconds.
constexpr uint8_t kRetryPolls = 1;
constexpr uint8_t kOrphanPolls = 10;
// An orphan that has been acknowledged nothing for so many times kOrphanPolls is reset.
constexpr uintptr_t kMaxOrphanStalls = 4;

void Consumed(tcp_pcb* pcb, size_t bytes) {
  while (bytes > 0) {
    const size_t piece = std::min<size_t>(bytes, UINT16_MAX);
    tcp_recved(pcb, static_cast<u16_t>(piece));
    bytes -= piece;
  }
}

// Of a connection that is nobody's any more: whether its peer still takes what was sent. Its
// argument is how often it has not, and up to where it had.
err_t OnOrphanPoll(void* argument, tcp_pcb* pcb) {
  static_assert(sizeof(uintptr_t) == 8);
  const auto state = reinterpret_cast<uintptr_t>(argument);
  const bool stalls = static_cast<uint32_t>(state) == pcb->lastack;
  const uintptr_t stalled = stalls ? (state >> 32) + 1 : 0;
  if (stalled == kMaxOrphanStalls) {
    tcp_abort(pcb);
    return ERR_ABRT;
  }
  tcp_arg(pcb, reinterpret_cast<void*>(stalled << 32 | pcb->lastack));
  return ERR_OK;
}

}  // namespace

PcbStream::PcbStream(tcp_pcb* pcb) : pcb_(pcb) {
  tcp_arg(pcb, this);
  tcp_recv(pcb, OnReceived);
  tcp_sent(pcb, OnSent);
  tcp_err(pcb, OnError);
  tcp_nagle_disable(pcb);
  ip_set_option(pcb, SOF_KEEPALIVE);
  pcb->keep_idle = kKeepaliveIdleMs;
  pcb->keep_intvl = kKeepaliveIntervalMs;
  pcb->keep_cnt = kKeepaliveProbes;
}

PcbStream::~PcbStream() {
  FreeArrived();
  Abort();
}

std::string PcbStream::PeerAddress() const {
  const std::string address = ipaddr_ntoa(&pcb_->remote_ip);
  const std::string port = std::to_string(pcb_->remote_port);
  return IP_IS_V6(&pcb_->remote_ip) ? "[" + address + "]:" + port : address + ":" + port;
}

// ---- Sending

Moved PcbStream::Send(std::span<const iovec> parts) {
  if (pcb_ == nullptr) return {.outcome = Moved::Outcome::kFailed};
  lacks_memory_ = false;
  Moved moved;
  bool has_room = true;
  for (size_t i = 0; i < parts.size() && has_room; i++) {
    const char* const bytes = static_cast<const char*>(parts[i].iov_base);
    for (size_t at = 0; at < parts[i].iov_len && has_room;) {
      const size_t left = parts[i].iov_len - at;
      const size_t piece = std::min({left, size_t{pcb_->snd_buf}, kPieceBytes});
      const bool more = piece < left || i + 1 < parts.size();
      const err_t error = piece == 0
                              ? err_t{ERR_MEM}
                              : tcp_write(pcb_, bytes + at, static_cast<u16_t>(piece),
                                          TCP_WRITE_FLAG_COPY | (more ? TCP_WRITE_FLAG_MORE : 0));
      if (error != ERR_OK && error != ERR_MEM) return {.outcome = Moved::Outcome::kFailed};
      has_room = error == ERR_OK;
      if (has_room) at += piece;
      if (has_room) moved.bytes += piece;
    }
  }
  // Not that its own buffer is full.
  lacks_memory_ = !has_room && HasRoom();
  if (moved.bytes == 0) return {.outcome = Moved::Outcome::kBlocked};
  return moved;
}

void PcbStream::Output() {
  if (pcb_ != nullptr) tcp_output(pcb_);
}

bool PcbStream::HasRoom() const {
  return pcb_ == nullptr ||
         (pcb_->snd_buf > TCP_SND_BUF / 2 && pcb_->snd_queuelen < TCP_SNDQUEUELOWAT);
}

void PcbStream::AwaitRoom() {
  if (lacks_memory_ && pcb_ != nullptr) {
    tcp_poll(pcb_, OnPoll, kRetryPolls);
  } else if (HasRoom()) {
    OnEvent();
  } else {
    awaits_room_ = true;
  }
}

void PcbStream::ShutdownSending() {
  // lwIP tries again by itself where it lacks memory.
  if (pcb_ != nullptr) tcp_shutdown(pcb_, 0, 1);
}

// ---- Receiving

Moved PcbStream::Receive(std::span<const iovec> parts) {
  if (failed_) return {.outcome = Moved::Outcome::kFailed};
  if (!has_data() && !peer_ended_) return {.outcome = Moved::Outcome::kBlocked};
  size_t total = 0;
  for (const iovec& part : parts) {
    char* const place = static_cast<char*>(part.iov_base);
    size_t filled = 0;
    if (has_copied()) {
      std::string& copied = waiting_->copied;
      size_t& copied_at = waiting_->copied_at;
      filled = copied.copy(place, part.iov_len, copied_at);
      copied_at += filled;
      if (copied_at == copied.size()) {
        std::string().swap(copied);
        copied_at = 0;
      }
    }
    while (filled < part.iov_len && arrived_ != nullptr) {
      pbuf* const data = arrived_;
      const auto size =
          static_cast<u16_t>(std::min<size_t>(part.iov_len - filled, data->tot_len - used_));
      pbuf_copy_partial(data, place + filled, size, used_);
      filled += size;
      used_ = static_cast<uint16_t>(used_ + size);
      if (used_ == data->tot_len) pbuf_free(TakeFirst());
    }
    total += filled;
  }
  if (pcb_ != nullptr) Consumed(pcb_, total);
  return {.bytes = total};
}

PcbStream::Waiting& PcbStream::waiting() {
  if (waiting_ == nullptr) waiting_ = std::make_unique<Waiting>();
  return *waiting_;
}

pbuf* PcbStream::TakeFirst() {
  pbuf* const data = std::exchange(arrived_, nullptr);
  used_ = 0;
  if (waiting_ != nullptr && waiting_->behind_at < waiting_->behind.size()) {
    arrived_ = waiting_->behind[waiting_->behind_at++];
    if (waiting_->behind_at == waiting_->behind.size()) {
      waiting_->behind.clear();
      waiting_->behind_at = 0;
    }
  }
  return data;
}

pbuf* PcbStream::TakeWhole() {
  if (has_copied() || arrived_ == nullptr || used_ > 0) return nullptr;
  if (arrived_->next != nullptr) return nullptr;
  pbuf* const data = TakeFirst();
  if (pcb_ != nullptr) Consumed(pcb_, data->len);
  return data;
}

void PcbStream::CopyWaiting() {
  while (arrived_ != nullptr) {
    const uint16_t used = used_;
    pbuf* const data = TakeFirst();
    std::string& copied = waiting().copied;
    const size_t size = data->tot_len - used, at = copied.size();
    copied.resize(at + size);
    pbuf_copy_partial(data, copied.data() + at, static_cast<u16_t>(size), used);
    pbuf_free(data);
  }
}

void PcbStream::FreeArrived() {
  while (arrived_ != nullptr) pbuf_free(TakeFirst());
}

// ---- Ending

void PcbStream::Close(bool discard) {
  if (pcb_ != nullptr && discard) {
    size_t bytes = arrived_ != nullptr ? arrived_->tot_len - used_ : 0;
    if (waiting_ != nullptr) {
      bytes += waiting_->copied.size() - waiting_->copied_at;
      for (size_t i = waiting_->behind_at; i < waiting_->behind.size(); i++) {
        bytes += waiting_->behind[i]->tot_len;
      }
    }
    Consumed(pcb_, bytes);
  }
  FreeArrived();
  tcp_pcb* const pcb = TakePcb();
  if (pcb == nullptr) return;
  tcp_arg(pcb, reinterpret_cast<void*>(uintptr_t{pcb->lastack}));
  tcp_poll(pcb, OnOrphanPoll, kOrphanPolls);
  if (tcp_close(pcb) != ERR_OK) tcp_abort(pcb);
}

void PcbStream::Abort() {
  if (tcp_pcb* const pcb = TakePcb()) tcp_abort(pcb);
}

tcp_pcb* PcbStream::TakePcb() {
  tcp_pcb* const pcb = std::exchange(pcb_, nullptr);
  if (pcb == nullptr) return nullptr;
  tcp_arg(pcb, nullptr);
  tcp_recv(pcb, nullptr);
  tcp_sent(pcb, nullptr);
  tcp_poll(pcb, nullptr, 0);
  tcp_err(pcb, nullptr);
  return pcb;
}

// ---- lwIP's callbacks

err_t PcbStream::OnReceived(void* self, tcp_pcb*, pbuf* data, err_t) {
  auto& stream = *static_cast<PcbStream*>(self);
  if (data == nullptr) {
    stream.peer_ended_ = true;
  } else if (stream.arrived_ == nullptr) {
    stream.arrived_ = data;
  } else {
    stream.waiting().behind.push_back(data);
  }
  stream.OnEvent();
  return ERR_OK;
}

err_t PcbStream::OnSent(void* self, tcp_pcb*, uint16_t) {
  auto& stream = *static_cast<PcbStream*>(self);
  if (stream.awaits_room_ && stream.HasRoom()) {
    stream.awaits_room_ = false;
    stream.OnEvent();
  }
  return ERR_OK;
}

err_t PcbStream::OnPoll(void* self, tcp_pcb* pcb) {
  tcp_poll(pcb, nullptr, 0);
  static_cast<PcbStream*>(self)->OnEvent();
  return ERR_OK;
}

// lwIP has freed the PCB.
void PcbStream::OnError(void* self, err_t error) {
  auto& stream = *static_cast<PcbStream*>(self);
  stream.pcb_ = nullptr;
  // ERR_CLSD: both sides have ended their streams.
  stream.failed_ = error != ERR_CLSD;
  stream.OnEvent();
}

}  // namespace shredder::net
