#include "runtime/engine/exception.h"

#include <algorithm>
#include <optional>

#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

constexpr size_t kMaxErrorBytes = 1024;

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

}  // namespace

std::string ErrorText(v8::Isolate* isolate, v8::Local<v8::String> text, std::string_view prefix) {
  std::string line = OneLine(Utf8Prefix(isolate, text, kMaxErrorBytes + 64));
  if (StartsWith(line, prefix)) line.erase(0, prefix.size());
  if (line.size() > kMaxErrorBytes) {
    size_t end = kMaxErrorBytes;
    // Not inside a character's UTF-8 bytes.
    while ((line[end] & 0xc0) == 0x80) --end;
    line.resize(end);
    line += "...";
  }
  return line;
}

std::string DescribeException(v8::Local<v8::Context> context, const v8::TryCatch& caught,
                              const FindSourceMap& find_source_map) {
  v8::Isolate* isolate = context->GetIsolate();
  // V8's own text of the exception, made without running the tenant's toString.
  v8::Local<v8::Message> message = caught.Message();
  if (message.IsEmpty()) return "ERR exception without a message";
  std::string text = ErrorText(isolate, message->Get(), "Uncaught ");
  // The store's own errors keep the prefix that Redis clients know them by.
  for (const std::string_view own : {"RangeError: OOM ", "TypeError: READONLY "}) {
    if (StartsWith(text, own)) text.erase(0, own.find(' ') + 1);
  }
  const bool has_prefix = StartsWith(text, "OOM ") || StartsWith(text, "READONLY ");

  int line = message->GetLineNumber(context).FromMaybe(0);
  int column = message->GetStartColumn(context).FromMaybe(-1) + 1;
  v8::Local<v8::Value> resource = message->GetScriptResourceName();
  const v8::Local<v8::StackTrace> stack = message->GetStackTrace();
  if (!resource->IsString() && !stack.IsEmpty() && stack->GetFrameCount() > 0) {
    // JSON.parse names a place in its argument.
    const v8::Local<v8::StackFrame> frame = stack->GetFrame(isolate, 0);
    line = frame->GetLineNumber();
    column = frame->GetColumn();
    resource = frame->GetScriptName();
  }
  std::string place;
  if (line > 0 && resource->IsString()) {
    const std::string name = Utf8(isolate, resource.As<v8::String>());
    place = name + ":" + std::to_string(line) + ":" + std::to_string(column);
    const SourceMap* source_map = find_source_map(name);
    const std::optional<SourcePosition> position =
        source_map != nullptr ? source_map->Find(static_cast<uint32_t>(line),
                                                 static_cast<uint32_t>(std::max(column, 1)))
                              : std::nullopt;
    if (position) {
      place = position->file + ":" + std::to_string(position->line) + ":" +
              std::to_string(position->column);
    }
    place = " at " + place;
  }
  return (has_prefix ? "" : "ERR ") + text + OneLine(place);
}

}  // namespace shredder::engine
