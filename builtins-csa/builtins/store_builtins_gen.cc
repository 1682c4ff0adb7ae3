// The builtins of the module shredder:store that read, in CodeStubAssembler; what each does for its
// caller is said in ts-functions (the module's types) and docs/functions.md. The list is in
// store_builtins_list.h.

#include "builtins-csa/builtins/store_builtins_assembler.h"
#include "builtins-csa/builtins/store_builtins_list.h"
#include "src/builtins/builtins-utils-gen.h"

namespace v8 {
namespace internal {

namespace layout = ::shredder::layout;

// A function that is called with fewer arguments gets as many as the binding says, and takes off
// the stack as many as the builtin has. Besides these, a descriptor counts the target, the receiver
// and what comes behind.
#define SHREDDER_CHECK_PARAMETERS(Name, count)                                                \
  static_assert(Builtin_Shredder##Name##_InterfaceDescriptor::kParameterCount == (count) + 4, \
                "the binding's number of parameters of " #Name);
SHREDDER_BINDING_LIST(SHREDDER_CHECK_PARAMETERS)
#undef SHREDDER_CHECK_PARAMETERS

TF_BUILTIN(ShredderHTGet, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  const auto into = Parameter<Object>(Descriptor::kInto);
  Value value(this);
  Label if_found(this), if_absent(this);

  CheckBuffer(context, into);
  const TNode<RawPtrT> store = LoadStore(context);
  Lookup(context, store, key, &value, &if_found, &if_absent);

  BIND(&if_found);
  {
    // Loaded only now: Lookup may have called the runtime, which may move a small typed array. It
    // runs no JavaScript, so the buffer is still the one that was checked.
    TVARIABLE(RawPtrT, var_data);
    TVARIABLE(UintPtrT, var_size);
    LoadBuffer(CAST(into), &var_data, &var_size);
    const TNode<UintPtrT> length = ValueLength(value);
    CopyBytes(var_data.value(), value.address.value(), UintPtrMin(length, var_size.value()));
    Return(SmiTag(Signed(length)));
  }

  BIND(&if_absent);
  Return(SmiConstant(-1));
}

TF_BUILTIN(ShredderHTGetString, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  // Longer ones take longer than a call of C++.
  constexpr uint64_t kMaxInlineBytes = 4096;
  Value value(this);
  Label if_found(this), if_absent(this), if_other(this, Label::kDeferred);
  const TNode<RawPtrT> store = LoadStore(context);
  Lookup(context, store, key, &value, &if_found, &if_absent);

  BIND(&if_found);
  const TNode<UintPtrT> length = ValueLength(value);
  const TNode<RawPtrT> bytes = value.address.value();
  GotoIf(UintPtrGreaterThan(length, UintPtrConstant(kMaxInlineBytes)), &if_other);
  CheckAscii(bytes, length, &if_other);
  {
    // May collect garbage, which moves nothing of the store's.
    const TNode<String> string =
        AllocateSeqOneByteString(Unsigned(TruncateIntPtrToInt32(Signed(length))));
    Label if_empty(this), if_bytes(this);
    Branch(WordEqual(length, UintPtrConstant(0)), &if_empty, &if_bytes);
    BIND(&if_bytes);
    CopyBytes(RawPtrAdd(ReinterpretCast<RawPtrT>(BitcastTaggedToWord(string)),
                        IntPtrConstant(SeqOneByteString::kHeaderSize - kHeapObjectTag)),
              bytes, length);
    Goto(&if_empty);
    BIND(&if_empty);
    Return(string);
  }

  BIND(&if_other);
  Return(CallRuntime(Runtime::kShredderStringFromUtf8, context,
                     ChangeUintPtrToTagged(Unsigned(RawPtrSub(bytes, store))),
                     SmiTag(Signed(length))));

  BIND(&if_absent);
  Return(UndefinedConstant());
}

TF_BUILTIN(ShredderHTTtl, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  Value value(this);
  Label if_found(this), if_absent(this), if_expiry_word(this), if_never(this);
  const TNode<RawPtrT> store = LoadStore(context);
  Lookup(context, store, key, &value, &if_found, &if_absent);

  BIND(&if_found);
  Branch(WordEqual(WordAnd(value.word.value(), UintPtrConstant(layout::kValueHasExpiryWord)),
                   UintPtrConstant(0)),
         &if_never, &if_expiry_word);

  BIND(&if_expiry_word);
  const TNode<UintPtrT> expires_at_ms = Load<UintPtrT>(
      EntryOf(store, value.word.value()), IntPtrConstant(layout::kEntryExpiresAtOffset));
  GotoIf(WordEqual(expires_at_ms, UintPtrConstant(layout::kNeverExpires)), &if_never);
  // Later than now, as Lookup found it.
  Return(ChangeUintPtrToTagged(Unsigned(IntPtrSub(
      Signed(expires_at_ms), Signed(LoadHeaderField(store, layout::kHeaderOffset_now_ms))))));

  BIND(&if_never);
  Return(NumberConstant(V8_INFINITY));

  BIND(&if_absent);
  Return(UndefinedConstant());
}

TF_BUILTIN(ShredderHTLength, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  Value value(this);
  Label if_found(this), if_absent(this);
  Lookup(context, LoadStore(context), key, &value, &if_found, &if_absent);

  BIND(&if_found);
  Return(SmiTag(Signed(ValueLength(value))));

  BIND(&if_absent);
  Return(SmiConstant(-1));
}

TF_BUILTIN(ShredderHTHas, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  Value value(this);
  Label if_found(this), if_absent(this);
  Lookup(context, LoadStore(context), key, &value, &if_found, &if_absent);

  BIND(&if_found);
  Return(TrueConstant());

  BIND(&if_absent);
  Return(FalseConstant());
}

TF_BUILTIN(ShredderHTGetUint32, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  const auto index = Parameter<Object>(Descriptor::kIndex);
  ReturnElement(context, key, index, 2, [this](TNode<RawPtrT> address) -> TNode<Object> {
    return ChangeUint32ToTagged(Load<Uint32T>(address, IntPtrConstant(0)));
  });
}

TF_BUILTIN(ShredderHTGetFloat64, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  const auto index = Parameter<Object>(Descriptor::kIndex);
  ReturnElement(context, key, index, 3, [this](TNode<RawPtrT> address) -> TNode<Object> {
    // Stored bytes may hold V8's hole, a signalling NaN, which must not reach a JavaScript array.
    return AllocateHeapNumberWithValue(
        Float64SilenceNaN(Load<Float64T>(address, IntPtrConstant(0))));
  });
}

TF_BUILTIN(ShredderFlattenAsciiKey, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto string = Parameter<String>(Descriptor::kString);
  const auto offset = Parameter<Smi>(Descriptor::kOffset);
  const TNode<RawPtrT> store = LoadStore(context);
  const TNode<RawPtrT> scratch =
      RawPtrAdd(store, Signed(LoadHeaderField(store, layout::kHeaderOffset_key_scratch_offset)));

  // Of a concatenation one part is copied to its place, and the walk goes on in the other. A part
  // that is a concatenation itself is left to a call, the shorter of two: the calls nest no deeper
  // than the key's length has bits.
  TVARIABLE(String, var_node, string);
  TVARIABLE(IntPtrT, var_offset, SmiUntag(offset));
  Label loop(this, {&var_node, &var_offset}), if_leaf(this), if_cons(this), if_cannot(this);
  const auto is_cons = [&](TNode<String> node) {
    return Word32Equal(Word32And(LoadInstanceType(node), Int32Constant(kStringRepresentationMask)),
                       Int32Constant(kConsStringTag));
  };
  const auto copy_leaf = [&](TNode<String> leaf, TNode<IntPtrT> length, TNode<IntPtrT> target) {
    CopyAsciiLeaf(leaf, length, RawPtrAdd(scratch, target), &if_cannot);
  };
  const auto copy_cons = [&](TNode<String> cons, TNode<IntPtrT> target) {
    const TNode<Smi> copied =
        CAST(CallBuiltin(Builtin::kShredderFlattenAsciiKey, context, cons, SmiTag(target)));
    GotoIf(SmiEqual(copied, SmiConstant(0)), &if_cannot);
  };
  Goto(&loop);
  BIND(&loop);
  const TNode<String> node = var_node.value();
  Branch(is_cons(node), &if_cons, &if_leaf);

  BIND(&if_cons);
  {
    const TNode<String> first = LoadObjectField<String>(node, ConsString::kFirstOffset);
    const TNode<String> second = LoadObjectField<String>(node, ConsString::kSecondOffset);
    const TNode<IntPtrT> first_length = LoadStringLengthAsWord(first);
    const TNode<IntPtrT> second_length = LoadStringLengthAsWord(second);
    const TNode<IntPtrT> first_offset = var_offset.value();
    const TNode<IntPtrT> second_offset = IntPtrAdd(first_offset, first_length);
    Label if_second_leaf(this), if_second_cons(this), if_first_leaf(this), if_both_cons(this),
        if_first_shorter(this), if_second_shorter(this), go_on_in_first(this),
        go_on_in_second(this);
    Branch(is_cons(second), &if_second_cons, &if_second_leaf);

    BIND(&if_second_leaf);
    copy_leaf(second, second_length, second_offset);
    Goto(&go_on_in_first);

    BIND(&if_second_cons);
    Branch(is_cons(first), &if_both_cons, &if_first_leaf);

    BIND(&if_first_leaf);
    copy_leaf(first, first_length, first_offset);
    Goto(&go_on_in_second);

    BIND(&if_both_cons);
    Branch(IntPtrLessThan(first_length, second_length), &if_first_shorter, &if_second_shorter);

    BIND(&if_first_shorter);
    copy_cons(first, first_offset);
    Goto(&go_on_in_second);

    BIND(&if_second_shorter);
    copy_cons(second, second_offset);
    Goto(&go_on_in_first);

    BIND(&go_on_in_first);
    var_node = first;
    Goto(&loop);

    BIND(&go_on_in_second);
    var_node = second;
    var_offset = second_offset;
    Goto(&loop);
  }

  BIND(&if_leaf);
  copy_leaf(node, LoadStringLengthAsWord(node), var_offset.value());
  Return(SmiConstant(1));

  BIND(&if_cannot);
  Return(SmiConstant(0));
}

}  // namespace internal
}  // namespace v8
