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

// A place in the author's files, `file:line:column`, of one in a script; lines and columns count
// from 1. One line.
std::string PlaceText(const std::string& script, int line, int column,
                      const FindSourceMap& find_source_map);

// The first frame that is of the tenant's own code; empty where there is none.
v8::Local<v8::StackFrame> OwnFrame(v8::Isolate* isolate, v8::Local<v8::StackTrace> stack);

// The text of an error, thrown or returned, as one line of 1,024 bytes at most, and `...` where it
// is cut; without `prefix`, if it begins with that.
std::string ErrorText(v8::Isolate* isolate, v8::Local<v8::String> text,
                      std::string_view prefix = {});

// The pending exception as one line, with the place where the error was made, or else where it was
// thrown. Runs nothing of the tenant's.
std::string DescribeException(v8::Local<v8::Context> context, const v8::TryCatch& caught,
                              const FindSourceMap& find_source_map);

}  // namespace shredder::engine
