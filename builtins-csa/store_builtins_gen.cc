// The builtins of the module shredder:store, in CodeStubAssembler; what each does for its caller is said in
// ts-functions (the module's types) and docs/functions.md. The list is in store_builtins_list.h.

#include "src/builtins/builtins-utils-gen.h"
#include "src/builtins/builtins.h"
#include "src/codegen/code-stub-assembler.h"
#include "src/objects/js-array-buffer.h"
#include "src/shredder/table_lookup_assembler.h"

namespace v8 {
namespace internal {

namespace layout = ::shredder::layout;
using ::shredder::StoreError;

class StoreBuiltinsAssembler : public TableLookupAssembler {
 public:
  explicit StoreBuiltinsAssembler(compiler::CodeAssemblerState* state)
      : TableLookupAssembler(state) {}

 protected:
  // Throws unless `into` is an ArrayBuffer or a view whose memory is its own thread's, of fixed size, and there.
  void CheckBuffer(TNode<Context> context, TNode<Object> into);
  // First byte and size of a buffer that CheckBuffer has passed since the last call out of the builtin.
  void LoadBuffer(TNode<JSObject> into, TVariable<RawPtrT>* data, TVariable<UintPtrT>* size);
  void CopyBytes(TNode<RawPtrT> target, TNode<RawPtrT> source, TNode<UintPtrT> length);
  // HTGetUint32 and HTGetFloat64: `load` makes the result from the element's address.
  void ReturnElement(TNode<Context> context, TNode<Object> key, TNode<Object> index,
                     int element_size_log2,
                     const std::function<TNode<Object>(TNode<RawPtrT>)>& load);
};

void StoreBuiltinsAssembler::CheckBuffer(TNode<Context> context, TNode<Object> into) {
  TVARIABLE(JSArrayBuffer, var_buffer);
  Label if_buffer(this), if_view(this), if_type(this, Label::kDeferred),
      if_unusable(this, Label::kDeferred), if_usable(this), check(this);
  GotoIf(TaggedIsSmi(into), &if_type);
  const TNode<Int32T> instance_type = LoadInstanceType(CAST(into));
  GotoIf(IsJSTypedArrayInstanceType(instance_type), &if_view);
  GotoIf(InstanceTypeEqual(instance_type, JS_DATA_VIEW_TYPE), &if_view);
  Branch(InstanceTypeEqual(instance_type, JS_ARRAY_BUFFER_TYPE), &if_buffer, &if_type);

  BIND(&if_buffer);
  var_buffer = CAST(into);
  Goto(&check);

  BIND(&if_view);
  var_buffer = LoadJSArrayBufferViewBuffer(CAST(into));
  Goto(&check);

  BIND(&check);
  const TNode<Uint32T> flags =
      LoadObjectField<Uint32T>(var_buffer.value(), JSArrayBuffer::kBitFieldOffset);
  Branch(IsSetWord32(flags, JSArrayBuffer::WasDetachedBit::kMask | JSArrayBuffer::IsSharedBit::kMask |
                                JSArrayBuffer::IsResizableByJsBit::kMask),
         &if_unusable, &if_usable);

  BIND(&if_type);
  Throw(context, StoreError::kBufferType, into);
  BIND(&if_unusable);
  Throw(context, StoreError::kBufferUnusable, into);

  BIND(&if_usable);
}

void StoreBuiltinsAssembler::LoadBuffer(TNode<JSObject> into, TVariable<RawPtrT>* data,
                                        TVariable<UintPtrT>* size) {
  Label if_typed_array(this), if_data_view(this), if_buffer(this), done(this);
  const TNode<Int32T> instance_type = LoadInstanceType(into);
  GotoIf(IsJSTypedArrayInstanceType(instance_type), &if_typed_array);
  Branch(InstanceTypeEqual(instance_type, JS_DATA_VIEW_TYPE), &if_data_view, &if_buffer);

  BIND(&if_typed_array);
  *data = LoadJSTypedArrayDataPtr(CAST(into));
  *size = LoadJSArrayBufferViewByteLength(CAST(into));
  Goto(&done);

  BIND(&if_data_view);
  *data = LoadObjectField<RawPtrT>(into, JSDataView::kDataPointerOffset);
  *size = LoadJSArrayBufferViewByteLength(CAST(into));
  Goto(&done);

  BIND(&if_buffer);
  *data = LoadJSArrayBufferBackingStorePtr(CAST(into));
  *size = LoadJSArrayBufferByteLength(CAST(into));
  Goto(&done);

  BIND(&done);
}

void StoreBuiltinsAssembler::CopyBytes(TNode<RawPtrT> target, TNode<RawPtrT> source,
                                       TNode<UintPtrT> length) {
  // Up to here a loop of words is faster than a call of memcpy.
  constexpr int kMaxInlineBytes = 256;
  const auto copy_word = [&](TNode<UintPtrT> offset) {
    StoreNoWriteBarrier(MachineType::PointerRepresentation(), target, offset,
                        Load<UintPtrT>(source, offset));
  };
  TVARIABLE(UintPtrT, var_i, UintPtrConstant(0));
  Label word_loop(this, &var_i), byte_loop(this, &var_i), if_words(this), if_bytes(this),
      if_long(this), tail(this), done(this);
  GotoIf(UintPtrGreaterThan(length, UintPtrConstant(kMaxInlineBytes)), &if_long);
  Branch(UintPtrLessThan(length, UintPtrConstant(8)), &byte_loop, &if_words);

  BIND(&if_words);
  // Whole words, then the last eight bytes once more, which may overlap the last whole word.
  const TNode<UintPtrT> last = Unsigned(IntPtrSub(Signed(length), IntPtrConstant(8)));
  Goto(&word_loop);
  BIND(&word_loop);
  {
    GotoIfNot(UintPtrLessThan(var_i.value(), last), &tail);
    copy_word(var_i.value());
    var_i = Unsigned(IntPtrAdd(Signed(var_i.value()), IntPtrConstant(8)));
    Goto(&word_loop);
  }
  BIND(&tail);
  copy_word(last);
  Goto(&done);

  BIND(&byte_loop);
  {
    GotoIfNot(UintPtrLessThan(var_i.value(), length), &done);
    StoreNoWriteBarrier(MachineRepresentation::kWord8, target, var_i.value(),
                        Load<Uint8T>(source, var_i.value()));
    var_i = Unsigned(IntPtrAdd(Signed(var_i.value()), IntPtrConstant(1)));
    Goto(&byte_loop);
  }

  BIND(&if_long);
  CallCFunction(ExternalConstant(ExternalReference::libc_memcpy_function()),
                MachineType::AnyTagged(), std::make_pair(MachineType::Pointer(), target),
                std::make_pair(MachineType::Pointer(), source),
                std::make_pair(MachineType::UintPtr(), length));
  Goto(&done);

  BIND(&done);
}

void StoreBuiltinsAssembler::ReturnElement(
    TNode<Context> context, TNode<Object> key, TNode<Object> index, int element_size_log2,
    const std::function<TNode<Object>(TNode<RawPtrT>)>& load) {
  Value value(this);
  Label if_found(this), if_absent(this);
  const TNode<RawPtrT> store = LoadStore(context);
  const TNode<UintPtrT> offset =
      WordShl(ToElementIndex(context, index), UintPtrConstant(element_size_log2));
  Lookup(context, store, key, &value, &if_found, &if_absent);

  BIND(&if_found);
  const TNode<UintPtrT> end =
      Unsigned(IntPtrAdd(Signed(offset), IntPtrConstant(1 << element_size_log2)));
  GotoIf(UintPtrGreaterThan(end, ValueLength(value)), &if_absent);
  Return(load(RawPtrAdd(value.address.value(), Signed(offset))));

  BIND(&if_absent);
  Return(UndefinedConstant());
}

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
    // Loaded only now: Lookup may have called the runtime, which may move a small typed array. It runs no JavaScript,
    // so the buffer is still the one that was checked.
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

  // Of a concatenation one part is copied to its place, and the walk goes on in the other. A part that is a concatenation
  // itself is left to a call, the shorter of two: the calls nest no deeper than the key's length has bits.
  TVARIABLE(String, var_node, string);
  TVARIABLE(IntPtrT, var_offset, SmiUntag(offset));
  Label loop(this, {&var_node, &var_offset}), if_leaf(this), if_cons(this), if_cannot(this);
  const auto is_cons = [&](TNode<String> node) {
    return Word32Equal(
        Word32And(LoadInstanceType(node), Int32Constant(kStringRepresentationMask)),
        Int32Constant(kConsStringTag));
  };
  const auto copy_leaf = [&](TNode<String> leaf, TNode<IntPtrT> length, TNode<IntPtrT> target) {
    CopyAsciiLeaf(leaf, length, RawPtrAdd(scratch, target), &if_cannot);
  };
  const auto copy_cons = [&](TNode<String> cons, TNode<IntPtrT> target) {
    const TNode<Smi> copied = CAST(
        CallBuiltin(Builtin::kShredderFlattenAsciiKey, context, cons, SmiTag(target)));
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
