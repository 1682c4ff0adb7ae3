// What the store's builtins leave to C++: keys that are not ASCII, values that are long or not
// ASCII as text, and errors.

#include <optional>
#include <vector>

#include "builtins-csa/builtins/interrupt_poll.h"
#include "builtins-csa/builtins/store_keys.h"
#include "builtins-csa/builtins/table_gather.h"
#include "builtins-csa/layout/store_errors.h"
#include "builtins-csa/layout/table_layout.h"
#include "src/codegen/external-reference.h"
#include "src/execution/arguments-inl.h"
#include "src/execution/isolate-inl.h"
#include "src/objects/string-inl.h"
#include "src/runtime/runtime-utils.h"
#include "src/strings/unicode-decoder.h"

namespace v8 {
namespace internal {

namespace {

namespace layout = ::shredder::layout;
using ::shredder::StoreError;

// Where a piece of UTF-8 that begins at `start` may end, near `limit`: not within a character. Each
// piece decodes as it does within the whole: what follows no other byte of its character begins
// one, well-formed or not, and no character has more than three bytes behind its first.
size_t EndOfPiece(const uint8_t* bytes, size_t start, size_t limit, size_t end) {
  if (limit >= end) return end;
  for (size_t at = limit; at > start && at + 4 > limit; --at) {
    if ((bytes[at] & 0xc0) != 0x80) return at;
  }
  return limit;
}

}  // namespace

ExternalReference ExternalReference::shredder_gather_function() {
  return ExternalReference(Redirect(FUNCTION_ADDR(layout::Gather)));
}

RUNTIME_FUNCTION(Runtime_ShredderThrow) {
  HandleScope scope(isolate);
  DCHECK_EQ(2, args.length());
  return ThrowStoreError(isolate, static_cast<StoreError>(args.smi_value_at(0)), args.at(1));
}

RUNTIME_FUNCTION(Runtime_ShredderEncodeKey) {
  HandleScope scope(isolate);
  DCHECK_EQ(1, args.length());
  Handle<Object> key = args.at(0);
  if (key->IsString()) key = String::Flatten(isolate, Handle<String>::cast(key));
  layout::StoreHeader* store = CurrentStore(isolate);
  uint64_t size = 0;
  std::optional<StoreError> error;
  {
    DisallowGarbageCollection no_gc;
    error = CopyKeyBytes(*key, no_gc, reinterpret_cast<char*>(store) + store->key_scratch_offset,
                         &size);
  }
  if (error) return ThrowStoreError(isolate, *error, key);
  return Smi::FromInt(static_cast<int>(size));
}

RUNTIME_FUNCTION(Runtime_ShredderStringFromUtf8) {
  HandleScope scope(isolate);
  DCHECK_EQ(2, args.length());
  // The arena is not V8's: what collects garbage does not move it, and no code of the tenant's runs
  // meanwhile, so that nothing is written there.
  const uint8_t* const bytes = reinterpret_cast<const uint8_t*>(CurrentStore(isolate)) +
                               static_cast<uint64_t>(args.number_value_at(0));
  const size_t length = static_cast<size_t>(args.smi_value_at(1));
  if (length > layout::kMaxTextBytes) {
    return ThrowStoreError(isolate, StoreError::kTextTooLong,
                           isolate->factory()->undefined_value());
  }
  static_assert(layout::kMaxTextBytes <= String::kMaxLength);
  constexpr size_t kPieceBytes = 256 * 1024;
  const auto piece_at = [&](size_t start) {
    const size_t end = EndOfPiece(bytes, start, start + kPieceBytes, length);
    return base::Vector<const uint8_t>(bytes + start, end - start);
  };
  InterruptPoll poll(isolate);
  std::vector<Utf8Decoder> decoders;
  int characters = 0;
  bool is_one_byte = true;
  for (size_t at = 0; at < length;) {
    const base::Vector<const uint8_t> piece = piece_at(at);
    const Utf8Decoder& decoder = decoders.emplace_back(piece);
    characters += decoder.utf16_length();
    is_one_byte = is_one_byte && decoder.is_one_byte();
    at += piece.size();
    if (poll.Terminated()) return ReadOnlyRoots(isolate).exception();
  }
  if (characters == 0) return ReadOnlyRoots(isolate).empty_string();
  const auto decode = [&](auto string) -> Object {
    size_t written = 0;
    size_t at = 0;
    for (Utf8Decoder& decoder : decoders) {
      const base::Vector<const uint8_t> piece = piece_at(at);
      {
        DisallowGarbageCollection no_gc;
        decoder.Decode(string->GetChars(no_gc) + written, piece);
      }
      written += static_cast<size_t>(decoder.utf16_length());
      at += piece.size();
      if (poll.Terminated()) return ReadOnlyRoots(isolate).exception();
    }
    return *string;
  };
  if (is_one_byte) {
    Handle<SeqOneByteString> string;
    ASSIGN_RETURN_FAILURE_ON_EXCEPTION(isolate, string,
                                       isolate->factory()->NewRawOneByteString(characters));
    return decode(string);
  }
  Handle<SeqTwoByteString> string;
  ASSIGN_RETURN_FAILURE_ON_EXCEPTION(isolate, string,
                                     isolate->factory()->NewRawTwoByteString(characters));
  return decode(string);
}

}  // namespace internal
}  // namespace v8
