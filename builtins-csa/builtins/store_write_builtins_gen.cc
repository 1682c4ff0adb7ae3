// HTSet, HTDelete and HTAdd. In generated code: a new value of up to kMaxTabledBytes for a key that
// is there, in place or in a free block; removing a key; counting. The rest goes to the engine's
// functions of the same arguments, which also throw what there is to throw. Either way a
// transaction can undo it (table_layout.h: UndoRecord).

#include "builtins-csa/builtins/store_builtins_assembler.h"
#include "builtins-csa/builtins/store_context.h"
#include "builtins-csa/layout/arena_layout.h"
#include "builtins-csa/layout/decimal.h"
#include "src/builtins/builtins-utils-gen.h"

namespace v8 {
namespace internal {

namespace layout = ::shredder::layout;

class StoreWriteAssembler : public StoreBuiltinsAssembler {
 public:
  explicit StoreWriteAssembler(compiler::CodeAssemblerState* state)
      : StoreBuiltinsAssembler(state) {}

 protected:
  // Writes the new value's bytes to the address.
  using WriteBytes = std::function<void(TNode<RawPtrT>)>;

  // Goes on only in an invocation that may write.
  void CheckWritable(TNode<RawPtrT> store, Label* if_not);
  // Replaces the value that a lookup found by `size` bytes.
  void Replace(TNode<RawPtrT> store, const Value& value, TNode<UintPtrT> size,
               const WriteBytes& write, Label* if_other);
  struct WordAt {
    TNode<RawPtrT> address;
    TNode<UintPtrT> word;
  };
  // Journals what words hold before they change, all at once, in a step that has so far journaled
  // `entry`'s predecessors: Journal::Log of change_log.h. `counts` are log_counts before.
  void LogWords(TNode<RawPtrT> store, TNode<UintPtrT> counts, TNode<RawPtrT> entry,
                std::initializer_list<WordAt> words);
  TNode<RawPtrT> FirstJournalEntry(TNode<RawPtrT> store);
  // TakeSmallBlock of arena_layout.h; the step, of which it is the first part, goes on. `counts` as
  // CheckUndoRoom returned them.
  TNode<UintPtrT> TakeSmallBlock(TNode<RawPtrT> store, TNode<UintPtrT> counts, TNode<RawPtrT> arena,
                                 TNode<UintPtrT> size_class, Label* if_none);
  // Goes on only where there is room for an undo record. Returns log_counts, whose journal is empty
  // between steps.
  TNode<UintPtrT> CheckUndoRoom(TNode<RawPtrT> store, Label* if_none);
  // Appends a record to those of `counts`, and ends the step: the block that it names is taken from
  // here on. Returns the counts with it.
  TNode<UintPtrT> AppendUndoRecord(TNode<RawPtrT> store, TNode<UintPtrT> counts,
                                   TNode<UintPtrT> key_word, TNode<UintPtrT> old_value_word,
                                   TNode<UintPtrT> new_value_word);
  // Table::Remove, and the step's end. `counts` are log_counts.
  void RemoveSlot(TNode<RawPtrT> store, TNode<UintPtrT> counts, TNode<RawPtrT> slot);
  // The number whose canonical decimal form (decimal.h) the value is, where that has at most
  // kMaxFastCounterDigits digits.
  TNode<IntPtrT> ParseCounter(const Value& value, Label* if_other);

  TNode<UintPtrT> Add(TNode<UintPtrT> a, TNode<UintPtrT> b) {
    return Unsigned(IntPtrAdd(Signed(a), Signed(b)));
  }
  TNode<UintPtrT> Add(TNode<UintPtrT> a, uint64_t b) { return Add(a, UintPtrConstant(b)); }
  TNode<UintPtrT> LoadWord(TNode<RawPtrT> base, size_t offset) {
    return Load<UintPtrT>(base, IntPtrConstant(offset));
  }
  TNode<UintPtrT> LoadWord(TNode<RawPtrT> base, TNode<UintPtrT> offset) {
    return Load<UintPtrT>(base, Signed(offset));
  }
  TNode<UintPtrT> LoadUint32(TNode<RawPtrT> base, TNode<IntPtrT> offset) {
    return Unsigned(ChangeUint32ToWord(Load<Uint32T>(base, offset)));
  }
  TNode<UintPtrT> LoadUint16(TNode<RawPtrT> base, TNode<IntPtrT> offset) {
    return Unsigned(ChangeUint32ToWord(Load<Uint16T>(base, offset)));
  }
  TNode<UintPtrT> LoadUint8(TNode<RawPtrT> base, TNode<IntPtrT> offset) {
    return Unsigned(ChangeUint32ToWord(Load<Uint8T>(base, offset)));
  }
  void StoreWord(TNode<RawPtrT> base, size_t offset, TNode<UintPtrT> value) {
    StoreNoWriteBarrier(MachineType::PointerRepresentation(), base, IntPtrConstant(offset), value);
  }
};

void StoreWriteAssembler::CheckWritable(TNode<RawPtrT> store, Label* if_not) {
  GotoIf(WordEqual(LoadHeaderField(store, layout::kHeaderOffset_writable), UintPtrConstant(0)),
         if_not);
  GotoIf(WordEqual(LoadHeaderField(store, layout::kHeaderOffset_transaction_state),
                   UintPtrConstant(0)),
         if_not);
}

TNode<UintPtrT> StoreWriteAssembler::TakeSmallBlock(TNode<RawPtrT> store, TNode<UintPtrT> counts,
                                                    TNode<RawPtrT> arena,
                                                    TNode<UintPtrT> size_class, Label* if_none) {
  using layout::ArenaState;
  using layout::Chunk;
  // 1. Its chunk.
  const TNode<UintPtrT> index =
      LoadUint32(arena, IntPtrAdd(Signed(WordShl(size_class, UintPtrConstant(2))),
                                  IntPtrConstant(offsetof(ArenaState, class_chunks))));
  GotoIf(WordEqual(index, UintPtrConstant(0)), if_none);
  const TNode<RawPtrT> chunk =
      RawPtrAdd(store, Signed(Add(LoadWord(arena, offsetof(ArenaState, chunk_table_offset)),
                                  WordShl(index, UintPtrConstant(layout::kChunkEntryBytesLog2)))));
  const TNode<UintPtrT> chunk_offset = WordShl(index, UintPtrConstant(layout::kChunkBytesLog2));
  // 2. The quota.
  const TNode<UintPtrT> units =
      LoadUint16(arena, IntPtrAdd(Signed(WordShl(size_class, UintPtrConstant(1))),
                                  IntPtrConstant(offsetof(ArenaState, class_units))));
  const TNode<UintPtrT> used_bytes_before = LoadWord(arena, offsetof(ArenaState, used_bytes));
  const TNode<UintPtrT> used_bytes =
      Add(used_bytes_before, WordShl(units, UintPtrConstant(layout::kBlockUnitBytesLog2)));
  GotoIf(UintPtrGreaterThan(used_bytes, LoadWord(arena, offsetof(ArenaState, quota_bytes))),
         if_none);
  // 3. A freed block, or one that is carved.
  const TNode<UintPtrT> blocks = LoadWord(chunk, offsetof(Chunk, blocks));
  const auto field = [&](int shift) {
    return WordAnd(WordShr(blocks, UintPtrConstant(shift)), UintPtrConstant(0xffff));
  };
  const TNode<UintPtrT> carved_units = field(layout::kCarvedUnitsShift);
  const TNode<UintPtrT> carved_end = Add(carved_units, units);
  const TNode<UintPtrT> free_head = field(layout::kFreeHeadShift);
  TVARIABLE(UintPtrT, var_unit, carved_units);
  TVARIABLE(UintPtrT, var_blocks, blocks);
  Label if_free(this), if_carve(this), free_it(this), taken(this);
  Branch(WordEqual(free_head, UintPtrConstant(0)), &if_carve, &if_free);

  BIND(&if_free);
  {
    const TNode<UintPtrT> unit = Unsigned(IntPtrSub(Signed(free_head), IntPtrConstant(1)));
    const TNode<UintPtrT> next = LoadUint16(
        store,
        Signed(Add(chunk_offset, WordShl(unit, UintPtrConstant(layout::kBlockUnitBytesLog2)))));
    GotoIfNot(WordEqual(next, UintPtrConstant(0)), &free_it);
    GotoIf(UintPtrGreaterThan(carved_end, UintPtrConstant(layout::kChunkUnits)), if_none);
    Goto(&free_it);
    BIND(&free_it);
    static_assert(layout::kFreeHeadShift == 0);
    var_blocks = Unsigned(WordOr(WordAnd(blocks, UintPtrConstant(~uint64_t{0xffff})), next));
    var_unit = unit;
    Goto(&taken);
  }

  BIND(&if_carve);
  {
    const TNode<UintPtrT> dirty_pages =
        LoadUint32(chunk, IntPtrConstant(offsetof(Chunk, dirty_pages)));
    GotoIf(UintPtrGreaterThan(WordShl(carved_end, UintPtrConstant(layout::kBlockUnitBytesLog2)),
                              WordShl(dirty_pages, UintPtrConstant(layout::kPageBytesLog2))),
           if_none);
    GotoIf(UintPtrGreaterThan(Add(carved_end, units), UintPtrConstant(layout::kChunkUnits)),
           if_none);
    // At most kChunkUnits, so that nothing is carried into the next field.
    var_blocks = Add(blocks, WordShl(units, UintPtrConstant(layout::kCarvedUnitsShift)));
    Goto(&taken);
  }

  BIND(&taken);
  // 4. The journal, and the two words.
  const TNode<UintPtrT> offset =
      Add(chunk_offset, WordShl(var_unit.value(), UintPtrConstant(layout::kBlockUnitBytesLog2)));
  const TNode<RawPtrT> used = RawPtrAdd(arena, IntPtrConstant(offsetof(ArenaState, used_bytes)));
  LogWords(store, counts, FirstJournalEntry(store),
           {{RawPtrAdd(store, Signed(offset)), LoadWord(store, offset)},
            {RawPtrAdd(chunk, IntPtrConstant(offsetof(Chunk, blocks))), blocks},
            {used, used_bytes_before}});
  StoreWord(chunk, offsetof(Chunk, blocks),
            Add(var_blocks.value(), uint64_t{1} << layout::kUsedBlocksShift));
  StoreWord(used, 0, used_bytes);
  return offset;
}

TNode<RawPtrT> StoreWriteAssembler::FirstJournalEntry(TNode<RawPtrT> store) {
  return RawPtrAdd(store, Signed(LoadHeaderField(store, layout::kHeaderOffset_journal_offset)));
}

void StoreWriteAssembler::LogWords(TNode<RawPtrT> store, TNode<UintPtrT> counts,
                                   TNode<RawPtrT> entry, std::initializer_list<WordAt> words) {
  using layout::JournalEntry;
  size_t offset = 0;
  for (const WordAt& changed : words) {
    StoreWord(entry, offset + offsetof(JournalEntry, where),
              Unsigned(RawPtrSub(changed.address, store)));
    StoreWord(entry, offset + offsetof(JournalEntry, old_word), changed.word);
    offset += sizeof(JournalEntry);
  }
  StoreHeaderField(store, layout::kHeaderOffset_log_counts, Add(counts, words.size()));
}

TNode<UintPtrT> StoreWriteAssembler::CheckUndoRoom(TNode<RawPtrT> store, Label* if_none) {
  const TNode<UintPtrT> counts = LoadHeaderField(store, layout::kHeaderOffset_log_counts);
  CSA_DCHECK(this, WordEqual(WordAnd(counts, UintPtrConstant(layout::kJournalCountMask)),
                             UintPtrConstant(0)));
  GotoIfNot(UintPtrLessThan(WordShr(counts, UintPtrConstant(layout::kUndoCountShift)),
                            LoadHeaderField(store, layout::kHeaderOffset_undo_capacity)),
            if_none);
  return counts;
}

TNode<UintPtrT> StoreWriteAssembler::AppendUndoRecord(TNode<RawPtrT> store, TNode<UintPtrT> counts,
                                                      TNode<UintPtrT> key_word,
                                                      TNode<UintPtrT> old_value_word,
                                                      TNode<UintPtrT> new_value_word) {
  using layout::UndoRecord;
  static_assert(layout::kUndoCountShift > layout::kUndoRecordBytesLog2);
  const TNode<UintPtrT> offset =
      WordShr(counts, UintPtrConstant(layout::kUndoCountShift - layout::kUndoRecordBytesLog2));
  const TNode<RawPtrT> record = RawPtrAdd(
      store, Signed(Add(LoadHeaderField(store, layout::kHeaderOffset_undo_offset), offset)));
  StoreWord(record, offsetof(UndoRecord, key_word), key_word);
  StoreWord(record, offsetof(UndoRecord, old_value_word), old_value_word);
  StoreWord(record, offsetof(UndoRecord, new_value_word), new_value_word);
  const TNode<UintPtrT> counts_after = Add(counts, layout::kOneUndoRecord);
  StoreHeaderField(store, layout::kHeaderOffset_log_counts, counts_after);
  return counts_after;
}

void StoreWriteAssembler::Replace(TNode<RawPtrT> store, const Value& value, TNode<UintPtrT> size,
                                  const WriteBytes& write, Label* if_other) {
  using layout::ArenaState;
  const TNode<UintPtrT> old_word = value.word.value();
  // An expiry is left to C++, and so are the entries that have room for one.
  GotoIfNot(WordEqual(WordAnd(old_word, UintPtrConstant(layout::kValueHasExpiryWord)),
                      UintPtrConstant(0)),
            if_other);
  const TNode<RawPtrT> entry = EntryOf(store, old_word);
  const TNode<UintPtrT> key_length =
      LoadUint32(entry, IntPtrConstant(layout::kEntryKeyLengthOffset));
  const TNode<UintPtrT> key_end =
      WordAnd(Add(key_length, 7 + layout::kEntryHeaderBytes), UintPtrConstant(~uint64_t{7}));
  const auto units_of = [&](TNode<UintPtrT> value_size) {
    return WordShr(Add(Add(key_end, value_size), layout::kBlockUnitBytes - 1),
                   UintPtrConstant(layout::kBlockUnitBytesLog2));
  };
  const TNode<RawPtrT> arena =
      RawPtrAdd(store, Signed(LoadHeaderField(store, layout::kHeaderOffset_arena_state_offset)));
  const auto class_of = [&](TNode<UintPtrT> units) {
    return LoadUint8(
        arena, IntPtrAdd(Signed(units), IntPtrConstant(offsetof(ArenaState, classes_by_units))));
  };
  const TNode<UintPtrT> max_units =
      UintPtrConstant(layout::kMaxTabledBytes / layout::kBlockUnitBytes);
  // Before a sum with it may overflow.
  GotoIf(UintPtrGreaterThan(size, UintPtrConstant(layout::kMaxTabledBytes)), if_other);
  const TNode<UintPtrT> units = units_of(size);
  const TNode<UintPtrT> old_units = units_of(ValueLength(value));
  GotoIf(UintPtrGreaterThan(units, max_units), if_other);
  GotoIf(UintPtrGreaterThan(old_units, max_units), if_other);
  const TNode<UintPtrT> size_class = class_of(units);

  Label in_place(this), in_block(this), done(this);
  // FitsInPlace of runtime/store/store.cc.
  GotoIf(WordEqual(LoadHeaderField(store, layout::kHeaderOffset_view_invocation),
                   LoadHeaderField(store, layout::kHeaderOffset_invocation)),
         &in_block);
  GotoIfNot(WordEqual(LoadUint32(entry, IntPtrConstant(layout::kEntryFlagsOffset)),
                      UintPtrConstant(layout::kEntryMade)),
            &in_block);
  Branch(WordEqual(size_class, class_of(old_units)), &in_place, &in_block);

  BIND(&in_place);
  {
    write(RawPtrAdd(entry, Signed(key_end)));
    const TNode<UintPtrT> kept = WordAnd(old_word, UintPtrConstant(~layout::kValueLengthMask));
    StoreWord(value.slot.value(), layout::kSlotValueWordOffset, Unsigned(WordOr(kept, size)));
    Goto(&done);
  }

  BIND(&in_block);
  {
    const TNode<UintPtrT> counts = CheckUndoRoom(store, if_other);
    const TNode<UintPtrT> block = TakeSmallBlock(store, counts, arena, size_class, if_other);
    const TNode<RawPtrT> new_entry = RawPtrAdd(store, Signed(block));
    static_assert(layout::kEntryKeyLengthOffset == 0 && layout::kEntryFlagsOffset == 4);
    StoreWord(new_entry, 0,
              Unsigned(WordOr(key_length, UintPtrConstant(uint64_t{layout::kEntryMade} << 32))));
    TVARIABLE(UintPtrT, var_offset, UintPtrConstant(layout::kEntryHeaderBytes));
    Label key_loop(this, &var_offset), key_done(this);
    Goto(&key_loop);
    BIND(&key_loop);
    GotoIfNot(UintPtrLessThan(var_offset.value(), key_end), &key_done);
    StoreNoWriteBarrier(MachineType::PointerRepresentation(), new_entry, var_offset.value(),
                        Load<UintPtrT>(entry, var_offset.value()));
    var_offset = Add(var_offset.value(), 8);
    Goto(&key_loop);
    BIND(&key_done);
    write(RawPtrAdd(new_entry, Signed(key_end)));
    const TNode<UintPtrT> new_word =
        Unsigned(WordOr(WordShl(WordShr(block, UintPtrConstant(layout::kEntryAlignmentLog2)),
                                UintPtrConstant(layout::kValueEntryShift)),
                        size));
    AppendUndoRecord(store, counts, LoadWord(value.slot.value(), layout::kSlotKeyWordOffset),
                     old_word, new_word);
    StoreWord(value.slot.value(), layout::kSlotValueWordOffset, new_word);
    Goto(&done);
  }
  BIND(&done);
}

TF_BUILTIN(ShredderHTSet, StoreWriteAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  const auto new_value = Parameter<Object>(Descriptor::kValue);
  const auto options = Parameter<Object>(Descriptor::kOptions);
  Value value(this);
  TVARIABLE(BoolT, var_is_string, Int32FalseConstant());
  Label if_usable(this), if_found(this), if_other(this, Label::kDeferred);
  const TNode<RawPtrT> store = LoadStore(context);
  CheckWritable(store, &if_other);
  GotoIfNot(IsUndefined(options), &if_other);
  {
    Label if_string(this), if_not_string(this);
    GotoIf(TaggedIsSmi(new_value), &if_other);
    const TNode<Int32T> instance_type = LoadInstanceType(CAST(new_value));
    Branch(IsStringInstanceType(instance_type), &if_string, &if_not_string);
    BIND(&if_string);
    var_is_string = Int32TrueConstant();
    // Flat, and perhaps ASCII.
    Branch(
        Word32Equal(Word32And(instance_type, Int32Constant(kStringRepresentationAndEncodingMask)),
                    Int32Constant(kOneByteStringTag | kSeqStringTag)),
        &if_usable, &if_other);
    BIND(&if_not_string);
    BranchIfUsableBuffer(new_value, &if_usable, &if_other, &if_other);
  }

  BIND(&if_usable);
  Lookup(context, store, key, &value, &if_found, &if_other);

  BIND(&if_found);
  {
    // Loaded only now, as in HTGet.
    TVARIABLE(RawPtrT, var_data);
    TVARIABLE(UintPtrT, var_size);
    Label if_string(this), if_buffer(this), replace(this);
    Branch(var_is_string.value(), &if_string, &if_buffer);

    BIND(&if_string);
    {
      const TNode<String> string = CAST(new_value);
      const TNode<UintPtrT> length = Unsigned(LoadStringLengthAsWord(string));
      // Replace refuses it as well; here it bounds the look at all of it.
      GotoIf(UintPtrGreaterThan(length, UintPtrConstant(layout::kMaxTabledBytes)), &if_other);
      const TNode<RawPtrT> characters =
          RawPtrAdd(ReinterpretCast<RawPtrT>(BitcastTaggedToWord(string)),
                    IntPtrConstant(SeqOneByteString::kHeaderSize - kHeapObjectTag));
      CheckAscii(characters, length, &if_other);
      var_data = characters;
      var_size = length;
      Goto(&replace);
    }

    BIND(&if_buffer);
    LoadBuffer(CAST(new_value), &var_data, &var_size);
    Goto(&replace);

    BIND(&replace);
    const TNode<UintPtrT> size = var_size.value();
    Replace(
        store, value, size,
        [&](TNode<RawPtrT> target) { CopyBytes(target, var_data.value(), size); }, &if_other);
    Return(TrueConstant());
  }

  BIND(&if_other);
  Return(Call(context, LoadEmbedderData(context, ::shredder::kSetEmbedderDataIndex),
              UndefinedConstant(), key, new_value, options));
}

void StoreWriteAssembler::RemoveSlot(TNode<RawPtrT> store, TNode<UintPtrT> counts,
                                     TNode<RawPtrT> slot) {
  const auto hash_of = [&](TNode<UintPtrT> key_word) {
    TVARIABLE(UintPtrT, var_hash, key_word);
    Label if_integer(this), done(this);
    Branch(
        WordEqual(WordAnd(key_word, UintPtrConstant(layout::kIntegerKeyTag)), UintPtrConstant(0)),
        &done, &if_integer);
    BIND(&if_integer);
    var_hash = HashInteger(store, WordShr(key_word, UintPtrConstant(layout::kIntegerKeyShift)));
    Goto(&done);
    BIND(&done);
    return var_hash.value();
  };
  const TNode<UintPtrT> directory_word =
      LoadDirectoryWord(store, hash_of(LoadWord(slot, layout::kSlotKeyWordOffset)));
  const TNode<RawPtrT> segment = RawPtrAdd(
      store, Signed(WordAnd(directory_word, UintPtrConstant(layout::kSegmentOffsetMask))));
  const TNode<UintPtrT> pages =
      WordAnd(WordShr(directory_word, UintPtrConstant(layout::kSegmentPagesShift)),
              UintPtrConstant(layout::kSegmentPagesMask));
  const TNode<UintPtrT> bytes = WordShl(pages, UintPtrConstant(layout::kSegmentPageBytesLog2));
  // How far it is forward from one position to another.
  const auto distance = [&](TNode<UintPtrT> from, TNode<UintPtrT> to) {
    TVARIABLE(IntPtrT, var_distance, IntPtrSub(Signed(to), Signed(from)));
    Label wraps(this), done(this);
    Branch(IntPtrLessThan(var_distance.value(), IntPtrConstant(0)), &wraps, &done);
    BIND(&wraps);
    var_distance = IntPtrAdd(var_distance.value(), Signed(bytes));
    Goto(&done);
    BIND(&done);
    return var_distance.value();
  };

  // Backward shift, as Table::Remove of runtime/store/table.cc; positions are bytes in the segment.
  TVARIABLE(UintPtrT, var_hole, Unsigned(RawPtrSub(slot, segment)));
  TVARIABLE(UintPtrT, var_counts, counts);
  TVARIABLE(RawPtrT, var_entry, FirstJournalEntry(store));
  const auto log_words = [&](std::initializer_list<WordAt> words) {
    LogWords(store, var_counts.value(), var_entry.value(), words);
    var_counts = Add(var_counts.value(), words.size());
    var_entry = RawPtrAdd(var_entry.value(),
                          IntPtrConstant(words.size() << layout::kJournalEntryBytesLog2));
  };
  const auto write_slot = [&](TNode<UintPtrT> key_word, TNode<UintPtrT> value_word) {
    const TNode<RawPtrT> hole = RawPtrAdd(segment, Signed(var_hole.value()));
    log_words({{RawPtrAdd(hole, IntPtrConstant(layout::kSlotValueWordOffset)),
                LoadWord(hole, layout::kSlotValueWordOffset)},
               {RawPtrAdd(hole, IntPtrConstant(layout::kSlotKeyWordOffset)),
                LoadWord(hole, layout::kSlotKeyWordOffset)}});
    StoreWord(hole, layout::kSlotValueWordOffset, value_word);
    StoreWord(hole, layout::kSlotKeyWordOffset, key_word);
  };
  const TNode<UintPtrT> key_count = LoadHeaderField(store, layout::kHeaderOffset_key_count);
  log_words({{RawPtrAdd(store, IntPtrConstant(layout::kHeaderOffset_key_count)), key_count}});
  StoreHeaderField(store, layout::kHeaderOffset_key_count,
                   Unsigned(IntPtrSub(Signed(key_count), IntPtrConstant(1))));
  TVARIABLE(UintPtrT, var_position, var_hole.value());
  Label loop(this, {&var_hole, &var_position, &var_counts, &var_entry}), wraps(this), look(this),
      shift(this), done(this);
  Goto(&loop);
  BIND(&loop);
  var_position = Add(var_position.value(), layout::kSlotBytes);
  Branch(WordEqual(var_position.value(), bytes), &wraps, &look);
  BIND(&wraps);
  var_position = UintPtrConstant(0);
  Goto(&look);
  BIND(&look);
  {
    const TNode<RawPtrT> other = RawPtrAdd(segment, Signed(var_position.value()));
    const TNode<UintPtrT> key_word = LoadWord(other, layout::kSlotKeyWordOffset);
    GotoIf(WordEqual(key_word, UintPtrConstant(layout::kEmptyKeyWord)), &done);
    const TNode<UintPtrT> home = HomeBytes(hash_of(key_word), pages);
    Branch(IntPtrLessThan(distance(home, var_position.value()),
                          distance(var_hole.value(), var_position.value())),
           &loop, &shift);
    BIND(&shift);
    write_slot(key_word, LoadWord(other, layout::kSlotValueWordOffset));
    var_hole = var_position.value();
    Goto(&loop);
  }
  BIND(&done);
  write_slot(UintPtrConstant(layout::kEmptyKeyWord), UintPtrConstant(0));
  // The step has happened.
  StoreHeaderField(store, layout::kHeaderOffset_log_counts, counts);
}

TF_BUILTIN(ShredderHTDelete, StoreWriteAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  Value value(this);
  Label if_found(this), if_absent(this), if_other(this, Label::kDeferred);
  const TNode<RawPtrT> store = LoadStore(context);
  CheckWritable(store, &if_other);
  Lookup(context, store, key, &value, &if_found, &if_absent);

  BIND(&if_found);
  {
    // An expiry, which is counted, is left to C++.
    const TNode<UintPtrT> word = value.word.value();
    GotoIfNot(
        WordEqual(WordAnd(word, UintPtrConstant(layout::kValueHasExpiryWord)), UintPtrConstant(0)),
        &if_other);
    const TNode<UintPtrT> counts = CheckUndoRoom(store, &if_other);
    // Before the removal, as room is kept for all that may come back.
    StoreHeaderField(store, layout::kHeaderOffset_transaction_removals,
                     Add(LoadHeaderField(store, layout::kHeaderOffset_transaction_removals), 1));
    const TNode<UintPtrT> counts_after =
        AppendUndoRecord(store, counts, LoadWord(value.slot.value(), layout::kSlotKeyWordOffset),
                         word, UintPtrConstant(0));
    RemoveSlot(store, counts_after, value.slot.value());
    Return(TrueConstant());
  }

  BIND(&if_absent);
  // A key that has expired may stay until C++ comes by.
  Return(FalseConstant());

  BIND(&if_other);
  Return(Call(context, LoadEmbedderData(context, ::shredder::kDeleteEmbedderDataIndex),
              UndefinedConstant(), key));
}

TNode<IntPtrT> StoreWriteAssembler::ParseCounter(const Value& value, Label* if_other) {
  const TNode<RawPtrT> bytes = value.address.value();
  const TNode<UintPtrT> length = ValueLength(value);
  TVARIABLE(UintPtrT, var_offset, UintPtrConstant(0));
  TVARIABLE(IntPtrT, var_number, IntPtrConstant(0));
  Label digits(this), if_zero(this), loop(this, {&var_offset, &var_number}), loop_end(this),
      negate(this), done(this);
  GotoIf(WordEqual(length, UintPtrConstant(0)), if_other);
  const TNode<UintPtrT> first = LoadUint8(bytes, IntPtrConstant(0));
  const TNode<BoolT> is_negative = WordEqual(first, UintPtrConstant('-'));
  var_offset = UintPtrConstant(0);
  GotoIfNot(is_negative, &digits);
  var_offset = UintPtrConstant(1);
  Goto(&digits);

  BIND(&digits);
  const TNode<UintPtrT> start = var_offset.value();
  const TNode<UintPtrT> digit_count = Unsigned(IntPtrSub(Signed(length), Signed(start)));
  GotoIf(WordEqual(digit_count, UintPtrConstant(0)), if_other);
  GotoIf(UintPtrGreaterThan(digit_count, UintPtrConstant(layout::kMaxFastCounterDigits)), if_other);
  // No leading zeros, and no -0.
  GotoIf(WordEqual(LoadUint8(bytes, Signed(start)), UintPtrConstant('0')), &if_zero);
  Goto(&loop);

  BIND(&loop);
  {
    const TNode<UintPtrT> digit = Unsigned(
        IntPtrSub(Signed(LoadUint8(bytes, Signed(var_offset.value()))), IntPtrConstant('0')));
    GotoIf(UintPtrGreaterThan(digit, UintPtrConstant(9)), if_other);
    var_number = IntPtrAdd(IntPtrMul(var_number.value(), IntPtrConstant(10)), Signed(digit));
    var_offset = Add(var_offset.value(), 1);
    Branch(UintPtrLessThan(var_offset.value(), length), &loop, &loop_end);
  }
  BIND(&loop_end);
  Branch(is_negative, &negate, &done);

  BIND(&negate);
  var_number = IntPtrSub(IntPtrConstant(0), var_number.value());
  Goto(&done);

  BIND(&if_zero);
  Branch(WordEqual(length, UintPtrConstant(1)), &done, if_other);

  BIND(&done);
  return var_number.value();
}

TF_BUILTIN(ShredderHTAdd, StoreWriteAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  const auto delta = Parameter<Object>(Descriptor::kDelta);
  Value value(this);
  Label if_found(this), if_other(this, Label::kDeferred);
  const TNode<RawPtrT> store = LoadStore(context);
  CheckWritable(store, &if_other);
  GotoIfNot(TaggedIsSmi(delta), &if_other);
  Lookup(context, store, key, &value, &if_found, &if_other);

  BIND(&if_found);
  {
    // No sum of such a number and a Smi overflows, nor is unsafe.
    const TNode<IntPtrT> sum = IntPtrAdd(ParseCounter(value, &if_other), SmiUntag(CAST(delta)));
    TVARIABLE(IntPtrT, var_magnitude, sum);
    TVARIABLE(UintPtrT, var_sign_length, UintPtrConstant(0));
    Label if_negative(this), measure(this);
    Branch(IntPtrLessThan(sum, IntPtrConstant(0)), &if_negative, &measure);
    BIND(&if_negative);
    var_magnitude = IntPtrSub(IntPtrConstant(0), sum);
    var_sign_length = UintPtrConstant(1);
    Goto(&measure);

    BIND(&measure);
    const TNode<UintPtrT> magnitude = Unsigned(var_magnitude.value());
    const TNode<UintPtrT> sign_length = var_sign_length.value();
    TVARIABLE(UintPtrT, var_length, Add(sign_length, 1));
    TVARIABLE(UintPtrT, var_power, UintPtrConstant(10));
    Label measure_loop(this, {&var_length, &var_power}), measured(this);
    Goto(&measure_loop);
    BIND(&measure_loop);
    GotoIf(UintPtrLessThan(magnitude, var_power.value()), &measured);
    var_power = Unsigned(IntPtrMul(Signed(var_power.value()), IntPtrConstant(10)));
    var_length = Add(var_length.value(), 1);
    Goto(&measure_loop);
    BIND(&measured);
    const TNode<UintPtrT> length = var_length.value();

    const auto write = [&](TNode<RawPtrT> target) {
      TVARIABLE(UintPtrT, var_rest, magnitude);
      TVARIABLE(UintPtrT, var_at, length);
      Label loop(this, {&var_rest, &var_at}), loop_end(this), sign(this), written(this);
      Goto(&loop);
      BIND(&loop);
      {
        // The quotient by 10 of a number below 2^54.
        const TNode<UintPtrT> rest = var_rest.value();
        const TNode<UintPtrT> quotient =
            WordShr(UintPtrMulHigh(rest, UintPtrConstant(0xcccccccccccccccd)), UintPtrConstant(3));
        const TNode<UintPtrT> digit =
            Unsigned(IntPtrSub(Signed(rest), IntPtrMul(Signed(quotient), IntPtrConstant(10))));
        var_at = Unsigned(IntPtrSub(Signed(var_at.value()), IntPtrConstant(1)));
        StoreNoWriteBarrier(MachineRepresentation::kWord8, target, var_at.value(),
                            TruncateWordToInt32(Add(digit, '0')));
        var_rest = quotient;
        Branch(UintPtrGreaterThan(var_at.value(), sign_length), &loop, &loop_end);
      }
      BIND(&loop_end);
      Branch(WordEqual(sign_length, UintPtrConstant(0)), &written, &sign);
      BIND(&sign);
      StoreNoWriteBarrier(MachineRepresentation::kWord8, target, UintPtrConstant(0),
                          Int32Constant('-'));
      Goto(&written);
      BIND(&written);
    };
    Replace(store, value, length, write, &if_other);
    Return(ChangeFloat64ToTagged(RoundIntPtrToFloat64(sum)));
  }

  BIND(&if_other);
  Return(Call(context, LoadEmbedderData(context, ::shredder::kAddEmbedderDataIndex),
              UndefinedConstant(), key, delta));
}

}  // namespace internal
}  // namespace v8
