#include "runtime/supervisor/tenant_commands.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace shredder::supervisor {
namespace {

config::Secret SecretOf(std::string_view password) { return config::Secret::OfPassword(password); }

// Does at once what it is told, or keeps it back, or refuses it.
class FakeControl : public TenantControl {
 public:
  const TenantDirectory& directory() const override { return tenants; }
  ShardIndex shard_count() const override { return shards; }

  void Create(config::TenantConfig config, Done done) override {
    if (refusal.empty()) tenants.Add(std::move(config), 1, /*is_from_file=*/false);
    Finish(std::move(done));
  }
  void Set(config::TenantConfig config, Done done) override {
    TenantRecord& record = *tenants.Find(config.name);
    tenants.SetConfig(record, std::move(config));
    Finish(std::move(done));
  }
  void Drop(std::string_view name, Done done) override {
    tenants.Remove(std::string(name));
    Finish(std::move(done));
  }
  void Move(std::string_view name, std::optional<ShardIndex> shard, Done done) override {
    tenants.Find(name)->shard = shard.value_or(shards);
    Finish(std::move(done));
  }

  TenantDirectory tenants;
  ShardIndex shards = 2;
  std::string refusal;
  bool keeps_back = false;
  Done kept;

 private:
  void Finish(Done done) {
    if (keeps_back) {
      kept = std::move(done);
    } else {
      done(refusal);
    }
  }
};

class TenantCommands : public testing::Test {
 protected:
  TenantCommands() {
    config::TenantConfig red;
    red.name = "red";
    red.secrets = {SecretOf("red-password")};
    red.admin = true;
    control_.tenants.Add(red, 0, /*is_from_file=*/true);
  }

  // The reply, its lines parted by spaces.
  std::string Call(const std::vector<std::string>& args) {
    std::vector<std::string_view> views(args.begin(), args.end());
    views.insert(views.begin(), "TENANT");
    replies_ = 0;
    reply_.clear();
    ExecuteTenantCommand(views, protocol_, control_, server_, [this](std::string reply) {
      ++replies_;
      reply_ = std::move(reply);
    });
    EXPECT_EQ(replies_, control_.keeps_back ? 0 : 1);
    return Spaced(reply_);
  }
  // The words of `line` as arguments.
  std::string operator()(const std::string& line) {
    std::vector<std::string> args;
    size_t begin = 0;
    for (size_t end; begin < line.size(); begin = end + 1) {
      end = std::min(line.find(' ', begin), line.size());
      args.push_back(line.substr(begin, end - begin));
    }
    return Call(args);
  }
  static std::string Spaced(std::string reply) {
    if (reply.ends_with("\r\n")) reply.resize(reply.size() - 2);
    for (size_t at; (at = reply.find("\r\n")) != std::string::npos;) reply.replace(at, 2, " ");
    return reply;
  }

  const config::TenantConfig& ConfigOf(std::string_view name) {
    return control_.tenants.Find(name)->config;
  }

  FakeControl control_;
  config::ServerConfig server_;
  resp::Protocol protocol_ = resp::Protocol::kResp2;
  int replies_ = 0;
  std::string reply_;
};

TEST_F(TenantCommands, CreateMakesATenantWithItsOptions) {
  EXPECT_EQ((*this)("CREATE blue PASSWORD b"), "+OK");
  config::TenantConfig blue;
  blue.name = "blue";
  blue.secrets = {SecretOf("b")};
  EXPECT_EQ(ConfigOf("blue"), blue);
  EXPECT_EQ((*this)("create green memory 256mb password-sha256 " + SecretOf("g").Hex() +
                    " Deadline-Ms 7 wall-deadline-ms 8 Password h"),
            "+OK");
  config::TenantConfig green;
  green.name = "green";
  green.secrets = {SecretOf("g"), SecretOf("h")};
  green.memory_bytes = 256 << 20;
  green.deadline_ms = 7;
  green.wall_deadline_ms = 8;
  EXPECT_EQ(ConfigOf("green"), green);
}

TEST_F(TenantCommands, CreateRefusesWhatAFileMayNotHave) {
  for (const auto& [line, error] : std::initializer_list<std::pair<std::string, std::string>>{
           {"CREATE blue", "-ERR tenant 'blue' has no password; add PASSWORD password or"},
           {"CREATE blue MEMORY 2mb", "-ERR tenant 'blue' has no password; add"},
           {"CREATE Blue PASSWORD b", "-ERR the name is 'Blue', not a tenant's name; give up to"},
           {"CREATE red PASSWORD b", "-ERR tenant 'red' is there already; TENANT SET changes it"},
           {"CREATE blue PASSWORD", "-ERR password has no value; give one behind it"},
           {"CREATE blue PASSWORD a PASSWORD b PASSWORD c",
            "-ERR password is one password too many; give at most 2, of both kinds together"},
           {"CREATE blue PASSWORD a PASSWORD a", "-ERR password has a password that is there"},
           {"CREATE blue PASSWORD-SHA256 00", "-ERR password-sha256 is not a SHA-256 digest; give"},
           {"CREATE blue PASSWORD red-password",
            "-ERR tenants 'red' and 'blue' would have the same password; give another one"},
           {"CREATE blue PASSWORD b MEMORY 1kb", "-ERR memory is '1kb', out of range; give a size"},
           {"CREATE blue PASSWORD b DEADLINE-MS x",
            "-ERR deadline-ms is 'x', not an integer; give"},
           {"CREATE blue PASSWORD b WALL-DEADLINE-MS 49",
            "-ERR tenant 'blue': wall-deadline-ms is 49, less than deadline-ms, which is 50; give"},
           {"CREATE blue PASSWORD b OPS-PER-SECOND 0",
            "-ERR ops-per-second is 0, out of range; give a number from 1 to 100000000"},
           {"CREATE blue PASSWORD b MAX-REPLY lots",
            "-ERR max-reply is 'lots', not a size; give one such as"},
           {"CREATE blue PASSWORD b OVER-LIMIT drop",
            "-ERR over-limit is 'drop'; give wait or refuse"},
           {"CREATE blue PASSWORD b ADMIN true",
            "-ERR admin is no option of a tenant; give one of"},
           {"CREATE blue ONLY-PASSWORD b", "-ERR only-password is no option of a tenant; give"},
       }) {
    const std::string reply = (*this)(line);
    EXPECT_TRUE(reply.starts_with(error)) << line << "\n" << reply;
    EXPECT_EQ(reply_.find("\r\n"), reply_.size() - 2) << "one line";
  }
  EXPECT_EQ(control_.tenants.tenants().size(), 1u);
}

TEST_F(TenantCommands, AReplyWaitsForTheControl) {
  control_.keeps_back = true;
  EXPECT_EQ((*this)("CREATE blue PASSWORD b"), "");
  control_.kept("");
  EXPECT_EQ(reply_, "+OK\r\n");
  EXPECT_EQ((*this)("DROP blue"), "");
  control_.kept("its shard is being restarted; try again");
  EXPECT_EQ(reply_, "-ERR its shard is being restarted; try again\r\n");
}

TEST_F(TenantCommands, WhatTheControlRefusesIsAnError) {
  control_.refusal = "no memory; drop a tenant";
  EXPECT_EQ((*this)("CREATE blue PASSWORD b"), "-ERR no memory; drop a tenant");
}

TEST_F(TenantCommands, SetAddsAPasswordAndKeepsTheNewestOfTheOthers) {
  (*this)("CREATE blue PASSWORD a");
  EXPECT_EQ((*this)("SET blue PASSWORD b"), "+OK");
  EXPECT_EQ(ConfigOf("blue").secrets, (config::Secrets{SecretOf("a"), SecretOf("b")}));
  EXPECT_EQ((*this)("SET blue PASSWORD-SHA256 " + SecretOf("c").Hex()), "+OK");
  EXPECT_EQ(ConfigOf("blue").secrets, (config::Secrets{SecretOf("b"), SecretOf("c")}));
  // A client that has lost the reply sends it again.
  EXPECT_EQ((*this)("SET blue PASSWORD c"), "+OK");
  EXPECT_EQ(ConfigOf("blue").secrets, (config::Secrets{SecretOf("b"), SecretOf("c")}));
  EXPECT_EQ((*this)("SET blue PASSWORD b"), "+OK");
  EXPECT_EQ(ConfigOf("blue").secrets, (config::Secrets{SecretOf("c"), SecretOf("b")}));
}

TEST_F(TenantCommands, SetOnlyPasswordEndsTheOthers) {
  (*this)("CREATE blue PASSWORD a PASSWORD b");
  EXPECT_EQ((*this)("SET blue ONLY-PASSWORD c"), "+OK");
  EXPECT_EQ(ConfigOf("blue").secrets, config::Secrets{SecretOf("c")});
  EXPECT_EQ((*this)("SET blue only-password-sha256 " + SecretOf("d").Hex()), "+OK");
  EXPECT_EQ(ConfigOf("blue").secrets, config::Secrets{SecretOf("d")});
  EXPECT_EQ((*this)("SET blue ONLY-MEMORY 2mb"),
            "-ERR only-memory is no option; give PASSWORD or PASSWORD-SHA256 behind ONLY-");
}

TEST_F(TenantCommands, SetChangesAllItsOptionsOrNone) {
  (*this)("CREATE blue PASSWORD a DEADLINE-MS 10");
  EXPECT_EQ((*this)("SET blue MEMORY 2mb DEADLINE-MS 20"), "+OK");
  EXPECT_EQ(ConfigOf("blue").memory_bytes, 2u << 20);
  EXPECT_EQ(ConfigOf("blue").deadline_ms, 20u);
  const config::TenantConfig before = ConfigOf("blue");
  EXPECT_EQ((*this)("SET blue MEMORY 4mb WALL-DEADLINE-MS 19"),
            "-ERR tenant 'blue': wall-deadline-ms is 19, less than deadline-ms, which is 20; give "
            "at least 20");
  EXPECT_EQ((*this)("SET blue ONLY-PASSWORD c DEADLINE-MS 0"),
            "-ERR deadline-ms is 0, out of range; give a number from 1 to 3600000");
  EXPECT_EQ((*this)("SET blue PASSWORD red-password"),
            "-ERR tenants 'red' and 'blue' would have the same password; give another one");
  EXPECT_EQ(ConfigOf("blue"), before);
  EXPECT_EQ((*this)("SET green MEMORY 2mb"),
            "-ERR no tenant 'green'; TENANT LIST 0 has their names");
}

TEST_F(TenantCommands, TheFilesTenantsAreChangedThereAlone) {
  const std::string error =
      "-ERR tenant 'red' is in the configuration file; change it there, and send the server SIGHUP";
  EXPECT_EQ((*this)("SET red MEMORY 2mb"), error);
  EXPECT_EQ((*this)("DROP red"), error);
  EXPECT_EQ((*this)("MOVE red 1"), "+OK");
  EXPECT_EQ(control_.tenants.Find("red")->shard, 1u);
}

TEST_F(TenantCommands, GetShowsEffectiveDeadlinesAndNoPassword) {
  control_.tenants.SetLibrary("red", "math", "source");
  control_.tenants.SetLibrary("red", "graph", "source");
  server_.deadline_ms = 60;
  EXPECT_EQ((*this)("GET red"),
            "*44 $4 name $3 red $6 memory :1073741824 $11 deadline-ms :60 $16 wall-deadline-ms "
            ":1200 $9 isolation $7 isolate $17 cpu-ms-per-second $4 none $14 ops-per-second $4 "
            "none $10 over-limit $4 wait $11 max-clients :10000 $13 max-in-flight $4 none $17 "
            "connection-memory :1073741824 $9 max-reply :536870912 $13 heap-limit-mb :64 $21 "
            "array-buffer-limit-mb :64 $13 max-libraries :256 $14 library-memory :67108864 "
            "$4 wasm :1 $9 passwords :1 $5 shard :0 $5 admin :1 $6 source $4 "
            "file $9 libraries *2 $5 "
            "graph $4 math");
  protocol_ = resp::Protocol::kResp3;
  (*this)(
      "CREATE blue PASSWORD b PASSWORD c DEADLINE-MS 7 MEMORY 1mb ISOLATION process "
      "OPS-PER-SECOND 5 CPU-MS-PER-SECOND 6 OVER-LIMIT refuse MAX-CLIENTS 7 MAX-IN-FLIGHT 8 "
      "CONNECTION-MEMORY 1mb MAX-REPLY 64kb HEAP-LIMIT-MB 9 ARRAY-BUFFER-LIMIT-MB 10 "
      "MAX-LIBRARIES 11 LIBRARY-MEMORY 64kb");
  EXPECT_EQ(
      (*this)("GET blue"),
      "%22 $4 name $4 blue $6 memory :1048576 $11 deadline-ms :7 $16 wall-deadline-ms :140 $9 "
      "isolation $7 process $17 cpu-ms-per-second :6 $14 ops-per-second :5 $10 over-limit $6 "
      "refuse $11 max-clients :7 $13 max-in-flight :8 $17 connection-memory :1048576 $9 max-reply "
      ":65536 $13 heap-limit-mb :9 $21 array-buffer-limit-mb :10 $13 max-libraries :11 $14 "
      "library-memory :65536 $4 wasm #f $9 passwords :2 $5 shard :1 $5 admin #f $6 source $7 "
      "command $9 "
      "libraries *0");
  EXPECT_EQ((*this)("GET green"), "-ERR no tenant 'green'; TENANT LIST 0 has their names");
}

TEST_F(TenantCommands, ListGivesEachNameOnce) {
  for (int i = 0; i < 300; ++i) {
    const std::string n = std::to_string(i);
    (*this)("CREATE t" + n + " PASSWORD p" + n);
  }
  // Of a reply of "*2 $<length> <cursor> *<count> $<length> <name> ...".
  std::multiset<std::string> names;
  std::string cursor = "0";
  int calls = 0;
  do {
    std::istringstream words((*this)("LIST " + cursor + " COUNT 50 MATCH t*"));
    std::string word;
    words >> word >> word >> cursor >> word;
    while (words >> word >> word) names.insert(word);
    ++calls;
  } while (cursor != "0");
  EXPECT_EQ(calls, 7);
  EXPECT_EQ(names.size(), 300u);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 300u);
  EXPECT_TRUE((*this)("LIST 0 COUNT 10000").starts_with("*2 $1 0 *301 "));
  EXPECT_EQ((*this)("LIST 0 MATCH re[d] COUNT 99999999"), "*2 $1 0 *1 $3 red");
}

TEST_F(TenantCommands, ListGivesThoseOfAnIsolation) {
  (*this)("CREATE blue PASSWORD b ISOLATION process");
  EXPECT_EQ((*this)("LIST 0 ISOLATION process"), "*2 $1 0 *1 $4 blue");
  EXPECT_EQ((*this)("LIST 0 isolation isolate MATCH *"), "*2 $1 0 *1 $3 red");
  EXPECT_EQ((*this)("LIST 0 ISOLATION process MATCH r*"), "*2 $1 0 *0");
  (*this)("CREATE green PASSWORD g ISOLATION context");
  EXPECT_EQ((*this)("LIST 0 ISOLATION context"), "*2 $1 0 *1 $5 green");
  EXPECT_EQ((*this)("LIST 0 ISOLATION thread"),
            "-ERR isolation is 'thread', not an isolation; give context, isolate or process");
}

TEST_F(TenantCommands, ListRefusesWhatItCannotBound) {
  EXPECT_EQ((*this)("LIST x"), "-ERR invalid cursor; give 0, or the one of the reply before");
  for (const std::string line : {"LIST 0 COUNT", "LIST 0 TYPE string", "LIST 0 MATCH"}) {
    EXPECT_EQ((*this)(line),
              "-ERR syntax error; give TENANT LIST cursor [MATCH pattern] [ISOLATION name] [COUNT "
              "n]");
  }
  EXPECT_EQ((*this)("LIST 0 COUNT 0"),
            "-ERR count is '0', out of range; give a number from 1 to 10000");
  EXPECT_EQ((*this)("LIST 0 MATCH " + std::string(1025, '*')),
            "-ERR the pattern has 1025 bytes; give at most 1024");
}

TEST_F(TenantCommands, DropRemoves) {
  (*this)("CREATE blue PASSWORD b");
  EXPECT_EQ((*this)("DROP blue"), "+OK");
  EXPECT_EQ(control_.tenants.Find("blue"), nullptr);
  EXPECT_EQ((*this)("DROP blue"), "-ERR no tenant 'blue'; TENANT LIST 0 has their names");
}

TEST_F(TenantCommands, ATenantInAProcessOfItsOwnMovesToNoOther) {
  (*this)("CREATE blue PASSWORD b ISOLATION process");
  EXPECT_EQ((*this)("MOVE blue 0"),
            "-ERR tenant 'blue' has isolation process, and with it a shard of its own; TENANT SET "
            "blue ISOLATION isolate ends that");
  config::TenantConfig red = ConfigOf("red");
  red.isolation = config::Isolation::kProcess;
  control_.tenants.SetConfig(*control_.tenants.Find("red"), red);
  EXPECT_EQ((*this)("MOVE red 0"),
            "-ERR tenant 'red' has isolation process, and with it a shard of its own; change "
            "isolation in the configuration file, and send the server SIGHUP");
  EXPECT_EQ((*this)("SET blue ISOLATION isolate"), "+OK");
  EXPECT_EQ((*this)("MOVE blue 0"), "+OK");
}

TEST_F(TenantCommands, AProcessOfItsOwnNeedsShards) {
  (*this)("CREATE blue PASSWORD b");
  control_.shards = 0;
  const std::string why =
      "isolation is process, which takes a shard of its own, and with shards = 0 everything is one "
      "process; give shards = 1 or more, or isolation = \"isolate\"";
  EXPECT_EQ((*this)("SET blue ISOLATION process"), "-ERR tenant 'blue': " + why);
  EXPECT_EQ(ConfigOf("blue").isolation, config::Isolation::kIsolate);
  EXPECT_EQ((*this)("CREATE green PASSWORD g ISOLATION process"), "-ERR tenant 'green': " + why);
  EXPECT_EQ(control_.tenants.Find("green"), nullptr);
  EXPECT_EQ((*this)("SET blue ISOLATION isolate"), "+OK");
}

TEST_F(TenantCommands, MoveTakesAShardThatIsThereOrOneOfItsOwn) {
  (*this)("CREATE blue PASSWORD b");
  EXPECT_EQ((*this)("MOVE blue 0"), "+OK");
  EXPECT_EQ(control_.tenants.Find("blue")->shard, 0u);
  EXPECT_EQ((*this)("MOVE blue own"), "+OK");
  EXPECT_EQ(control_.tenants.Find("blue")->shard, 2u);
  for (const std::string shard : {"2", "-1", "x", "4294967296"}) {
    EXPECT_EQ((*this)("MOVE blue " + shard),
              "-ERR there is no shard '" + shard + "'; give a number from 0 to 1, or OWN");
  }
  control_.shards = 0;
  EXPECT_EQ((*this)("MOVE blue 0"), "-ERR there are no shards; start the server with --shards");
}

TEST_F(TenantCommands, AreRefusedInOneLineWhereTheyAreNone) {
  EXPECT_EQ(Call({}), "-ERR wrong number of arguments for 'tenant' command");
  EXPECT_EQ((*this)("RENAME red blue"), "-ERR unknown subcommand 'RENAME'. Try TENANT HELP.");
  EXPECT_EQ((*this)("DROP"),
            "-ERR wrong number of arguments for 'tenant|drop' command; give TENANT DROP name");
  EXPECT_TRUE((*this)("SET red").starts_with("-ERR wrong number of arguments for 'tenant|set'"));
  EXPECT_EQ(Call({"GET", std::string(1000, 'x')}),
            "-ERR no tenant '" + std::string(128, 'x') + "'; TENANT LIST 0 has their names");
  EXPECT_EQ(Call({"GET", "a\r\n+OK"}), "-ERR no tenant 'a  +OK'; TENANT LIST 0 has their names");
}

TEST_F(TenantCommands, HelpNamesEachSubcommand) {
  const std::string help = (*this)("HELP");
  EXPECT_TRUE(help.starts_with("*15 +TENANT <subcommand>")) << help;
  for (const std::string name : {"CREATE", "DROP", "GET", "HELP", "LIST", "MOVE", "SET"}) {
    EXPECT_NE(help.find(" +" + name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace shredder::supervisor
