#include "runtime/control/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

#include "runtime/control/messages.h"

namespace shredder::control {
namespace {

struct Ends {
  Ends() {
    std::string error;
    net::UniqueFd first;
    net::UniqueFd second;
    EXPECT_TRUE(Channel::MakePair(&first, &second, &error)) << error;
    a = std::make_unique<Channel>(std::move(first));
    b = std::make_unique<Channel>(std::move(second));
  }
  std::unique_ptr<Channel> a;
  std::unique_ptr<Channel> b;
};

net::UniqueFd FileWith(const std::string& text) {
  net::UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return fd;
}

std::string ContentOf(const net::UniqueFd& fd) {
  char buffer[64];
  const ssize_t size = pread(fd.get(), buffer, sizeof buffer, 0);
  return size < 0 ? "unreadable" : std::string(buffer, static_cast<size_t>(size));
}

TEST(Channel, MessagesArriveInOrderWithTheirBytesAndDescriptors) {
  Ends ends;
  for (int i = 0; i < 100; i++) {
    Message message;
    message.kind = "kind" + std::to_string(i);
    message.json = "{}";
    message.bytes = std::string(static_cast<size_t>(i) * 100, static_cast<char>(i));
    for (int fds = 0; fds < i % 3; fds++) message.fds.push_back(FileWith(std::to_string(i)));
    ends.a->Send(std::move(message));
    const auto received = ends.b->Receive();
    ASSERT_TRUE(received);
    EXPECT_EQ(received->kind, "kind" + std::to_string(i));
    EXPECT_EQ(received->bytes, std::string(static_cast<size_t>(i) * 100, static_cast<char>(i)));
    ASSERT_EQ(received->fds.size(), static_cast<size_t>(i % 3));
    for (const net::UniqueFd& fd : received->fds) EXPECT_EQ(ContentOf(fd), std::to_string(i));
  }
}

TEST(Channel, ADescriptorStaysWithItsMessageWhenManyAreReadAtOnce) {
  Ends ends;
  for (int i = 0; i < 50; i++) {
    Message message;
    message.kind = std::to_string(i);
    if (i % 2 == 0) message.fds.push_back(FileWith(std::to_string(i)));
    ends.a->Send(std::move(message));
  }
  for (int i = 0; i < 50; i++) {
    const auto received = ends.b->Receive();
    ASSERT_TRUE(received);
    EXPECT_EQ(received->kind, std::to_string(i));
    ASSERT_EQ(received->fds.size(), static_cast<size_t>(i % 2 == 0));
    if (i % 2 == 0) EXPECT_EQ(ContentOf(received->fds[0]), std::to_string(i));
  }
}

TEST(Channel, AMessageLargerThanTheKernelsBufferGoesOutAsThePeerReads) {
  Ends ends;
  const std::string bytes(8'000'000, 'x');
  Message message;
  message.kind = "large";
  message.bytes = bytes;
  message.fds.push_back(FileWith("file"));
  ends.a->Send(std::move(message));
  EXPECT_TRUE(ends.a->has_unsent());
  std::thread sender([&] { EXPECT_TRUE(ends.a->FlushAll()); });
  const auto received = ends.b->Wait();
  sender.join();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->bytes, bytes);
  ASSERT_EQ(received->fds.size(), 1u);
  EXPECT_EQ(ContentOf(received->fds[0]), "file");
}

TEST(Channel, WhatWasSentArrivesAfterItsSenderWasKilled) {
  Ends ends;
  const pid_t child = fork();
  if (child == 0) {
    Message message;
    message.kind = "last";
    ends.b->Send(std::move(message));
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  ends.b.reset();
  const auto received = ends.a->Wait();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->kind, "last");
  EXPECT_FALSE(ends.a->Wait());
  EXPECT_FALSE(ends.a->open());
}

TEST(Channel, WhatIsNoMessageClosesIt) {
  for (const uint32_t length : {UINT32_MAX, 1u << 31}) {
    Ends ends;
    const uint32_t header[4] = {length, length, length, 0};
    ASSERT_EQ(send(ends.a->fd(), header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
    EXPECT_FALSE(ends.b->Receive());
    EXPECT_FALSE(ends.b->open());
  }
  Ends ends;
  const uint32_t fd_that_did_not_come[4] = {0, 0, 0, 1};
  ASSERT_EQ(send(ends.a->fd(), fd_that_did_not_come, sizeof fd_that_did_not_come, 0), 16);
  EXPECT_FALSE(ends.b->Receive());
  EXPECT_FALSE(ends.b->open());
}

TEST(Messages, AStructComesBackFromItsMessage) {
  HandOver state;
  state.tenant = "alice";
  state.id = 7;
  state.peer = "127.0.0.1:1";
  state.unread_bytes = 12;
  state.protocol = 3;
  state.name = "n";
  state.right_digest = "ab";
  const auto back = Unpack<HandOver>(Pack(state));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->tenant, "alice");
  EXPECT_EQ(back->id, 7u);
  EXPECT_EQ(back->peer, "127.0.0.1:1");
  EXPECT_EQ(back->unread_bytes, 12u);
  EXPECT_EQ(back->protocol, 3);
  EXPECT_EQ(back->right_digest, "ab");
  state.right_digest.reset();
  EXPECT_FALSE(Unpack<HandOver>(Pack(state))->right_digest);
}

TEST(Messages, WhatIsNotTheStructIsNothing) {
  Message message;
  message.kind = HandOver::kKind;
  for (const char* json : {"", "{", "[]", "{}", R"({"tenant":1})"}) {
    message.json = json;
    EXPECT_FALSE(Unpack<HandOver>(message)) << json;
  }
}

TEST(Messages, BytesThatAreNoTextDoNotStopAMessage) {
  const auto back = Unpack<Authentication>(Pack(Authentication{1, "\xff\xfe", "00"}));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->digest, "00");
}

}  // namespace
}  // namespace shredder::control
