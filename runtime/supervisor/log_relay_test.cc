#include "runtime/supervisor/log_relay.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shredder::supervisor {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

class LogRelays : public testing::Test {
 protected:
  void Take(std::string_view bytes, uint64_t second = 0) {
    relay_.Take(bytes, second * kSecondNs, write_);
  }

  LogRelay relay_;
  std::vector<std::string> lines_;
  const LogRelay::Write write_ = [this](std::string_view line) { lines_.emplace_back(line); };
};

using Lines = std::vector<std::string>;

TEST_F(LogRelays, GivesWholeLinesHoweverTheyArrive) {
  Take("[info] a");
  EXPECT_EQ(lines_, Lines());
  Take(" line\nanother\n\nand a");
  EXPECT_EQ(lines_, (Lines{"[info] a line", "another"}));
  relay_.Finish(0, write_);
  relay_.Finish(0, write_);
  EXPECT_EQ(lines_, (Lines{"[info] a line", "another", "and a"}));
}

TEST_F(LogRelays, LetsNothingThroughThatIsNotPrintable) {
  Take(std::string("\x1b[2J\r\0\t\x7f\xff~ \n", 12));
  EXPECT_EQ(lines_, (Lines{"?[2J?????~ "}));
}

TEST_F(LogRelays, CutsLinesThatAreTooLong) {
  Take(std::string(LogRelay::kMaxLineBytes + 1, 'x') + "\nnext\n");
  EXPECT_EQ(lines_, (Lines{std::string(LogRelay::kMaxLineBytes, 'x'), "next"}));
  lines_.clear();
  for (int i = 0; i < 3000; i++) Take("y");
  Take("\n");
  ASSERT_EQ(lines_.size(), 3u);
  EXPECT_EQ(lines_[0], std::string(LogRelay::kMaxLineBytes, 'y'));
}

TEST_F(LogRelays, GivesSoMuchASecondAndTellsHowMuchItLost) {
  const std::string line(999, 'x');
  for (int i = 0; i < 100; i++) Take(line + "\n", 7);
  const size_t fit = LogRelay::kMaxBytesPerSecond / line.size();
  EXPECT_EQ(lines_.size(), fit);
  lines_.clear();
  Take("next\n", 8);
  EXPECT_EQ(lines_,
            (Lines{std::to_string(100 - fit) + " lines more, too many for the log", "next"}));
}

}  // namespace
}  // namespace shredder::supervisor
