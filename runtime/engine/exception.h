// A JavaScript exception as the line that a caller gets.
//
// Thread: the shard's, with the tenant's isolate and context entered.
#pragma once

#include <v8.h>

#include <functional>
#include <string>
#include <string_view>

#include "runtime/engine/source_map.h"

namespace shredder::engine {

// Scripts of that prefix are the runtime's own: no place of an error or of a log's line is theirs.
inline constexpr std::string_view kOwnScriptPrefix = "shredder:";

// The source map of the library of that name; null where there is none.
using FindSourceMap = std::function<const SourceMap*(std::string_view library)>;

// A place in the author's files, of one in a script; lines and columns count from 1.
struct Place {
  std::string text;      // `file:line:column`, one line
  bool ignored = false;  // in a source that is not the author's own
};
Place PlaceOf(const std::string& script, int line, int column,
              const FindSourceMap& find_source_map);

// The first frame that is of the tenant's own code; empty where there is none.
v8::Local<v8::StackFrame> OwnFrame(v8::Isolate* isolate, v8::Local<v8::StackTrace> stack);

// The text of an error, thrown or returned, as one line of 1,024 bytes at most, and `...` where it
// is cut; without `prefix`, if it begins with that.
std::string ErrorText(v8::Isolate* isolate, v8::Local<v8::String> text,
                      std::string_view prefix = {});

// What is said of an exception.
struct ExceptionReport {
  // For the caller: one line that begins with a prefix such as ERR, and ends with the place.
  std::string line;
  // Where the error was made, or else where it was thrown; empty where that is not known. Of the
  // frames that lead there, the first that is not of a source which its map has in its ignoreList.
  std::string place;
  // For the author: the message, and a line for each frame, `    at name (file:line:column)`.
  std::string stack;
};

// Of the pending exception. Runs nothing of the tenant's.
ExceptionReport DescribeException(v8::Local<v8::Context> context, const v8::TryCatch& caught,
                                  const FindSourceMap& find_source_map);

}  // namespace shredder::engine
