// Strings between C++ and V8.
#pragma once

#include <v8.h>

#include <string>
#include <string_view>

namespace shredder::engine {

// `text` must be short and ASCII.
inline v8::Local<v8::String> AsciiString(v8::Isolate* isolate, std::string_view text) {
  return v8::String::NewFromOneByte(isolate, reinterpret_cast<const uint8_t*>(text.data()),
                                    v8::NewStringType::kNormal, static_cast<int>(text.size()))
      .ToLocalChecked();
}

// UTF-8 bytes as a string, what is malformed as U+FFFD; empty where they are too long for V8.
inline v8::MaybeLocal<v8::String> StringFromUtf8(v8::Isolate* isolate, std::string_view text) {
  if (text.size() > static_cast<size_t>(v8::String::kMaxLength)) return {};
  return v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal,
                                 static_cast<int>(text.size()));
}

// The string's UTF-8 bytes, lone surrogates as U+FFFD.
inline std::string Utf8(v8::Isolate* isolate, v8::Local<v8::String> string) {
  std::string bytes(static_cast<size_t>(string->Utf8Length(isolate)), '\0');
  const int written =
      string->WriteUtf8(isolate, bytes.data(), static_cast<int>(bytes.size()), nullptr,
                        v8::String::NO_NULL_TERMINATION | v8::String::REPLACE_INVALID_UTF8);
  bytes.resize(static_cast<size_t>(written));
  return bytes;
}

// Appends what Utf8 gives. Unlike it, it takes a string of any length and shape: where V8's heap
// has no room to flatten it, it is read as it is.
void AppendUtf8(v8::Isolate* isolate, v8::Local<v8::String> string, std::string* bytes);

// As Utf8, of the string's first `max_units` UTF-16 units. Unlike Utf8 it does not flatten the
// string, for which V8 ends the process where its heap has no room.
std::string Utf8Prefix(v8::Isolate* isolate, v8::Local<v8::String> string, size_t max_units);

// `text` with every run of line breaks as one space, so that it fits on one line of a reply.
std::string OneLine(std::string_view text);

}  // namespace shredder::engine
