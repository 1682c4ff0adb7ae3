#include "builtins-csa/compiler/store_lowering.h"

#include "builtins-csa/compiler/store_operators.h"
#include "builtins-csa/layout/table_layout.h"
#include "src/codegen/callable.h"
#include "src/compiler/access-builder.h"
#include "src/compiler/graph-assembler.h"
#include "src/compiler/linkage.h"
#include "src/compiler/node-properties.h"
#include "src/heap/factory-inl.h"
#include "src/objects/js-array-buffer.h"
#include "src/objects/string.h"

namespace v8 {
namespace internal {
namespace compiler {

namespace layout = ::shredder::layout;

namespace {

constexpr MachineRepresentation kWord = MachineRepresentation::kWord64;
constexpr MachineRepresentation kTagged = MachineRepresentation::kTagged;

class StoreLowering {
 public:
  StoreLowering(JSGraphAssembler* gasm, Node* node, Node* frame_state)
      : gasm_(gasm), node_(node), frame_state_(frame_state) {}

  Node* Lower();

 private:
  using Label = GraphAssemblerLabel<0>;
  using WordLabel = GraphAssemblerLabel<1>;

  Node* LowerLookup();
  void LowerCopyValue();
  Node* LowerMakeString();
  // Goes on where all of the bytes, one at least, are ASCII.
  void CheckAscii(Node* bytes, Node* length, Label* if_not);
  // Copies what is no more than 256 bytes by words, and longer values by memcpy.
  void CopyBytes(Node* target, Node* source, Node* length);

  // Tells what a key of any type is. Goes to `if_fail` for what is no key.
  void DispatchKey(Node* key, WordLabel* if_integer, WordLabel* if_string, Label* if_fail);
  // HashInteger and the probe; the value reference goes to `if_found`.
  void LookUpInteger(Node* key, WordLabel* if_found, Label* if_absent);
  void LookUpString(Node* string, WordLabel* if_integer, WordLabel* if_found, Label* if_absent,
                    Label* if_fail);
  void ProbeForString(Node* bytes, Node* length, Node* hash, WordLabel* if_found, Label* if_absent);
  Node* BytesOf(Node* sequential_string);
  // The last 1 to 7 bytes of a key as a word padded with zeros.
  Node* LoadLastWord(Node* bytes, Node* length);
  // Goes to `if_integer` where the bytes (at least one) are the canonical decimal form (decimal.h)
  // of an integer key.
  void BranchIfDecimal(Node* bytes, Node* length, WordLabel* if_integer, Label* if_bytes);

  // Probes the segment of `hash` for `key_word`. `compare(value word, if_other)` emits what tells
  // keys with equal words apart; `key_bytes` as for ValueReference.
  void Probe(Node* hash, Node* key_word, Node* key_bytes,
             const std::function<void(Node*, Label*)>& compare, WordLabel* if_found,
             Label* if_absent);

  Node* FoldedMultiply(Node* a, uint64_t b);
  Node* HeaderField(int offset) { return Load(MachineType::Uint64(), Base(), Word(offset)); }
  Node* EntryOf(Node* value_word);
  Node* KeyOffsetInEntry(Node* value_word);
  // For an entry whose key's bytes take `key_bytes`, a multiple of 8; null for none.
  Node* ValueReference(Node* value_word, Node* key_bytes);
  // Where the probe for `hash` begins in the segment of a directory word, and where the segment
  // ends; in bytes.
  Node* HomePosition(Node* directory_word, Node* hash);
  Node* SegmentEnd(Node* directory_word);
  // No Int64Constant, which V8 would try to fold into addresses that it does not fit in.
  Node* Base() {
    return gasm_->ExternalConstant(
        ExternalReference::FromRawAddress(reinterpret_cast<Address>(store_)));
  }
  Node* Word(uint64_t value) { return gasm_->UintPtrConstant(value); }
  Node* Load(MachineType type, Node* base, Node* offset) { return gasm_->Load(type, base, offset); }
  Node* IsZero(Node* word) { return gasm_->WordEqual(word, Word(0)); }
  Node* IsSmi(Node* value);
  Node* Add(Node* a, uint64_t b) { return gasm_->IntAdd(a, Word(b)); }
  Node* And(Node* a, uint64_t b) { return gasm_->WordAnd(a, Word(b)); }
  Node* Shr(Node* a, int bits) { return gasm_->WordShr(a, Word(bits)); }
  Node* Shl(Node* a, int bits) { return gasm_->WordShl(a, Word(bits)); }
  void Deoptimize(DeoptimizeReason reason, const FeedbackSource& feedback);

  JSGraphAssembler* const gasm_;
  Node* const node_;
  Node* const frame_state_;
  layout::StoreHeader* store_ = nullptr;
};

#define __ gasm_->

Node* StoreLowering::Lower() {
  switch (node_->opcode()) {
    case IrOpcode::kShredderLookup:
      return LowerLookup();
    case IrOpcode::kShredderValueIs:
      return __ WordEqual(node_->InputAt(0), Word(ValueIsWordOf(node_->op())));
    case IrOpcode::kShredderValueLength:
      return __ TruncateInt64ToInt32(And(node_->InputAt(0), layout::kValueLengthMask));
    case IrOpcode::kShredderValueOffset:
      return Shl(Shr(node_->InputAt(0), kValueReferenceOffsetShift), 3);
    case IrOpcode::kShredderValueAddress:
      store_ = StoreFieldParametersOf(node_->op()).store;
      return __ IntAdd(Base(), node_->InputAt(0));
    case IrOpcode::kShredderLoadHeaderField: {
      const StoreFieldParameters& p = StoreFieldParametersOf(node_->op());
      store_ = p.store;
      return HeaderField(p.offset);
    }
    case IrOpcode::kShredderCopyValue:
      LowerCopyValue();
      return nullptr;
    case IrOpcode::kShredderMakeString:
      store_ = StoreFieldParametersOf(node_->op()).store;
      return LowerMakeString();
    default:
      UNREACHABLE();
  }
}

void StoreLowering::Deoptimize(DeoptimizeReason reason, const FeedbackSource& feedback) {
  __ DeoptimizeIfNot(reason, feedback, __ Int32Constant(0), frame_state_);
}

Node* StoreLowering::IsSmi(Node* value) {
  return IsZero(And(__ BitcastTaggedToWordForTagAndSmiBits(value), kSmiTagMask));
}

Node* StoreLowering::FoldedMultiply(Node* a, uint64_t b) {
  JSGraph* const jsgraph = gasm_->jsgraph();
  Node* const factor = Word(b);
  Node* const high =
      __ AddNode(jsgraph->graph()->NewNode(jsgraph->machine()->Uint64MulHigh(), a, factor));
  return __ WordXor(__ IntMul(a, factor), high);
}

Node* StoreLowering::EntryOf(Node* value_word) {
  return __ IntAdd(Base(),
                   Shl(Shr(value_word, layout::kValueEntryShift), layout::kEntryAlignmentLog2));
}

Node* StoreLowering::KeyOffsetInEntry(Node* value_word) {
  return Add(And(Shr(value_word, layout::kExpiryWordShift), layout::kExpiryWordBytes),
             layout::kEntryHeaderBytes);
}

Node* StoreLowering::ValueReference(Node* value_word, Node* key_bytes) {
  Node* const reference = Add(value_word, 1ull << kValueReferenceOffsetShift);
  if (key_bytes == nullptr) return reference;
  return __ IntAdd(reference, Shl(key_bytes, kValueReferenceOffsetShift - 3));
}

Node* StoreLowering::SegmentEnd(Node* directory_word) {
  return And(Shl(directory_word, layout::kSegmentPageBytesLog2 - layout::kSegmentPagesShift),
             layout::kSegmentPagesMask << layout::kSegmentPageBytesLog2);
}

Node* StoreLowering::HomePosition(Node* directory_word, Node* hash) {
  // The factors stay where they are in their words: one shift for three.
  Node* const pages = And(directory_word, layout::kSegmentPagesMask << layout::kSegmentPagesShift);
  Node* const home_hash = And(hash, layout::kHomeHashMask << layout::kHomeHashShift);
  return And(Shr(__ IntMul(home_hash, pages),
                 layout::kHomeBytesShift + layout::kHomeHashShift + layout::kSegmentPagesShift),
             layout::kHomeBytesMask);
}

// --- Lookup --------------------------------------------------------------------------------------

Node* StoreLowering::LowerLookup() {
  const StoreLookupParameters& p = StoreLookupParametersOf(node_->op());
  store_ = p.store;
  Node* const key = node_->InputAt(0);
  auto if_integer = __ MakeLabel(kWord);
  auto if_string = __ MakeLabel(kTagged);
  auto if_found = __ MakeLabel(kWord);
  auto if_absent = __ MakeLabel();
  auto if_fail = __ MakeDeferredLabel();
  auto done = __ MakeLabel(kWord);

  switch (p.key_kind) {
    case StoreKeyKind::kInteger:
      __ Goto(&if_integer, key);
      break;
    case StoreKeyKind::kNumber:
      __ GotoIfNot(__ Uint64LessThanOrEqual(
                       TNode<Uint64T>::UncheckedCast(key),
                       TNode<Uint64T>::UncheckedCast(__ Uint64Constant(layout::kMaxIntegerKey))),
                   &if_fail);
      __ Goto(&if_integer, key);
      break;
    case StoreKeyKind::kString:
      __ Goto(&if_string, key);
      break;
    case StoreKeyKind::kConstant:
      ProbeForString(BytesOf(key), Word(p.key_length), Word(p.key_hash), &if_found, &if_absent);
      break;
    case StoreKeyKind::kAny:
      DispatchKey(key, &if_integer, &if_string, &if_fail);
      break;
  }
  if (if_string.IsUsed()) {
    __ Bind(&if_string);
    LookUpString(if_string.PhiAt(0), &if_integer, &if_found, &if_absent, &if_fail);
  }
  if (if_integer.IsUsed()) {
    __ Bind(&if_integer);
    LookUpInteger(if_integer.PhiAt(0), &if_found, &if_absent);
  }

  __ Bind(&if_found);
  if (p.marks_view) {
    __ Store(StoreRepresentation(kWord, kNoWriteBarrier), Base(),
             Word(layout::kHeaderOffset_view_invocation),
             HeaderField(layout::kHeaderOffset_invocation));
  }
  __ Goto(&done, if_found.PhiAt(0));

  __ Bind(&if_absent);
  __ Goto(&done, Word(0));

  if (if_fail.IsUsed()) {
    __ Bind(&if_fail);
    if (p.key_miss == StoreKeyMiss::kDeoptimize) {
      Deoptimize(DeoptimizeReason::kWrongValue, p.feedback);
    }
    __ Goto(&done, Word(kNotLookedUp));
  }

  __ Bind(&done);
  return done.PhiAt(0);
}

void StoreLowering::DispatchKey(Node* key, WordLabel* if_integer, WordLabel* if_string,
                                Label* if_fail) {
  auto if_heap_object = __ MakeLabel();
  auto if_not_number = __ MakeLabel();
  __ GotoIfNot(IsSmi(key), &if_heap_object);
  {
    Node* const integer =
        __ WordSar(__ BitcastTaggedToWordForTagAndSmiBits(key), Word(kSmiShiftSize + kSmiTagSize));
    __ GotoIf(__ IntLessThan(integer, Word(0)), if_fail);
    __ Goto(if_integer, integer);
  }

  __ Bind(&if_heap_object);
  Node* const map = __ LoadField(AccessBuilder::ForMap(), key);
  __ GotoIfNot(__ TaggedEqual(map, __ HeapNumberMapConstant()), &if_not_number);
  {
    // Comparisons with NaN are false, and -0 is the key 0.
    Node* const number = __ LoadField(AccessBuilder::ForHeapNumberValue(), key);
    __ GotoIfNot(__ Float64LessThanOrEqual(__ Float64Constant(0), number), if_fail);
    __ GotoIfNot(__ Float64LessThanOrEqual(
                     number, __ Float64Constant(static_cast<double>(layout::kMaxIntegerKey))),
                 if_fail);
    // Not a Change, of whose argument the optimiser would take for granted what is checked here.
    Node* const integer = __ TruncateFloat64ToInt64(number, TruncateKind::kSetOverflowToMin);
    __ GotoIfNot(__ Float64Equal(__ ChangeInt64ToFloat64(integer), number), if_fail);
    __ Goto(if_integer, integer);
  }

  __ Bind(&if_not_number);
  Node* const instance_type = __ LoadField(AccessBuilder::ForMapInstanceType(), map);
  __ GotoIfNot(__ Uint32LessThan(instance_type, __ Uint32Constant(FIRST_NONSTRING_TYPE)), if_fail);
  __ Goto(if_string, key);
}

void StoreLowering::LookUpInteger(Node* key, WordLabel* if_found, Label* if_absent) {
  // HashInteger of table_hash.h.
  Node* const folded =
      FoldedMultiply(__ WordXor(key, Word(store_->first_seed)), store_->first_multiplier);
  Node* const hash =
      __ IntMul(__ WordXor(folded, Shr(folded, 32)), Word(store_->second_multiplier));
  Node* const key_word = Add(Shl(key, layout::kIntegerKeyShift), layout::kIntegerKeyTag);
  Probe(hash, key_word, nullptr, {}, if_found, if_absent);
}

void StoreLowering::LookUpString(Node* string, WordLabel* if_integer, WordLabel* if_found,
                                 Label* if_absent, Label* if_fail) {
  auto if_direct = __ MakeLabel(kTagged);
  auto if_indirect = __ MakeDeferredLabel();
  auto if_flatten = __ MakeDeferredLabel();
  auto if_raw = __ MakeLabel(kWord);
  auto if_bytes = __ MakeLabel();

  const auto is_direct = [&](Node* instance_type) {
    return __ Word32Equal(
        __ Word32And(instance_type, __ Uint32Constant(kStringRepresentationAndEncodingMask)),
        __ Uint32Constant(kOneByteStringTag | kSeqStringTag));
  };
  const auto instance_type_of = [&](Node* object) {
    return __ LoadField(AccessBuilder::ForMapInstanceType(),
                        __ LoadField(AccessBuilder::ForMap(), object));
  };
  Node* const length =
      __ ChangeUint32ToUint64(__ LoadField(AccessBuilder::ForStringLength(), string));
  // A string has no more characters than its UTF-8 form has bytes.
  __ GotoIf(__ UintLessThan(Word(layout::kMaxKeyBytes), length), if_fail);
  Node* const instance_type = instance_type_of(string);
  __ GotoIfNot(is_direct(instance_type), &if_indirect);
  __ Goto(&if_direct, string);

  __ Bind(&if_indirect);
  {
    // A string that was internalised refers to the one that is.
    __ GotoIfNot(
        __ Word32Equal(__ Word32And(instance_type, __ Uint32Constant(kStringRepresentationMask)),
                       __ Uint32Constant(kThinStringTag)),
        &if_flatten);
    Node* const actual = __ LoadField(AccessBuilder::ForThinStringActual(), string);
    __ GotoIfNot(is_direct(instance_type_of(actual)), &if_flatten);
    __ Goto(&if_direct, actual);
  }

  __ Bind(&if_flatten);
  {
    const StoreLookupParameters& p = StoreLookupParametersOf(node_->op());
    JSGraph* const jsgraph = gasm_->jsgraph();
    const Callable callable =
        Builtins::CallableFor(jsgraph->isolate(), Builtin::kShredderFlattenAsciiKey);
    auto call_descriptor = Linkage::GetStubCallDescriptor(
        jsgraph->graph()->zone(), callable.descriptor(),
        callable.descriptor().GetStackParameterCount(), CallDescriptor::kNoFlags,
        Operator::kNoDeopt | Operator::kNoThrow);
    const Handle<HeapObject> native_context(reinterpret_cast<Address*>(p.native_context));
    Node* const flattened = __ Call(call_descriptor, __ HeapConstant(callable.code()), string,
                                    __ SmiConstant(0), __ HeapConstant(native_context));
    __ GotoIf(__ TaggedEqual(flattened, __ SmiConstant(0)), if_fail);
    __ Goto(&if_raw, Add(Base(), store_->key_scratch_offset));
  }

  __ Bind(&if_direct);
  __ Goto(&if_raw, BytesOf(if_direct.PhiAt(0)));

  __ Bind(&if_raw);
  Node* const bytes = if_raw.PhiAt(0);
  BranchIfDecimal(bytes, length, if_integer, &if_bytes);

  __ Bind(&if_bytes);
  // HashBytes of table_hash.h.
  Node* const whole = And(length, ~uint64_t{7});
  auto hash_loop = __ MakeLoopLabel(kWord, kWord, kWord);
  auto hash_words_end = __ MakeLabel();
  auto hash_end = __ MakeLabel(kWord, kWord);
  __ Goto(&hash_loop, Word(store_->second_seed), Word(0), Word(0));
  __ Bind(&hash_loop);
  Node* const words_hash = hash_loop.PhiAt(0);
  Node* const words_bits = hash_loop.PhiAt(1);
  Node* const offset = hash_loop.PhiAt(2);
  {
    __ GotoIfNot(__ UintLessThan(offset, whole), &hash_words_end);
    Node* const word = Load(MachineType::Uint64(), bytes, offset);
    __ Goto(&hash_loop, FoldedMultiply(__ WordXor(words_hash, word), store_->second_multiplier),
            __ WordOr(words_bits, word), Add(offset, 8));
  }
  __ Bind(&hash_words_end);
  __ GotoIf(IsZero(And(length, 7)), &hash_end, words_hash, words_bits);
  {
    Node* const word = LoadLastWord(bytes, length);
    __ Goto(&hash_end, FoldedMultiply(__ WordXor(words_hash, word), store_->second_multiplier),
            __ WordOr(words_bits, word));
  }
  __ Bind(&hash_end);
  __ GotoIfNot(IsZero(And(hash_end.PhiAt(1), 0x8080808080808080)), if_fail);
  Node* const hash =
      FoldedMultiply(__ WordXor(__ WordXor(hash_end.PhiAt(0), length), Word(store_->first_seed)),
                     store_->first_multiplier);
  ProbeForString(bytes, length, hash, if_found, if_absent);
}

// No safepoint lies between the address and its last use.
Node* StoreLowering::BytesOf(Node* sequential_string) {
  return Add(__ BitcastTaggedToWord(sequential_string),
             SeqOneByteString::kHeaderSize - kHeapObjectTag);
}

// V8's strings are padded to whole words, so the last one can be loaded whole, too.
Node* StoreLowering::LoadLastWord(Node* bytes, Node* length) {
  Node* const word = Load(MachineType::Uint64(), bytes, And(length, ~uint64_t{7}));
  Node* const unused_bits = __ IntSub(Word(64), Shl(And(length, 7), 3));
  return __ WordShr(__ WordShl(word, unused_bits), unused_bits);
}

void StoreLowering::ProbeForString(Node* bytes, Node* length, Node* hash, WordLabel* if_found,
                                   Label* if_absent) {
  Node* const whole = And(length, ~uint64_t{7});
  Node* const rest = And(length, 7);
  Node* const key_word =
      __ WordOr(And(hash, ~layout::kBytesKeyTagMask), Word(layout::kBytesKeyTag));
  Node* const key_bytes = And(Add(length, 7), ~uint64_t{7});

  const auto compare = [&](Node* value_word, Label* if_other) {
    Node* const entry = EntryOf(value_word);
    Node* const entry_key_length = __ ChangeUint32ToUint64(
        Load(MachineType::Uint32(), entry, Word(layout::kEntryKeyLengthOffset)));
    __ GotoIfNot(__ WordEqual(entry_key_length, length), if_other);
    Node* const entry_key = __ IntAdd(entry, KeyOffsetInEntry(value_word));
    auto compare_loop = __ MakeLoopLabel(kWord);
    auto words_equal = __ MakeLabel();
    auto equal = __ MakeLabel();
    __ Goto(&compare_loop, Word(0));
    __ Bind(&compare_loop);
    Node* const at = compare_loop.PhiAt(0);
    __ GotoIfNot(__ UintLessThan(at, whole), &words_equal);
    __ GotoIfNot(__ WordEqual(Load(MachineType::Uint64(), bytes, at),
                              Load(MachineType::Uint64(), entry_key, at)),
                 if_other);
    __ Goto(&compare_loop, Add(at, 8));
    __ Bind(&words_equal);
    __ GotoIf(IsZero(rest), &equal);
    __ GotoIfNot(
        __ WordEqual(LoadLastWord(bytes, length), Load(MachineType::Uint64(), entry_key, whole)),
        if_other);
    __ Goto(&equal);
    __ Bind(&equal);
  };
  Probe(hash, key_word, key_bytes, compare, if_found, if_absent);
}

void StoreLowering::BranchIfDecimal(Node* bytes, Node* length, WordLabel* if_integer,
                                    Label* if_bytes) {
  auto if_digit = __ MakeDeferredLabel();
  auto if_zero = __ MakeDeferredLabel();
  const auto digit_at = [&](Node* offset) {
    return __ IntSub(__ ChangeUint32ToUint64(Load(MachineType::Uint8(), bytes, offset)), Word('0'));
  };
  __ GotoIf(IsZero(length), if_bytes);
  __ GotoIf(__ UintLessThan(digit_at(Word(0)), Word(10)), &if_digit);
  __ Goto(if_bytes);

  __ Bind(&if_digit);
  __ GotoIf(__ UintLessThan(Word(layout::kMaxIntegerKeyDigits), length), if_bytes);
  __ GotoIf(IsZero(digit_at(Word(0))), &if_zero);
  {
    auto loop = __ MakeLoopLabel(kWord, kWord);
    auto loop_end = __ MakeLabel();
    __ Goto(&loop, Word(0), Word(0));
    __ Bind(&loop);
    Node* const value = loop.PhiAt(0);
    Node* const offset = loop.PhiAt(1);
    __ GotoIfNot(__ UintLessThan(offset, length), &loop_end);
    Node* const digit = digit_at(offset);
    __ GotoIfNot(__ UintLessThan(digit, Word(10)), if_bytes);
    __ Goto(&loop, __ IntAdd(__ IntMul(value, Word(10)), digit), Add(offset, 1));
    __ Bind(&loop_end);
    __ GotoIf(__ UintLessThan(Word(layout::kMaxIntegerKey), value), if_bytes);
    __ Goto(if_integer, value);
  }
  __ Bind(&if_zero);
  __ GotoIfNot(__ WordEqual(length, Word(1)), if_bytes);
  __ Goto(if_integer, Word(0));
}

void StoreLowering::Probe(Node* hash, Node* key_word, Node* key_bytes,
                          const std::function<void(Node*, Label*)>& compare, WordLabel* if_found,
                          Label* if_absent) {
  const bool has_directory = StoreLookupParametersOf(node_->op()).has_directory;
  Node* const directory =
      has_directory ? node_->InputAt(1)
                    : __ IntAdd(Base(), HeaderField(layout::kHeaderOffset_directory_offset));
  Node* const shift =
      has_directory ? node_->InputAt(2) : HeaderField(layout::kHeaderOffset_directory_shift);
  Node* const directory_word =
      Load(MachineType::Uint64(), directory, Shl(__ WordShr(hash, shift), 3));
  Node* const segment = __ IntAdd(Base(), And(directory_word, layout::kSegmentOffsetMask));
  Node* const home = __ IntAdd(segment, HomePosition(directory_word, hash));

  // By address, so that a slot costs one instruction to load. Most keys are at home; the others
  // have a loop of their own, which knows the segment's end. A segment always has an empty slot.
  auto loop = __ MakeLoopLabel(kWord);
  auto if_value_word = __ MakeLabel(kWord);
  const auto visit = [&](Node* slot, BranchHint hint, Label* if_other) {
    auto if_candidate = __ MakeLabel();
    Node* const found = Load(MachineType::Uint64(), slot, Word(layout::kSlotKeyWordOffset));
    __ GotoIf(__ WordEqual(found, key_word), &if_candidate, hint);
    __ GotoIf(IsZero(found), if_absent);
    __ Goto(if_other);
    __ Bind(&if_candidate);
    Node* const value_word = Load(MachineType::Uint64(), slot, Word(layout::kSlotValueWordOffset));
    if (compare) compare(value_word, if_other);
    __ Goto(&if_value_word, value_word);
  };
  auto if_elsewhere = __ MakeDeferredLabel();
  visit(home, BranchHint::kTrue, &if_elsewhere);

  __ Bind(&if_elsewhere);
  Node* const end = __ IntAdd(segment, SegmentEnd(directory_word));
  __ Goto(&loop, home);
  __ Bind(&loop);
  {
    auto go_on = __ MakeLabel(kWord);
    auto next = __ MakeLabel();
    Node* const next_slot = Add(loop.PhiAt(0), layout::kSlotBytes);
    __ GotoIfNot(__ WordEqual(next_slot, end), &go_on, next_slot);
    __ Goto(&go_on, segment);
    __ Bind(&go_on);
    visit(go_on.PhiAt(0), BranchHint::kNone, &next);
    __ Bind(&next);
    __ Goto(&loop, go_on.PhiAt(0));
  }

  auto if_expires = __ MakeDeferredLabel();
  __ Bind(&if_value_word);
  Node* const value_word = if_value_word.PhiAt(0);
  Node* const reference = ValueReference(value_word, key_bytes);
  __ GotoIfNot(IsZero(And(value_word, layout::kValueHasExpiryWord)), &if_expires);
  __ Goto(if_found, reference);

  __ Bind(&if_expires);
  __ GotoIf(__ UintLessThan(HeaderField(layout::kHeaderOffset_now_ms),
                            Load(MachineType::Uint64(), EntryOf(value_word),
                                 Word(layout::kEntryExpiresAtOffset))),
            if_found, reference);
  __ Goto(if_absent);
}

// --- CopyValue -----------------------------------------------------------------------------------

void StoreLowering::LowerCopyValue() {
  const StoreFieldParameters& p = StoreFieldParametersOf(node_->op());
  store_ = p.store;
  Node* const reference = node_->InputAt(0);
  Node* const into = node_->InputAt(1);
  auto if_typed_array = __ MakeLabel();
  auto if_data_view = __ MakeDeferredLabel();
  auto if_buffer = __ MakeDeferredLabel();
  // The data's address, the size in bytes and the flags of the buffer.
  auto check = __ MakeLabel(kWord, kWord, MachineRepresentation::kWord32);
  const auto deoptimize_unless = [&](Node* condition) {
    __ DeoptimizeIfNot(DeoptimizeReason::kWrongInstanceType, p.feedback, condition, frame_state_);
  };
  const auto flags_of = [&](Node* buffer) {
    return __ LoadField(AccessBuilder::ForJSArrayBufferBitField(), buffer);
  };

  __ DeoptimizeIf(DeoptimizeReason::kSmi, p.feedback, IsSmi(into), frame_state_);
  Node* const instance_type = __ LoadField(AccessBuilder::ForMapInstanceType(),
                                           __ LoadField(AccessBuilder::ForMap(), into));
  const auto is = [&](InstanceType type) {
    return __ Word32Equal(instance_type, __ Uint32Constant(type));
  };
  __ GotoIf(is(JS_TYPED_ARRAY_TYPE), &if_typed_array, BranchHint::kTrue);
  __ GotoIf(is(JS_DATA_VIEW_TYPE), &if_data_view);
  deoptimize_unless(is(JS_ARRAY_BUFFER_TYPE));
  __ Goto(&if_buffer);

  __ Bind(&if_typed_array);
  {
    // On the heap the base is the elements and the external pointer what is to be added; off it,
    // the base is 0.
    Node* const base =
        __ BitcastTaggedToWord(__ LoadField(AccessBuilder::ForJSTypedArrayBasePointer(), into));
    Node* const external = __ LoadField(AccessBuilder::ForJSTypedArrayExternalPointer(), into);
    __ Goto(&check, __ IntAdd(base, external),
            __ LoadField(AccessBuilder::ForJSArrayBufferViewByteLength(), into),
            flags_of(__ LoadField(AccessBuilder::ForJSArrayBufferViewBuffer(), into)));
  }

  __ Bind(&if_data_view);
  __ Goto(&check, __ LoadField(AccessBuilder::ForJSDataViewDataPointer(), into),
          __ LoadField(AccessBuilder::ForJSArrayBufferViewByteLength(), into),
          flags_of(__ LoadField(AccessBuilder::ForJSArrayBufferViewBuffer(), into)));

  __ Bind(&if_buffer);
  __ Goto(
      &check,
      Load(MachineType::Pointer(), into, Word(JSArrayBuffer::kBackingStoreOffset - kHeapObjectTag)),
      Load(MachineType::UintPtr(), into,
           Word(JSArrayBuffer::kRawByteLengthOffset - kHeapObjectTag)),
      flags_of(into));

  __ Bind(&check);
  constexpr uint32_t kUnusable = JSArrayBuffer::WasDetachedBit::kMask |
                                 JSArrayBuffer::IsSharedBit::kMask |
                                 JSArrayBuffer::IsResizableByJsBit::kMask;
  deoptimize_unless(__ Word32Equal(__ Word32And(check.PhiAt(2), __ Uint32Constant(kUnusable)),
                                   __ Uint32Constant(0)));
  Node* const source = __ IntAdd(Base(), Shl(Shr(reference, kValueReferenceOffsetShift), 3));
  Node* const length = And(reference, layout::kValueLengthMask);
  Node* const size = check.PhiAt(1);
  auto if_smaller = __ MakeLabel();
  auto copy = __ MakeLabel(kWord);
  __ GotoIf(__ UintLessThan(size, length), &if_smaller);
  __ Goto(&copy, length);
  __ Bind(&if_smaller);
  __ Goto(&copy, size);
  __ Bind(&copy);
  CopyBytes(check.PhiAt(0), source, copy.PhiAt(0));
  // The collector may move or free the bytes only after the copy.
  __ Retain(into);
}

void StoreLowering::CopyBytes(Node* target, Node* source, Node* length) {
  constexpr uint64_t kMaxInlineBytes = 256;
  const auto copy = [&](MachineType type, Node* offset) {
    __ Store(StoreRepresentation(type.representation(), kNoWriteBarrier), target, offset,
             Load(type, source, offset));
  };
  auto if_long = __ MakeDeferredLabel();
  auto if_words = __ MakeLabel();
  auto if_vectors = __ MakeLabel();
  auto if_many = __ MakeLabel();
  auto byte_loop = __ MakeLoopLabel(kWord);
  auto vector_loop = __ MakeLoopLabel(kWord);
  auto tail = __ MakeLabel();
  auto done = __ MakeLabel();
  __ GotoIf(__ UintLessThan(Word(kMaxInlineBytes), length), &if_long);
  __ GotoIf(__ UintLessThan(Word(64), length), &if_many);
  __ GotoIf(__ UintLessThan(Word(15), length), &if_vectors);
  __ GotoIf(__ UintLessThan(Word(7), length), &if_words);
  __ Goto(&byte_loop, Word(0));

  __ Bind(&byte_loop);
  {
    Node* const offset = byte_loop.PhiAt(0);
    __ GotoIfNot(__ UintLessThan(offset, length), &done);
    copy(MachineType::Uint8(), offset);
    __ Goto(&byte_loop, Add(offset, 1));
  }

  __ Bind(&if_words);
  // The first eight bytes, and the last, which may overlap them.
  copy(MachineType::Uint64(), Word(0));
  copy(MachineType::Uint64(), __ IntSub(length, Word(8)));
  __ Goto(&done);

  __ Bind(&if_vectors);
  // Likewise, a vector of sixteen bytes at each end, or two: without a loop, whose end takes longer
  // to find than they take to copy.
  copy(MachineType::Simd128(), Word(0));
  copy(MachineType::Simd128(), __ IntSub(length, Word(16)));
  __ GotoIf(__ UintLessThan(length, Word(33)), &done);
  copy(MachineType::Simd128(), Word(16));
  copy(MachineType::Simd128(), __ IntSub(length, Word(32)));
  __ Goto(&done);

  __ Bind(&if_many);
  // Whole vectors, then the last sixteen bytes, which may overlap them.
  Node* const last = __ IntSub(length, Word(16));
  __ Goto(&vector_loop, Word(0));
  __ Bind(&vector_loop);
  {
    Node* const offset = vector_loop.PhiAt(0);
    __ GotoIfNot(__ UintLessThan(offset, last), &tail);
    copy(MachineType::Simd128(), offset);
    __ Goto(&vector_loop, Add(offset, 16));
  }
  __ Bind(&tail);
  copy(MachineType::Simd128(), last);
  __ Goto(&done);

  __ Bind(&if_long);
  {
    JSGraph* const jsgraph = gasm_->jsgraph();
    MachineSignature::Builder builder(jsgraph->graph()->zone(), 1, 3);
    builder.AddReturn(MachineType::Pointer());
    builder.AddParam(MachineType::Pointer());
    builder.AddParam(MachineType::Pointer());
    builder.AddParam(MachineType::UintPtr());
    auto call_descriptor =
        Linkage::GetSimplifiedCDescriptor(jsgraph->graph()->zone(), builder.Build());
    __ Call(jsgraph->common()->Call(call_descriptor),
            __ ExternalConstant(ExternalReference::libc_memcpy_function()), target, source, length);
    __ Goto(&done);
  }
  __ Bind(&done);
}

// --- MakeString ----------------------------------------------------------------------------------

Node* StoreLowering::LowerMakeString() {
  Node* const reference = node_->InputAt(0);
  auto if_other = __ MakeDeferredLabel();
  auto done = __ MakeLabel(kTagged);
  __ GotoIf(IsZero(reference), &done, __ UndefinedConstant());
  Node* const length = And(reference, layout::kValueLengthMask);
  __ GotoIf(__ UintLessThan(Word(kMaxMadeStringBytes), length), &if_other);
  __ GotoIf(IsZero(length), &done, __ EmptyStringConstant());
  Node* const bytes = __ IntAdd(Base(), Shl(Shr(reference, kValueReferenceOffsetShift), 3));
  CheckAscii(bytes, length, &if_other);
  {
    Node* const size = And(Add(length, SeqOneByteString::kHeaderSize + kObjectAlignmentMask),
                           ~uint64_t{kObjectAlignmentMask});
    Node* const string = __ Allocate(AllocationType::kYoung, size);
    Factory* const factory = gasm_->jsgraph()->isolate()->factory();
    __ StoreField(AccessBuilder::ForMap(), string, __ HeapConstant(factory->one_byte_string_map()));
    __ StoreField(AccessBuilder::ForNameRawHashField(), string,
                  __ Int32Constant(Name::kEmptyHashField));
    __ StoreField(AccessBuilder::ForStringLength(), string, __ TruncateInt64ToInt32(length));
    Node* const start = __ BitcastTaggedToWord(string);
    // The bytes behind the last character are zeros.
    __ Store(StoreRepresentation(kWord, kNoWriteBarrier), start,
             __ IntSub(size, Word(8 + kHeapObjectTag)), Word(0));
    CopyBytes(Add(start, SeqOneByteString::kHeaderSize - kHeapObjectTag), bytes, length);
    __ Goto(&done, string);
  }

  __ Bind(&if_other);
  __ Goto(&done, __ SmiConstant(0));

  __ Bind(&done);
  return done.PhiAt(0);
}

void StoreLowering::CheckAscii(Node* bytes, Node* length, Label* if_not) {
  constexpr uint64_t kNonAsciiBits = 0x8080808080808080;
  const auto check = [&](Node* word) { __ GotoIfNot(IsZero(And(word, kNonAsciiBits)), if_not); };
  auto if_words = __ MakeLabel();
  auto byte_loop = __ MakeLoopLabel(kWord);
  auto word_loop = __ MakeLoopLabel(kWord);
  auto tail = __ MakeLabel();
  auto done = __ MakeLabel();
  __ GotoIf(__ UintLessThan(Word(7), length), &if_words);
  __ Goto(&byte_loop, Word(0));

  __ Bind(&byte_loop);
  {
    Node* const offset = byte_loop.PhiAt(0);
    __ GotoIfNot(__ UintLessThan(offset, length), &done);
    check(__ ChangeUint32ToUint64(Load(MachineType::Uint8(), bytes, offset)));
    __ Goto(&byte_loop, Add(offset, 1));
  }

  __ Bind(&if_words);
  // Whole words, then the last eight bytes, which may overlap them.
  Node* const last = __ IntSub(length, Word(8));
  __ Goto(&word_loop, Word(0));
  __ Bind(&word_loop);
  {
    Node* const offset = word_loop.PhiAt(0);
    __ GotoIfNot(__ UintLessThan(offset, last), &tail);
    check(Load(MachineType::Uint64(), bytes, offset));
    __ Goto(&word_loop, Add(offset, 8));
  }
  __ Bind(&tail);
  check(Load(MachineType::Uint64(), bytes, last));
  __ Goto(&done);
  __ Bind(&done);
}

#undef __

}  // namespace

Node* LowerStoreOperator(JSGraphAssembler* gasm, Node* node, Node* frame_state) {
  return StoreLowering(gasm, node, frame_state).Lower();
}

}  // namespace compiler
}  // namespace internal
}  // namespace v8
