#include "runtime/engine/library_record.h"

#include <nlohmann/json.hpp>

namespace shredder::engine {

using Json = nlohmann::json;

std::string PackLibrary(const LibraryInfo& library) {
  Json functions = Json::array();
  for (const FunctionInfo& function : library.functions) {
    functions.push_back({{"name", function.name},
                         {"description", function.description},
                         {"flags", function.flags}});
  }
  std::string bytes = Json{{"name", library.name},
                           {"wasm", library.language == LibraryLanguage::kWebAssembly},
                           {"functions", std::move(functions)}}
                          .dump();
  bytes += '\n';
  bytes += library.code;
  return bytes;
}

std::optional<LibraryInfo> UnpackLibrary(std::string_view bytes) {
  const size_t line_end = bytes.find('\n');
  if (line_end == std::string_view::npos) return std::nullopt;
  try {
    const Json json = Json::parse(bytes.substr(0, line_end));
    LibraryInfo library;
    library.name = json.at("name");
    if (json.value("wasm", false)) library.language = LibraryLanguage::kWebAssembly;
    library.code = bytes.substr(line_end + 1);
    for (const Json& item : json.at("functions")) {
      FunctionInfo function;
      function.name = item.at("name");
      function.description = item.at("description");
      function.flags = item.at("flags");
      library.functions.push_back(std::move(function));
    }
    return library;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace shredder::engine
