#include "runtime/engine/web_natives.h"

#include <openssl/evp.h>
#include <sys/random.h>
#include <unicode/uidna.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/engine/exception.h"
#include "runtime/engine/function_log.h"
#include "runtime/engine/store_arguments.h"
#include "runtime/engine/store_callbacks.h"
#include "runtime/engine/v8_strings.h"

namespace shredder::engine {

namespace {

using Info = v8::FunctionCallbackInfo<v8::Value>;

// The scripts call these with what they are for. Code of a tenant's may find one in a stack trace,
// though, and call it with anything.
bool Check(const Info& info, bool holds) {
  if (!holds) {
    info.GetIsolate()->ThrowException(
        v8::Exception::TypeError(AsciiString(info.GetIsolate(), "not for such arguments")));
  }
  return holds;
}

void ReturnBytes(const Info& info, std::string_view bytes) {
  v8::Local<v8::ArrayBuffer> buffer;
  if (!CopyToBuffer(info.GetIsolate(), bytes).ToLocal(&buffer)) return;
  info.GetReturnValue().Set(v8::Uint8Array::New(buffer, 0, bytes.size()));
}

std::string CopyOf(v8::Local<v8::Value> view) {
  const v8::Local<v8::ArrayBufferView> array = view.As<v8::ArrayBufferView>();
  std::string bytes(array->ByteLength(), '\0');
  bytes.resize(array->CopyContents(bytes.data(), bytes.size()));
  return bytes;
}

void EncodeUtf8(const Info& info) {
  if (!Check(info, info[0]->IsString())) return;
  std::string bytes;
  AppendUtf8(info.GetIsolate(), info[0].As<v8::String>(), &bytes);
  ReturnBytes(info, bytes);
}

// What the scripts decode at a time, and ask of random numbers.
constexpr size_t kMaxPieceBytes = 64 * 1024;
// What is digested between two looks at the deadline: a millisecond or two.
constexpr size_t kMaxDigestPieceBytes = 1024 * 1024;

void DecodeUtf8(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!Check(info, info[0]->IsUint8Array() &&
                       info[0].As<v8::Uint8Array>()->ByteLength() <= kMaxPieceBytes)) {
    return;
  }
  const std::string bytes = CopyOf(info[0]);
  v8::Local<v8::String> text;
  if (!StringFromUtf8(isolate, bytes).ToLocal(&text)) return;
  if (info[1]->IsTrue() && Utf8(isolate, text) != bytes) return;
  info.GetReturnValue().Set(text);
}

void RandomBytes(const Info& info) {
  if (!Check(info, info[0]->IsUint32() && info[0].As<v8::Uint32>()->Value() <= kMaxPieceBytes)) {
    return;
  }
  std::string bytes(info[0].As<v8::Uint32>()->Value(), '\0');
  for (size_t filled = 0; filled < bytes.size();) {
    const ssize_t got = getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (got > 0) filled += static_cast<size_t>(got);
    if (got < 0 && errno != EINTR) {
      info.GetIsolate()->ThrowException(
          v8::Exception::Error(AsciiString(info.GetIsolate(), "the kernel gives no random bytes")));
      return;
    }
  }
  ReturnBytes(info, bytes);
}

const EVP_MD* DigestOf(std::string_view name) {
  if (name == "SHA-1") return EVP_sha1();
  if (name == "SHA-256") return EVP_sha256();
  if (name == "SHA-384") return EVP_sha384();
  if (name == "SHA-512") return EVP_sha512();
  return nullptr;
}

void Digest(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!Check(info, info[0]->IsString() && info[1]->IsUint8Array() && info[2]->IsFunction())) return;
  constexpr size_t kMaxNameUnits = 8;
  const EVP_MD* const kind = DigestOf(Utf8Prefix(isolate, info[0].As<v8::String>(), kMaxNameUnits));
  const v8::Local<v8::Uint8Array> view = info[1].As<v8::Uint8Array>();
  const v8::Local<v8::Value> buffer = view->Buffer();
  if (!Check(info, kind != nullptr && buffer->IsArrayBuffer())) return;
  // Holds the memory, whoever owns it after a piece.
  const std::shared_ptr<v8::BackingStore> memory = buffer.As<v8::ArrayBuffer>()->GetBackingStore();
  if (!Check(info, !memory->IsShared() && !memory->IsResizableByUserJavaScript())) return;
  const std::string_view bytes(static_cast<const char*>(memory->Data()) + view->ByteOffset(),
                               view->ByteLength());
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                   EVP_MD_CTX_free);
  bool is_done = context != nullptr && EVP_DigestInit_ex(context.get(), kind, nullptr) == 1;
  for (size_t at = 0; is_done && at < bytes.size(); at += kMaxDigestPieceBytes) {
    // A call looks at the deadline.
    if (at > 0 && info[2]
                      .As<v8::Function>()
                      ->Call(isolate->GetCurrentContext(), v8::Undefined(isolate), 0, nullptr)
                      .IsEmpty()) {
      return;
    }
    const std::string_view piece = bytes.substr(at, kMaxDigestPieceBytes);
    is_done = EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1;
  }
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (!is_done || EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()),
                                     &size) != 1) {
    isolate->ThrowException(
        v8::Exception::Error(AsciiString(isolate, "the digest cannot be computed")));
    return;
  }
  digest.resize(size);
  ReturnBytes(info, digest);
}

void Enqueue(const Info& info) {
  if (!Check(info, info[0]->IsFunction())) return;
  v8::Isolate* isolate = info.GetIsolate();
  isolate->GetCurrentContext()->GetMicrotaskQueue()->EnqueueMicrotask(isolate,
                                                                      info[0].As<v8::Function>());
}

// Serialises within the memory that the tenant's buffers may take.
class CloneDelegate final : public v8::ValueSerializer::Delegate {
 public:
  CloneDelegate(v8::Isolate* isolate, v8::Local<v8::Function> make_error)
      : isolate_(isolate), make_error_(make_error) {}

  void ThrowDataCloneError(v8::Local<v8::String> message) override {
    v8::Local<v8::Value> argument = message;
    v8::Local<v8::Value> error;
    if (make_error_->Call(isolate_->GetCurrentContext(), v8::Undefined(isolate_), 1, &argument)
            .ToLocal(&error)) {
      isolate_->ThrowException(error);
    }
  }

  void* ReallocateBufferMemory(void* old_buffer, size_t size, size_t* actual_size) override {
    if (size > kMaxBytes) return nullptr;
    *actual_size = size;
    return std::realloc(old_buffer, size);
  }
  void FreeBufferMemory(void* buffer) override { std::free(buffer); }

 private:
  static constexpr size_t kMaxBytes = 64 << 20;

  v8::Isolate* const isolate_;
  const v8::Local<v8::Function> make_error_;
};

void Clone(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  const v8::Local<v8::Context> context = isolate->GetCurrentContext();
  if (!Check(info, info[1]->IsArray() && info[2]->IsFunction())) return;
  const v8::Local<v8::Array> transferred = info[1].As<v8::Array>();
  CloneDelegate delegate(isolate, info[2].As<v8::Function>());
  v8::ValueSerializer serializer(isolate, &delegate);
  std::vector<v8::Local<v8::ArrayBuffer>> buffers;
  for (uint32_t i = 0; i < transferred->Length(); ++i) {
    v8::Local<v8::Value> buffer;
    if (!transferred->Get(context, i).ToLocal(&buffer) || !Check(info, buffer->IsArrayBuffer())) {
      return;
    }
    buffers.push_back(buffer.As<v8::ArrayBuffer>());
    if (buffers.back()->WasDetached() || !buffers.back()->IsDetachable()) {
      delegate.ThrowDataCloneError(AsciiString(isolate, "a buffer cannot be transferred"));
      return;
    }
    serializer.TransferArrayBuffer(i, buffers.back());
  }
  serializer.WriteHeader();
  if (!serializer.WriteValue(context, info[0]).FromMaybe(false)) return;
  const auto [data, size] = serializer.Release();
  const std::unique_ptr<uint8_t, void (*)(void*)> owner(data, std::free);
  v8::ValueDeserializer deserializer(isolate, data, size);
  for (uint32_t i = 0; i < buffers.size(); ++i) {
    // Code of the value's may have transferred it meanwhile.
    if (!Check(info, !buffers[i]->WasDetached())) return;
    const std::shared_ptr<v8::BackingStore> memory = buffers[i]->GetBackingStore();
    if (buffers[i]->Detach(v8::Local<v8::Value>()).IsNothing()) return;
    deserializer.TransferArrayBuffer(i, v8::ArrayBuffer::New(isolate, memory));
  }
  v8::Local<v8::Value> copy;
  if (deserializer.ReadHeader(context).FromMaybe(false) &&
      deserializer.ReadValue(context).ToLocal(&copy)) {
    info.GetReturnValue().Set(copy);
  }
}

void Log(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!Check(info, info[0]->IsString() && info[1]->IsString())) return;
  const auto* state = static_cast<StoreModuleState*>(info.Data().As<v8::External>()->Value());
  if (state->log == nullptr) return;
  constexpr size_t kMaxLevelUnits = 8;
  // As many frames as lie between the console and the code that calls it, and some of a wrapper's.
  constexpr int kMaxFrames = 16;
  const v8::Local<v8::StackFrame> frame =
      OwnFrame(isolate, v8::StackTrace::CurrentStackTrace(isolate, kMaxFrames));
  std::string place;
  if (!frame.IsEmpty()) {
    place = PlaceOf(Utf8(isolate, frame->GetScriptName()), frame->GetLineNumber(),
                    frame->GetColumn(), state->find_source_map)
                .text;
  }
  // Of which the log keeps no more.
  state->log->Add(Utf8Prefix(isolate, info[0].As<v8::String>(), kMaxLevelUnits), std::move(place),
                  Utf8Prefix(isolate, info[1].As<v8::String>(), FunctionLog::kMaxTextBytes + 1));
}

// As ICU bounds a label; a domain of the DNS has 253. To encode so many characters, each another,
// takes 1.5 ms.
constexpr int kMaxDomainUnits = 1000;
// Of UTS #46 what the URL standard has, where it is not strict: CheckHyphens and VerifyDnsLength
// are false, for which ICU has no option.
constexpr uint32_t kIdnaOptions = UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                                  UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE;
constexpr uint32_t kIdnaAllowed = UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG |
                                  UIDNA_ERROR_DOMAIN_NAME_TOO_LONG | UIDNA_ERROR_LEADING_HYPHEN |
                                  UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4;

using IdnaMapping = decltype(&uidna_nameToASCII_UTF8);

// One of ICU's mappings of a domain, in UTF-8; false where the domain is none, or memory runs out.
bool MapDomain(const UIDNA* idna, IdnaMapping mapping, std::string_view domain,
               std::string* mapped) {
  UIDNAInfo info;
  UErrorCode status;
  int32_t size = static_cast<int32_t>(2 * domain.size() + 64);
  do {
    mapped->resize(static_cast<size_t>(size));
    info = UIDNA_INFO_INITIALIZER;
    status = U_ZERO_ERROR;
    size = mapping(idna, domain.data(), static_cast<int32_t>(domain.size()), mapped->data(),
                   static_cast<int32_t>(mapped->size()), &info, &status);
  } while (status == U_BUFFER_OVERFLOW_ERROR);
  if (U_FAILURE(status) || (info.errors & ~kIdnaAllowed) != 0) return false;
  mapped->resize(static_cast<size_t>(size));
  return true;
}

// Whether a label that is encoded stands for one that begins as encoded ones do: UTS #46 forbids
// it, but ICU counts it among the hyphens.
bool HasNestedLabel(const UIDNA* idna, std::string_view ascii) {
  if (ascii.find("xn--xn--") == std::string_view::npos) return false;
  std::string unicode;
  return !MapDomain(idna, uidna_nameToUnicodeUTF8, ascii, &unicode) ||
         unicode.starts_with("xn--") || unicode.find(".xn--") != std::string::npos;
}

void DomainToAscii(const Info& info) {
  v8::Isolate* isolate = info.GetIsolate();
  if (!Check(info, info[0]->IsString())) return;
  const v8::Local<v8::String> text = info[0].As<v8::String>();
  if (text->Length() > kMaxDomainUnits) return;
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UIDNA, void (*)(UIDNA*)> idna(uidna_openUTS46(kIdnaOptions, &status),
                                                      uidna_close);
  std::string ascii;
  if (U_FAILURE(status) ||
      !MapDomain(idna.get(), uidna_nameToASCII_UTF8, Utf8Prefix(isolate, text, kMaxDomainUnits),
                 &ascii) ||
      HasNestedLabel(idna.get(), ascii)) {
    return;
  }
  info.GetReturnValue().Set(AsciiString(isolate, ascii));
}

}  // namespace

v8::MaybeLocal<v8::Object> MakeWebNatives(v8::Local<v8::Context> context,
                                          v8::Local<v8::Value> state) {
  v8::Isolate* isolate = context->GetIsolate();
  const v8::Local<v8::Object> natives =
      v8::Object::New(isolate, v8::Null(isolate), nullptr, nullptr, 0);
  const Callback functions[] = {{"encodeUtf8", EncodeUtf8, 1},
                                {"decodeUtf8", DecodeUtf8, 2},
                                {"randomBytes", RandomBytes, 1},
                                {"digest", Digest, 3},
                                {"enqueue", Enqueue, 1},
                                {"clone", Clone, 3},
                                {"log", Log, 2},
                                {"domainToAscii", DomainToAscii, 1}};
  for (const Callback& each : functions) {
    v8::Local<v8::Function> function;
    if (!v8::Function::New(context, each.function, state, each.length,
                           v8::ConstructorBehavior::kThrow)
             .ToLocal(&function) ||
        natives->CreateDataProperty(context, AsciiString(isolate, each.name), function)
            .IsNothing()) {
      return {};
    }
  }
  return natives;
}

}  // namespace shredder::engine
