#include "runtime/engine/exception.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

constexpr size_t kMaxErrorBytes = 1024;
constexpr size_t kMaxNameCharacters = 200;

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

Place PlaceOf(const std::string& script, int line, int column,
              const FindSourceMap& find_source_map) {
  const SourceMap* source_map = find_source_map ? find_source_map(script) : nullptr;
  const std::optional<SourcePosition> position =
      source_map != nullptr ? source_map->Find(static_cast<uint32_t>(line),
                                               static_cast<uint32_t>(std::max(column, 1)))
                            : std::nullopt;
  const auto text = [](const std::string& file, auto at_line, auto at_column) {
    return OneLine(file + ":" + std::to_string(at_line) + ":" + std::to_string(at_column));
  };
  if (!position) return {text(script, line, column)};
  return {text(position->file, position->line, position->column), position->ignored};
}

namespace {

bool IsOwn(v8::Isolate* isolate, v8::Local<v8::StackFrame> frame) {
  const v8::Local<v8::String> script = frame->GetScriptName();
  return frame->GetLineNumber() > 0 && !script.IsEmpty() &&
         !StartsWith(Utf8(isolate, script), kOwnScriptPrefix);
}

int FrameCount(v8::Local<v8::StackTrace> stack) {
  return stack.IsEmpty() ? 0 : stack->GetFrameCount();
}

struct Frame {
  std::string function;  // empty for the top level
  Place place;
};

std::vector<Frame> OwnFrames(v8::Isolate* isolate, v8::Local<v8::StackTrace> stack,
                             const FindSourceMap& find_source_map) {
  std::vector<Frame> frames;
  for (int i = 0; i < FrameCount(stack); ++i) {
    const v8::Local<v8::StackFrame> frame = stack->GetFrame(isolate, static_cast<uint32_t>(i));
    if (!IsOwn(isolate, frame)) continue;
    const v8::Local<v8::String> name = frame->GetFunctionName();
    frames.push_back({name.IsEmpty() ? "" : OneLine(Utf8Prefix(isolate, name, kMaxNameCharacters)),
                      PlaceOf(Utf8(isolate, frame->GetScriptName()), frame->GetLineNumber(),
                              frame->GetColumn(), find_source_map)});
  }
  return frames;
}

std::string StackText(std::string text, const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    text += "\n    at ";
    text +=
        frame.function.empty() ? frame.place.text : frame.function + " (" + frame.place.text + ")";
  }
  return text;
}

}  // namespace

v8::Local<v8::StackFrame> OwnFrame(v8::Isolate* isolate, v8::Local<v8::StackTrace> stack) {
  for (int i = 0; i < FrameCount(stack); ++i) {
    const v8::Local<v8::StackFrame> frame = stack->GetFrame(isolate, static_cast<uint32_t>(i));
    if (IsOwn(isolate, frame)) return frame;
  }
  return {};
}

ExceptionReport DescribeException(v8::Local<v8::Context> context, const v8::TryCatch& caught,
                                  const FindSourceMap& find_source_map) {
  v8::Isolate* isolate = context->GetIsolate();
  // V8's own text of the exception, made without running the tenant's toString.
  v8::Local<v8::Message> message = caught.Message();
  if (message.IsEmpty()) {
    const std::string line = "ERR exception without a message";
    return {line, "", line};
  }
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
  const std::vector<Frame> frames = OwnFrames(isolate, stack, find_source_map);
  Place place;
  if (line > 0 && resource->IsString()) {
    place = PlaceOf(Utf8(isolate, resource.As<v8::String>()), line, column, find_source_map);
  }
  if (place.ignored) {
    const auto authors = std::find_if(frames.begin(), frames.end(),
                                      [](const Frame& each) { return !each.place.ignored; });
    if (authors != frames.end()) place = authors->place;
  }
  return {(has_prefix ? "" : "ERR ") + text + (place.text.empty() ? "" : " at " + place.text),
          place.text, StackText(text, frames)};
}

}  // namespace shredder::engine
