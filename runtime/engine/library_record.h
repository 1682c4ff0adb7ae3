// A library as another process keeps it: what it consists of as bytes, so that what is to be known
// of it is known without JavaScript.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/engine/engine.h"

namespace shredder::engine {

// One line of JSON with the library's name and functions, then its code.
std::string PackLibrary(const LibraryInfo& library);

// The library of such bytes, whose `code` lies in them; nothing where they are of another form.
std::optional<LibraryInfo> UnpackLibrary(std::string_view bytes);

}  // namespace shredder::engine
