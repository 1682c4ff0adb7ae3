// The simplified operators that calls of the store's builtins become in optimised code
// (store_call_reducer.cc makes them, store_lowering.cc lowers them to machine operators).
//
// A lookup's result is one word, a value reference, so that no operator has two results: where the
// value begins in the arena, in units of 8 bytes, above its length in kValueLengthBits bits; 0
// where the key is absent, kNotLookedUp where the lookup is left to the builtin. It is valid until
// the next write to the store, and no JavaScript value: it must not reach a frame state. It follows
// from a slot's value word by one addition: bit 30, which says that the entry has an expiry word,
// then counts for that word, just as the entry's header and the key's words are counted.
#pragma once

#include "builtins-csa/layout/table_layout.h"
#include "src/compiler/feedback-source.h"
#include "src/compiler/operator.h"
#include "src/compiler/types.h"
#include "src/compiler/use-info.h"

namespace v8 {
namespace internal {
namespace compiler {

inline constexpr uint64_t kNotLookedUp = 1;  // no value begins at offset 0
inline constexpr int kValueReferenceOffsetShift = ::shredder::layout::kValueLengthBits;
static_assert(::shredder::layout::kValueHasExpiryWord == 1ull << kValueReferenceOffsetShift);
static_assert(::shredder::layout::kEntryHeaderBytes == 8 &&
              ::shredder::layout::kExpiryWordBytes == 8);
static_assert(::shredder::layout::kEntryAlignment == 16 &&
              ::shredder::layout::kValueEntryShift == kValueReferenceOffsetShift + 1);

// What is known of a lookup's key when the operator is made.
enum class StoreKeyKind : uint8_t {
  kInteger,   // a number from 0 to kMaxIntegerKey, by its type
  kNumber,    // a number; checked to be such an integer
  kString,    // a string, by its type
  kConstant,  // a flat string of ASCII characters that is no integer, known with its length and
              // hash
  kAny,       // told apart where it runs
};

// What happens to a key that the lookup in the graph does not do: no key at all, or a string that
// is not ASCII.
enum class StoreKeyMiss : uint8_t {
  kDeoptimize,  // and the call is not inlined so again
  kReport,      // the result is kNotLookedUp
};

// One store is one address: code is made for one native context, whose store never changes.
struct StoreLookupParameters {
  ::shredder::layout::StoreHeader* store;
  Address native_context;  // the handle's location
  StoreKeyKind key_kind;
  StoreKeyMiss key_miss;
  uint64_t key_length;  // kConstant: bytes
  uint64_t key_hash;    // kConstant: the table's hash of it
  bool marks_view;      // a view is made of the value: its bytes must stay as they are
  bool has_directory;   // it is an input, loaded where no write comes between: its address and its
                        // shift
  FeedbackSource feedback;
};
bool operator==(const StoreLookupParameters& a, const StoreLookupParameters& b);
size_t hash_value(const StoreLookupParameters& p);
std::ostream& operator<<(std::ostream& os, const StoreLookupParameters& p);

struct StoreFieldParameters {
  ::shredder::layout::StoreHeader* store;
  int offset;
  FeedbackSource feedback;
};
bool operator==(const StoreFieldParameters& a, const StoreFieldParameters& b);
size_t hash_value(const StoreFieldParameters& p);
std::ostream& operator<<(std::ostream& os, const StoreFieldParameters& p);

// Longer strings cost more than the call that making them here saves.
inline constexpr uint64_t kMaxMadeStringBytes = 256;

class StoreOperators {
 public:
  explicit StoreOperators(Zone* zone) : zone_(zone) {}

  // (key [, directory, shift]) -> value reference. Effectful; deoptimises where its parameters say
  // so.
  const Operator* Lookup(const StoreLookupParameters& parameters);
  // (value reference) -> boolean: whether it is `word`.
  const Operator* ValueIs(uint64_t word);
  // (value reference) -> the value's length in bytes; 0 where absent.
  const Operator* ValueLength();
  // (value reference) -> the value's offset in the arena, in bytes.
  const Operator* ValueOffset();
  // (offset in the arena) -> address.
  const Operator* ValueAddress(::shredder::layout::StoreHeader* store);
  // () -> a field of the header that is a safe integer and stays the same while an activation runs,
  // as `invocation` does: what is known of it in one iteration of a loop holds in the next.
  const Operator* LoadHeaderField(::shredder::layout::StoreHeader* store, int offset);
  // (value reference, buffer). Copies as HTGet does. Effectful; deoptimises unless the buffer is an
  // ArrayBuffer or a view of one, neither detached nor shared nor resizable.
  const Operator* CopyValue(::shredder::layout::StoreHeader* store, const FeedbackSource& feedback);
  // (value reference) -> the value as a string; undefined where absent, a small integer where it is
  // left to the builtin: it is longer than kMaxMadeStringBytes, or not ASCII. Effectful.
  const Operator* MakeString(::shredder::layout::StoreHeader* store);

 private:
  Zone* const zone_;
};

const StoreLookupParameters& StoreLookupParametersOf(const Operator* op);
const StoreFieldParameters& StoreFieldParametersOf(const Operator* op);
uint64_t ValueIsWordOf(const Operator* op);

// For the typer and for simplified lowering.
Type TypeOfStoreOperator(const Operator* op, Zone* zone);
struct StoreOperatorUses {
  int input_count;
  UseInfo inputs[2];
  MachineRepresentation output;
};
StoreOperatorUses UsesOfStoreOperator(const Operator* op);

}  // namespace compiler
}  // namespace internal
}  // namespace v8
