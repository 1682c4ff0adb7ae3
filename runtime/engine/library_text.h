// The source of a library: one copy for all tenants of an engine that have loaded the same, with
// what is made of it once.
//
// Thread: the shard's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/engine/source_map.h"

namespace shredder::engine {

class LibraryText {
 public:
  explicit LibraryText(std::string_view code) : code_(code) {}
  LibraryText(const LibraryText&) = delete;
  LibraryText& operator=(const LibraryText&) = delete;

  const std::string& code() const { return code_; }

  // Null where the code carries none, or one that is malformed. Read at the first call.
  const SourceMap* source_map();

  // What V8 has compiled of it, as ScriptCompiler::CreateCodeCache gives it; empty until it is
  // kept.
  std::span<const uint8_t> compiled() const { return compiled_; }
  void KeepCompiled(std::span<const uint8_t> bytes) {
    compiled_.assign(bytes.begin(), bytes.end());
  }

 private:
  const std::string code_;
  bool has_read_map_ = false;
  std::optional<SourceMap> source_map_;
  std::vector<uint8_t> compiled_;
};

// The texts that are in use. Must outlive them.
class LibraryTexts {
 public:
  LibraryTexts() = default;
  LibraryTexts(const LibraryTexts&) = delete;
  LibraryTexts& operator=(const LibraryTexts&) = delete;

  // The text of this code, which goes with the last that refers to it.
  std::shared_ptr<LibraryText> Share(std::string_view code);
  size_t count() const { return texts_.size(); }

 private:
  // By the text's own code.
  std::unordered_map<std::string_view, std::weak_ptr<LibraryText>> texts_;
};

}  // namespace shredder::engine
