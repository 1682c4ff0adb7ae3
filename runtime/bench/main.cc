// The microbenchmarks' program, `shredder-bench`: `shredder bench` runs it and shows what it
// prints.
#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/bench/harness.h"
#include "runtime/bench/suites.h"

namespace shredder::bench {
namespace {

void Print(const nlohmann::json& rows) {
  std::cout << nlohmann::json{{"v8", engine::Engine::V8Version()}, {"rows", rows}}.dump(2) << "\n";
}

int Main(int argc, char** argv) {
  CLI::App app("Shredder's microbenchmarks");
  app.require_subcommand(1);

  CLI::App* htget = app.add_subcommand("htget", "each builtin on random keys");
  HtgetOptions htget_options;
  htget->add_flag("--quick", htget_options.quick, "fewer builtins, lookups and repetitions");
  htget->add_option("--sizes", htget_options.sizes, "keys in the table")
      ->delimiter(',')
      ->check(CLI::Range(1, 10'000'000));
  htget->add_option("--builtins", htget_options.builtins, "which builtins")
      ->delimiter(',')
      ->check(CLI::IsMember(HtgetBuiltins()));

  CLI::App* scan = app.add_subcommand("scan", "whole values, read in place");
  ScanOptions scan_options;
  scan->add_flag("--quick", scan_options.quick, "less data, fewer repetitions");
  scan->add_option("--sizes", scan_options.sizes, "bytes of a value")
      ->delimiter(',')
      ->check(CLI::Range(64, 64 << 20))
      ->check([](const std::string& bytes) {
        return std::stoull(bytes) % 64 == 0 ? "" : bytes + " is no multiple of 64";
      });

  CLI::App* json = app.add_subcommand("json", "documents parsed, changed and written back");
  JsonOptions json_options;
  json->add_flag("--quick", json_options.quick, "fewer repetitions, of fewer documents");
  json->add_option("--sizes", json_options.sizes, "bytes of a document")
      ->delimiter(',')
      ->check(CLI::Range(1, 8 << 20));

  CLI::App* khop = app.add_subcommand("khop", "answers requests for native graph traversals");
  std::string graph_file;
  khop->add_option("graph", graph_file, "the graph, as words")->required();

  CLI::App* inference =
      app.add_subcommand("inference", "answers requests for classifications of pictures");
  std::string folder;
  uint64_t picture_bytes = 0;
  inference->add_option("folder", folder, "of the network, pictures and libraries")->required();
  inference->add_option("bytes", picture_bytes, "of a picture")->required();
  CLI11_PARSE(app, argc, argv);

  if (khop->parsed()) {
    ServeKhop(graph_file);
    return 0;
  }
  InitializeV8();
  if (inference->parsed()) {
    ServeInference(folder, picture_bytes);
    return 0;
  }
  if (!CanInline()) Note("this V8 has no flag --shredder-inline: no rows of the case inlined");
  Print(htget->parsed()  ? RunHtget(htget_options)
        : json->parsed() ? RunJson(json_options)
                         : RunScan(scan_options));
  return 0;
}

}  // namespace
}  // namespace shredder::bench

// What throws here ends the program with its message.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return shredder::bench::Main(argc, argv); }
