#include "runtime/engine/typed_arguments.h"

#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

bool IsTypedFunction(v8::Local<v8::Context> context, v8::Local<v8::Function> function) {
  // A getter's exception says that it is none.
  v8::TryCatch caught(context->GetIsolate());
  v8::Local<v8::Value> typed;
  if (function->Get(context, AsciiString(context->GetIsolate(), "typed")).ToLocal(&typed)) {
    return typed->IsTrue();
  }
  if (caught.HasTerminated()) caught.ReThrow();
  return false;
}

v8::MaybeLocal<v8::Array> ReadArgumentList(v8::Local<v8::Context> context, WatchedSteps* steps,
                                           v8::Local<v8::Array> arguments) {
  v8::Isolate* const isolate = context->GetIsolate();
  v8::Local<v8::Value> text, value;
  if (!arguments->Get(context, 0).ToLocal(&text) ||
      !v8::JSON::Parse(context, text.As<v8::String>()).ToLocal(&value)) {
    return {};
  }
  const auto refuse = [isolate] {
    isolate->ThrowException(v8::Exception::TypeError(
        AsciiString(isolate, "args: the function takes an array of texts, and got other JSON")));
  };
  if (!value->IsArray()) {
    refuse();
    return {};
  }
  const v8::Local<v8::Array> list = value.As<v8::Array>();
  for (uint32_t i = 0; i < list->Length(); ++i) {
    const v8::HandleScope scope(isolate);
    v8::Local<v8::Value> item;
    if (!steps->Step() || !list->Get(context, i).ToLocal(&item)) return {};
    if (item->IsString()) continue;
    refuse();
    return {};
  }
  return list;
}

bool ReadArgumentTexts(v8::Local<v8::Context> context, WatchedSteps* steps,
                       std::string_view argument, std::vector<std::string>* texts) {
  v8::Isolate* const isolate = context->GetIsolate();
  v8::Local<v8::String> json;
  v8::Local<v8::Array> list;
  if (!StringFromUtf8(isolate, argument).ToLocal(&json)) return false;
  v8::Local<v8::Value> first[] = {json};
  if (!ReadArgumentList(context, steps, v8::Array::New(isolate, first, 1)).ToLocal(&list)) {
    return false;
  }
  for (uint32_t i = 0; i < list->Length(); ++i) {
    const v8::HandleScope scope(isolate);
    v8::Local<v8::Value> item;
    if (!steps->Step() || !list->Get(context, i).ToLocal(&item)) return false;
    AppendUtf8(isolate, item.As<v8::String>(), &texts->emplace_back());
  }
  return true;
}

}  // namespace shredder::engine
