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

std::string PlaceText(const std::string& script, int line, int column,
                      const FindSourceMap& find_source_map) {
  const SourceMap* source_map = find_source_map ? find_source_map(script) : nullptr;
  const std::optional<SourcePosition> position =
      source_map != nullptr ? source_map->Find(static_cast<uint32_t>(line),
                                               static_cast<uint32_t>(std::max(column, 1)))
                            : std::nullopt;
  if (position) {
    return OneLine(position->file + ":" + std::to_string(position->line) + ":" +
                   std::to_string(position->column));
  }
  return OneLine(script + ":" + std::to_string(line) + ":" + std::to_string(column));
}

v8::Local<v8::StackFrame> OwnFrame(v8::Isolate* isolate, v8::Local<v8::StackTrace> stack) {
  const int count = stack.IsEmpty() ? 0 : stack->GetFrameCount();
  for (int i = 0; i < count; ++i) {
    const v8::Local<v8::StackFrame> frame = stack->GetFrame(isolate, static_cast<uint32_t>(i));
    const v8::Local<v8::String> script = frame->GetScriptName();
    if (frame->GetLineNumber() > 0 && !script.IsEmpty() &&
        !StartsWith(Utf8(isolate, script), kOwnScriptPrefix)) {
      return frame;
    }
  }
  return {};
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
  // One that was thrown again was made elsewhere. Nor is the place in a script of the runtime's, or
  // in the text that JSON.parse reads.
  v8::Local<v8::StackTrace> stack = v8::Exception::GetStackTrace(caught.Exception());
  if (stack.IsEmpty()) stack = message->GetStackTrace();
  const v8::Local<v8::StackFrame> frame = OwnFrame(isolate, stack);
  if (!frame.IsEmpty() && (!resource->IsString() || frame->GetLineNumber() != line ||
                           !resource->StrictEquals(frame->GetScriptName()))) {
    line = frame->GetLineNumber();
    column = frame->GetColumn();
    resource = frame->GetScriptName();
  }
  std::string place;
  if (line > 0 && resource->IsString()) {
    place =
        " at " + PlaceText(Utf8(isolate, resource.As<v8::String>()), line, column, find_source_map);
  }
  return (has_prefix ? "" : "ERR ") + text + place;
}

}  // namespace shredder::engine
