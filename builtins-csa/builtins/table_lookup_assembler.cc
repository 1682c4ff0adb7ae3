#include "builtins-csa/builtins/table_lookup_assembler.h"

#include "src/objects/contexts.h"
#include "src/objects/embedder-data-array.h"
#include "src/objects/string.h"

namespace v8 {
namespace internal {

namespace layout = ::shredder::layout;
using ::shredder::StoreError;

static_assert(kSystemPointerSize == 8, "the table's words are 64 bits");
static_assert(kEmbedderDataSlotSize == kSystemPointerSize,
              "an aligned pointer in a context's embedder data must be one plain word");
static_assert(!V8_ENABLE_SANDBOX_BOOL, "the store lies outside V8's sandbox");
static_assert(
    (SeqOneByteString::kHeaderSize & 7) == 0 && kObjectAlignment % 8 == 0,
    "a word load at a multiple of 8 below a sequential string's length stays inside the string");

void TableLookupAssembler::Throw(TNode<Context> context, StoreError error, TNode<Object> argument) {
  CallRuntime(Runtime::kShredderThrow, context, SmiConstant(static_cast<int>(error)), argument);
  Unreachable();
}

TNode<UintPtrT> TableLookupAssembler::LoadHeaderField(TNode<RawPtrT> store, int offset) {
  return Load<UintPtrT>(store, IntPtrConstant(offset));
}

void TableLookupAssembler::StoreHeaderField(TNode<RawPtrT> store, int offset,
                                            TNode<UintPtrT> value) {
  StoreNoWriteBarrier(MachineType::PointerRepresentation(), store, IntPtrConstant(offset), value);
}

TNode<RawPtrT> TableLookupAssembler::LoadStore(TNode<Context> context) {
  Label if_none(this, Label::kDeferred), if_store(this);
  const TNode<NativeContext> native_context = LoadNativeContext(context);
  const TNode<EmbedderDataArray> data =
      CAST(LoadContextElement(native_context, Context::EMBEDDER_DATA_INDEX));
  const TNode<IntPtrT> length =
      SmiUntag(LoadObjectField<Smi>(data, EmbedderDataArray::kLengthOffset));
  GotoIfNot(IntPtrLessThan(IntPtrConstant(layout::kStoreEmbedderDataIndex), length), &if_none);
  // What is not an aligned pointer is a tagged heap object, such as undefined.
  const TNode<UintPtrT> word = LoadObjectField<UintPtrT>(
      data, EmbedderDataArray::OffsetOfElementAt(layout::kStoreEmbedderDataIndex));
  GotoIf(WordEqual(word, UintPtrConstant(0)), &if_none);
  Branch(WordEqual(WordAnd(word, UintPtrConstant(kHeapObjectTagMask)), UintPtrConstant(0)),
         &if_store, &if_none);

  BIND(&if_none);
  Throw(context, StoreError::kNoStore, UndefinedConstant());

  BIND(&if_store);
  return ReinterpretCast<RawPtrT>(word);
}

void TableLookupAssembler::CountLookup(TNode<RawPtrT> store, int difference) {
  const TNode<IntPtrT> offset = IntPtrConstant(layout::kHeaderOffset_builtin_lookups);
  const TNode<IntPtrT> count = Load<IntPtrT>(store, offset);
  StoreNoWriteBarrier(MachineType::PointerRepresentation(), store, offset,
                      IntPtrAdd(count, IntPtrConstant(difference)));
}

TNode<UintPtrT> TableLookupAssembler::FoldedMultiply(TNode<UintPtrT> a, TNode<UintPtrT> b) {
  const TNode<UintPtrT> low = Unsigned(IntPtrMul(Signed(a), Signed(b)));
  return Unsigned(WordXor(low, UintPtrMulHigh(a, b)));
}

TNode<UintPtrT> TableLookupAssembler::LoadKeyWord(TNode<RawPtrT> bytes, TNode<UintPtrT> offset,
                                                  TNode<UintPtrT> length) {
  const TNode<UintPtrT> word = Load<UintPtrT>(bytes, offset);
  TVARIABLE(UintPtrT, var_word, word);
  Label done(this), if_tail(this);
  const TNode<UintPtrT> rest = Unsigned(IntPtrSub(Signed(length), Signed(offset)));
  Branch(UintPtrLessThan(rest, UintPtrConstant(8)), &if_tail, &done);

  BIND(&if_tail);
  {
    // 1 to 7 bytes are left: keep the low 8 * rest bits.
    const TNode<UintPtrT> unused_bits =
        Unsigned(IntPtrSub(IntPtrConstant(64), Signed(WordShl(rest, UintPtrConstant(3)))));
    var_word = WordShr(WordShl(word, unused_bits), unused_bits);
    Goto(&done);
  }

  BIND(&done);
  return var_word.value();
}

void TableLookupAssembler::BranchIfDecimal(TNode<RawPtrT> bytes, TNode<UintPtrT> length,
                                           TVariable<UintPtrT>* integer, Label* if_integer,
                                           Label* if_bytes) {
  GotoIf(UintPtrGreaterThan(length, UintPtrConstant(layout::kMaxIntegerKeyDigits)), if_bytes);
  GotoIf(WordEqual(length, UintPtrConstant(0)), if_bytes);
  Label if_nonzero(this);
  const TNode<Uint32T> first = Load<Uint8T>(bytes, UintPtrConstant(0));
  GotoIfNot(Word32Equal(first, Int32Constant('0')), &if_nonzero);
  *integer = UintPtrConstant(0);
  Branch(WordEqual(length, UintPtrConstant(1)), if_integer, if_bytes);

  BIND(&if_nonzero);
  TVARIABLE(UintPtrT, var_value, UintPtrConstant(0));
  TVARIABLE(UintPtrT, var_offset, UintPtrConstant(0));
  Label loop(this, {&var_value, &var_offset}), loop_end(this);
  Goto(&loop);
  BIND(&loop);
  {
    const TNode<Uint32T> character = Load<Uint8T>(bytes, var_offset.value());
    const TNode<Uint32T> digit = Unsigned(Int32Sub(Signed(character), Int32Constant('0')));
    GotoIf(Uint32GreaterThan(digit, Uint32Constant(9)), if_bytes);
    var_value = Unsigned(IntPtrAdd(IntPtrMul(Signed(var_value.value()), IntPtrConstant(10)),
                                   Signed(ChangeUint32ToWord(digit))));
    var_offset = Unsigned(IntPtrAdd(Signed(var_offset.value()), IntPtrConstant(1)));
    Branch(UintPtrLessThan(var_offset.value(), length), &loop, &loop_end);
  }
  BIND(&loop_end);
  *integer = var_value.value();
  Branch(UintPtrLessThanOrEqual(var_value.value(), UintPtrConstant(layout::kMaxIntegerKey)),
         if_integer, if_bytes);
}

TNode<RawPtrT> TableLookupAssembler::EntryOf(TNode<RawPtrT> store, TNode<UintPtrT> value_word) {
  const TNode<UintPtrT> offset =
      WordShl(WordShr(value_word, UintPtrConstant(layout::kValueEntryShift)),
              UintPtrConstant(layout::kEntryAlignmentLog2));
  return RawPtrAdd(store, Signed(offset));
}

TNode<UintPtrT> TableLookupAssembler::HashInteger(TNode<RawPtrT> store, TNode<UintPtrT> integer) {
  const TNode<UintPtrT> folded = FoldedMultiply(
      Unsigned(WordXor(integer, LoadHeaderField(store, layout::kHeaderOffset_first_seed))),
      LoadHeaderField(store, layout::kHeaderOffset_first_multiplier));
  return Unsigned(
      IntPtrMul(Signed(WordXor(folded, WordShr(folded, UintPtrConstant(32)))),
                Signed(LoadHeaderField(store, layout::kHeaderOffset_second_multiplier))));
}

TNode<UintPtrT> TableLookupAssembler::HomeBytes(TNode<UintPtrT> hash, TNode<UintPtrT> pages) {
  const TNode<UintPtrT> home_hash = WordAnd(WordShr(hash, UintPtrConstant(layout::kHomeHashShift)),
                                            UintPtrConstant(layout::kHomeHashMask));
  return WordAnd(WordShr(Unsigned(IntPtrMul(Signed(home_hash), Signed(pages))),
                         UintPtrConstant(layout::kHomeBytesShift)),
                 UintPtrConstant(layout::kHomeBytesMask));
}

TNode<UintPtrT> TableLookupAssembler::LoadDirectoryWord(TNode<RawPtrT> store,
                                                        TNode<UintPtrT> hash) {
  const TNode<RawPtrT> directory =
      RawPtrAdd(store, Signed(LoadHeaderField(store, layout::kHeaderOffset_directory_offset)));
  const TNode<UintPtrT> shift = LoadHeaderField(store, layout::kHeaderOffset_directory_shift);
  return Load<UintPtrT>(directory, WordShl(WordShr(hash, shift), UintPtrConstant(3)));
}

void TableLookupAssembler::Probe(TNode<RawPtrT> store, TNode<UintPtrT> hash,
                                 TNode<UintPtrT> key_word, Value* value, Label* if_candidate_found,
                                 Label* if_absent,
                                 const std::function<void(TNode<RawPtrT>, Label*)>& compare) {
  const TNode<UintPtrT> directory_word = LoadDirectoryWord(store, hash);
  const TNode<RawPtrT> segment = RawPtrAdd(
      store, Signed(WordAnd(directory_word, UintPtrConstant(layout::kSegmentOffsetMask))));
  const TNode<UintPtrT> pages =
      WordAnd(WordShr(directory_word, UintPtrConstant(layout::kSegmentPagesShift)),
              UintPtrConstant(layout::kSegmentPagesMask));

  // Positions are byte offsets in the segment.
  const TNode<UintPtrT> end = WordShl(pages, UintPtrConstant(layout::kSegmentPageBytesLog2));
  const TNode<UintPtrT> home = HomeBytes(hash, pages);
  TVARIABLE(UintPtrT, var_position, home);
  Label loop(this, {&var_position, &value->slot, &value->word, &value->address}), next(this),
      if_candidate(this), if_end(this);
  Goto(&loop);
  BIND(&loop);
  {
    const TNode<UintPtrT> position = var_position.value();
    const TNode<UintPtrT> found = Load<UintPtrT>(segment, position);
    GotoIf(WordEqual(found, key_word), &if_candidate);
    // Every segment has an empty slot, so the loop ends.
    Branch(WordEqual(found, UintPtrConstant(layout::kEmptyKeyWord)), if_absent, &next);

    BIND(&if_candidate);
    {
      value->slot = RawPtrAdd(segment, Signed(position));
      value->word = Load<UintPtrT>(
          segment,
          Unsigned(IntPtrAdd(Signed(position), IntPtrConstant(layout::kSlotValueWordOffset))));
      if (compare) compare(EntryOf(store, value->word.value()), &next);
      Goto(if_candidate_found);
    }

    BIND(&next);
    var_position = Unsigned(IntPtrAdd(Signed(position), IntPtrConstant(layout::kSlotBytes)));
    Branch(WordEqual(var_position.value(), end), &if_end, &loop);

    BIND(&if_end);
    var_position = UintPtrConstant(0);
    Goto(&loop);
  }
}

TNode<RawPtrT> TableLookupAssembler::KeyAddress(TNode<RawPtrT> entry, TNode<UintPtrT> value_word) {
  // KeyOffsetInEntry of table_layout.h.
  const TNode<UintPtrT> expiry_word_bytes =
      WordAnd(WordShr(value_word, UintPtrConstant(layout::kExpiryWordShift)),
              UintPtrConstant(layout::kExpiryWordBytes));
  return RawPtrAdd(entry,
                   IntPtrAdd(IntPtrConstant(layout::kEntryHeaderBytes), Signed(expiry_word_bytes)));
}

void TableLookupAssembler::Lookup(TNode<Context> context, TNode<RawPtrT> store, TNode<Object> key,
                                  Value* value, Label* if_found, Label* if_absent) {
  TVARIABLE(UintPtrT, var_integer, UintPtrConstant(0));
  TVARIABLE(RawPtrT, var_bytes);
  TVARIABLE(UintPtrT, var_length);
  // The bits that no ASCII word has; 0 once they have been encoded.
  TVARIABLE(UintPtrT, var_non_ascii_bits, UintPtrConstant(0x8080808080808080));
  Label if_integer(this, &var_integer), if_heap_object(this), if_heap_number(this), if_string(this),
      if_direct(this), if_flatten(this, Label::kDeferred), if_encode(this, Label::kDeferred),
      if_not_ascii(this, Label::kDeferred),
      // A loop's header: bytes that turn out not to be ASCII are encoded and come back to it.
      if_bytes(this, {&var_integer, &var_bytes, &var_length, &var_non_ascii_bits}),
      if_byte_string(this), if_value_word(this), if_key_number(this, Label::kDeferred),
      if_key_too_long(this, Label::kDeferred);

  GotoIfNot(TaggedIsSmi(key), &if_heap_object);
  {
    const TNode<IntPtrT> integer = SmiUntag(CAST(key));
    GotoIf(IntPtrLessThan(integer, IntPtrConstant(0)), &if_key_number);
    var_integer = Unsigned(integer);
    Goto(&if_integer);
  }

  BIND(&if_heap_object);
  const TNode<Map> map = LoadMap(CAST(key));
  GotoIf(IsHeapNumberMap(map), &if_heap_number);
  const TNode<Int32T> instance_type = LoadMapInstanceType(map);
  Branch(IsStringInstanceType(instance_type), &if_string, &if_encode);

  BIND(&if_heap_number);
  {
    // Comparisons with NaN are false, and -0 >= 0 is true: -0 is the key 0, as for a JavaScript
    // property.
    const TNode<Float64T> number = LoadHeapNumberValue(CAST(key));
    GotoIfNot(Float64GreaterThanOrEqual(number, Float64Constant(0)), &if_key_number);
    GotoIfNot(Float64LessThanOrEqual(number,
                                     Float64Constant(static_cast<double>(layout::kMaxIntegerKey))),
              &if_key_number);
    const TNode<IntPtrT> integer = ChangeFloat64ToIntPtr(number);
    GotoIfNot(Float64Equal(RoundIntPtrToFloat64(integer), number), &if_key_number);
    var_integer = Unsigned(integer);
    Goto(&if_integer);
  }

  BIND(&if_string);
  const TNode<String> string = CAST(key);
  const TNode<UintPtrT> string_length = Unsigned(LoadStringLengthAsWord(string));
  // A string has no more characters than its UTF-8 form has bytes.
  GotoIf(UintPtrGreaterThan(string_length, UintPtrConstant(layout::kMaxKeyBytes)),
         &if_key_too_long);
  var_length = string_length;
  Branch(Word32Equal(Word32And(instance_type, Int32Constant(kStringRepresentationAndEncodingMask)),
                     Int32Constant(kOneByteStringTag | kSeqStringTag)),
         &if_direct, &if_flatten);

  BIND(&if_direct);
  {
    var_bytes = RawPtrAdd(ReinterpretCast<RawPtrT>(BitcastTaggedToWord(string)),
                          IntPtrConstant(SeqOneByteString::kHeaderSize - kHeapObjectTag));
    Goto(&if_bytes);
  }

  BIND(&if_flatten);
  {
    const TNode<Smi> flattened =
        CAST(CallBuiltin(Builtin::kShredderFlattenAsciiKey, context, string, SmiConstant(0)));
    GotoIf(SmiEqual(flattened, SmiConstant(0)), &if_encode);
    var_bytes =
        RawPtrAdd(store, Signed(LoadHeaderField(store, layout::kHeaderOffset_key_scratch_offset)));
    Goto(&if_bytes);
  }

  // Of what is neither a number nor a string of ASCII, and throws where it is no key. Emitted
  // twice, as a loop may be entered by its header alone.
  const auto encode = [&] {
    const TNode<Smi> length = CAST(CallRuntime(Runtime::kShredderEncodeKey, context, key));
    var_length = Unsigned(SmiUntag(length));
    var_bytes =
        RawPtrAdd(store, Signed(LoadHeaderField(store, layout::kHeaderOffset_key_scratch_offset)));
    var_non_ascii_bits = UintPtrConstant(0);
    // The runtime helped, so this is no lookup that the builtins answered alone.
    CountLookup(store, -1);
    Goto(&if_bytes);
  };

  BIND(&if_encode);
  encode();

  BIND(&if_bytes);
  const TNode<RawPtrT> bytes = var_bytes.value();
  const TNode<UintPtrT> length = var_length.value();
  BranchIfDecimal(bytes, length, &var_integer, &if_integer, &if_byte_string);

  BIND(&if_byte_string);
  {
    // HashBytes of table_hash.h.
    TVARIABLE(UintPtrT, var_hash, LoadHeaderField(store, layout::kHeaderOffset_second_seed));
    TVARIABLE(UintPtrT, var_offset, UintPtrConstant(0));
    TVARIABLE(UintPtrT, var_all_bits, UintPtrConstant(0));
    const TNode<UintPtrT> multiplier =
        LoadHeaderField(store, layout::kHeaderOffset_second_multiplier);
    Label hash_loop(this, {&var_hash, &var_offset, &var_all_bits}), hash_end(this);
    Branch(WordEqual(length, UintPtrConstant(0)), &hash_end, &hash_loop);
    BIND(&hash_loop);
    {
      const TNode<UintPtrT> word = LoadKeyWord(bytes, var_offset.value(), length);
      var_all_bits = Unsigned(WordOr(var_all_bits.value(), word));
      var_hash = FoldedMultiply(Unsigned(WordXor(var_hash.value(), word)), multiplier);
      var_offset = Unsigned(IntPtrAdd(Signed(var_offset.value()), IntPtrConstant(8)));
      Branch(UintPtrLessThan(var_offset.value(), length), &hash_loop, &hash_end);
    }
    BIND(&hash_end);
    GotoIf(
        WordNotEqual(WordAnd(var_all_bits.value(), var_non_ascii_bits.value()), UintPtrConstant(0)),
        &if_not_ascii);
    const TNode<UintPtrT> hash =
        FoldedMultiply(Unsigned(WordXor(Unsigned(WordXor(var_hash.value(), length)),
                                        LoadHeaderField(store, layout::kHeaderOffset_first_seed))),
                       LoadHeaderField(store, layout::kHeaderOffset_first_multiplier));
    const TNode<UintPtrT> key_word =
        Unsigned(WordOr(WordAnd(hash, UintPtrConstant(~layout::kBytesKeyTagMask)),
                        UintPtrConstant(layout::kBytesKeyTag)));
    CountLookup(store, 1);
    Probe(store, hash, key_word, value, &if_value_word, if_absent,
          [&](TNode<RawPtrT> entry, Label* if_other) {
            const TNode<Uint32T> entry_key_length =
                Load<Uint32T>(entry, IntPtrConstant(layout::kEntryKeyLengthOffset));
            GotoIfNot(WordEqual(ChangeUint32ToWord(entry_key_length), length), if_other);
            const TNode<RawPtrT> entry_key = KeyAddress(entry, value->word.value());
            TVARIABLE(UintPtrT, var_compared, UintPtrConstant(0));
            Label compare_loop(this, &var_compared), compare_next(this), equal(this);
            Goto(&compare_loop);
            BIND(&compare_loop);
            GotoIfNot(UintPtrLessThan(var_compared.value(), length), &equal);
            GotoIfNot(WordEqual(LoadKeyWord(bytes, var_compared.value(), length),
                                Load<UintPtrT>(entry_key, var_compared.value())),
                      if_other);
            var_compared = Unsigned(IntPtrAdd(Signed(var_compared.value()), IntPtrConstant(8)));
            Goto(&compare_loop);
            BIND(&equal);
            value->address = RawPtrAdd(entry_key, Signed(var_compared.value()));
          });
  }

  BIND(&if_not_ascii);
  encode();

  BIND(&if_integer);
  {
    const TNode<UintPtrT> integer = var_integer.value();
    const TNode<UintPtrT> hash = HashInteger(store, integer);
    const TNode<UintPtrT> key_word =
        Unsigned(WordOr(WordShl(integer, UintPtrConstant(layout::kIntegerKeyShift)),
                        UintPtrConstant(layout::kIntegerKeyTag)));
    CountLookup(store, 1);
    Label if_integer_found(this);
    Probe(store, hash, key_word, value, &if_integer_found, if_absent, {});
    BIND(&if_integer_found);
    // An integer key has no bytes: the value is where they would be.
    value->address = KeyAddress(EntryOf(store, value->word.value()), value->word.value());
    Goto(&if_value_word);
  }

  BIND(&if_value_word);
  {
    Label if_expiry(this, Label::kDeferred);
    Branch(WordEqual(WordAnd(value->word.value(), UintPtrConstant(layout::kValueHasExpiryWord)),
                     UintPtrConstant(0)),
           if_found, &if_expiry);
    BIND(&if_expiry);
    const TNode<UintPtrT> expires_at_ms = Load<UintPtrT>(
        EntryOf(store, value->word.value()), IntPtrConstant(layout::kEntryExpiresAtOffset));
    Branch(UintPtrLessThan(LoadHeaderField(store, layout::kHeaderOffset_now_ms), expires_at_ms),
           if_found, if_absent);
  }

  BIND(&if_key_number);
  Throw(context, StoreError::kKeyNumber, key);
  BIND(&if_key_too_long);
  Throw(context, StoreError::kKeyTooLong, key);
}

TNode<UintPtrT> TableLookupAssembler::ValueLength(const Value& value) {
  return WordAnd(value.word.value(), UintPtrConstant(layout::kValueLengthMask));
}

TNode<UintPtrT> TableLookupAssembler::ToElementIndex(TNode<Context> context, TNode<Object> index) {
  TVARIABLE(UintPtrT, var_index);
  Label done(this), if_not_smi(this, Label::kDeferred), if_type(this, Label::kDeferred),
      if_range(this, Label::kDeferred);
  GotoIfNot(TaggedIsSmi(index), &if_not_smi);
  {
    const TNode<IntPtrT> integer = SmiUntag(CAST(index));
    var_index = Unsigned(integer);
    Branch(IntPtrLessThan(integer, IntPtrConstant(0)), &if_range, &done);
  }

  BIND(&if_not_smi);
  {
    GotoIfNot(IsHeapNumberMap(LoadMap(CAST(index))), &if_type);
    const TNode<Float64T> number = LoadHeapNumberValue(CAST(index));
    GotoIfNot(Float64GreaterThanOrEqual(number, Float64Constant(0)), &if_range);
    GotoIfNot(Float64LessThanOrEqual(number,
                                     Float64Constant(static_cast<double>(layout::kMaxIntegerKey))),
              &if_range);
    const TNode<IntPtrT> integer = ChangeFloat64ToIntPtr(number);
    GotoIfNot(Float64Equal(RoundIntPtrToFloat64(integer), number), &if_range);
    // Far past the end of any value, and no product with an element's size overflows.
    var_index = Unsigned(IntPtrMin(integer, IntPtrConstant(Smi::kMaxValue)));
    Goto(&done);
  }

  BIND(&if_type);
  Throw(context, StoreError::kIndexType, index);
  BIND(&if_range);
  Throw(context, StoreError::kIndexRange, index);

  BIND(&done);
  return var_index.value();
}

void TableLookupAssembler::CopyAsciiLeaf(TNode<String> string, TNode<IntPtrT> length,
                                         TNode<RawPtrT> target, Label* if_other) {
  ToDirectStringAssembler to_direct(state(), string);
  to_direct.TryToDirect(if_other);
  const TNode<RawPtrT> data = to_direct.PointerToData(if_other);
  const TNode<IntPtrT> start = to_direct.offset();
  TVARIABLE(IntPtrT, var_i, IntPtrConstant(0));
  Label one_byte_loop(this, &var_i), two_byte_loop(this, &var_i), done(this);
  Branch(IsOneByteStringInstanceType(to_direct.instance_type()), &one_byte_loop, &two_byte_loop);

  const auto copy = [&](Label* loop, const std::function<TNode<Uint32T>(TNode<IntPtrT>)>& load) {
    BIND(loop);
    GotoIfNot(IntPtrLessThan(var_i.value(), length), &done);
    const TNode<Uint32T> character = load(IntPtrAdd(start, var_i.value()));
    GotoIf(Uint32GreaterThan(character, Uint32Constant(0x7f)), if_other);
    StoreNoWriteBarrier(MachineRepresentation::kWord8, target, var_i.value(), character);
    var_i = IntPtrAdd(var_i.value(), IntPtrConstant(1));
    Goto(loop);
  };
  copy(&one_byte_loop, [&](TNode<IntPtrT> i) -> TNode<Uint32T> { return Load<Uint8T>(data, i); });
  copy(&two_byte_loop, [&](TNode<IntPtrT> i) -> TNode<Uint32T> {
    return Load<Uint16T>(data, WordShl(i, IntPtrConstant(1)));
  });

  BIND(&done);
}

}  // namespace internal
}  // namespace v8
