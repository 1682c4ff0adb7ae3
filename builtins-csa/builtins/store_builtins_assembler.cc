#include "builtins-csa/builtins/store_builtins_assembler.h"

#include "src/objects/contexts.h"
#include "src/objects/embedder-data-array.h"
#include "src/objects/js-array-buffer.h"

namespace v8 {
namespace internal {

using ::shredder::StoreError;

void StoreBuiltinsAssembler::BranchIfUsableBuffer(TNode<Object> into, Label* if_usable,
                                                  Label* if_type, Label* if_unusable) {
  TVARIABLE(JSArrayBuffer, var_buffer);
  Label if_buffer(this), if_view(this), check(this);
  GotoIf(TaggedIsSmi(into), if_type);
  const TNode<Int32T> instance_type = LoadInstanceType(CAST(into));
  GotoIf(IsJSTypedArrayInstanceType(instance_type), &if_view);
  GotoIf(InstanceTypeEqual(instance_type, JS_DATA_VIEW_TYPE), &if_view);
  Branch(InstanceTypeEqual(instance_type, JS_ARRAY_BUFFER_TYPE), &if_buffer, if_type);

  BIND(&if_buffer);
  var_buffer = CAST(into);
  Goto(&check);

  BIND(&if_view);
  var_buffer = LoadJSArrayBufferViewBuffer(CAST(into));
  Goto(&check);

  BIND(&check);
  const TNode<Uint32T> flags =
      LoadObjectField<Uint32T>(var_buffer.value(), JSArrayBuffer::kBitFieldOffset);
  Branch(
      IsSetWord32(flags, JSArrayBuffer::WasDetachedBit::kMask | JSArrayBuffer::IsSharedBit::kMask |
                             JSArrayBuffer::IsResizableByJsBit::kMask),
      if_unusable, if_usable);
}

void StoreBuiltinsAssembler::CheckBuffer(TNode<Context> context, TNode<Object> into) {
  Label if_usable(this), if_type(this, Label::kDeferred), if_unusable(this, Label::kDeferred);
  BranchIfUsableBuffer(into, &if_usable, &if_type, &if_unusable);

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
  // Up to here a loop of vectors is faster than a call of memcpy.
  constexpr int kMaxInlineBytes = 256;
  const auto copy = [&](MachineType type, TNode<UintPtrT> offset) {
    StoreNoWriteBarrier(type.representation(), target, offset, Load(type, source, offset));
  };
  TVARIABLE(UintPtrT, var_i, UintPtrConstant(0));
  Label vector_loop(this, &var_i), byte_loop(this, &var_i), if_words(this), if_vectors(this),
      if_many(this), if_less(this), if_long(this), tail(this), done(this);
  GotoIf(UintPtrGreaterThan(length, UintPtrConstant(kMaxInlineBytes)), &if_long);
  GotoIf(UintPtrGreaterThan(length, UintPtrConstant(64)), &if_many);
  Branch(UintPtrLessThan(length, UintPtrConstant(16)), &if_less, &if_vectors);

  BIND(&if_less);
  Branch(UintPtrLessThan(length, UintPtrConstant(8)), &byte_loop, &if_words);

  BIND(&if_words);
  // The first eight bytes, and the last, which may overlap them.
  copy(MachineType::Uint64(), UintPtrConstant(0));
  copy(MachineType::Uint64(), Unsigned(IntPtrSub(Signed(length), IntPtrConstant(8))));
  Goto(&done);

  BIND(&if_vectors);
  // Likewise, a vector of sixteen bytes at each end, or two: without a loop, whose end takes longer
  // to find than they take to copy.
  copy(MachineType::Simd128(), UintPtrConstant(0));
  copy(MachineType::Simd128(), Unsigned(IntPtrSub(Signed(length), IntPtrConstant(16))));
  GotoIf(UintPtrLessThan(length, UintPtrConstant(33)), &done);
  copy(MachineType::Simd128(), UintPtrConstant(16));
  copy(MachineType::Simd128(), Unsigned(IntPtrSub(Signed(length), IntPtrConstant(32))));
  Goto(&done);

  BIND(&if_many);
  // Whole vectors, then the last sixteen bytes, which may overlap them.
  const TNode<UintPtrT> last = Unsigned(IntPtrSub(Signed(length), IntPtrConstant(16)));
  Goto(&vector_loop);
  BIND(&vector_loop);
  {
    GotoIfNot(UintPtrLessThan(var_i.value(), last), &tail);
    copy(MachineType::Simd128(), var_i.value());
    var_i = Unsigned(IntPtrAdd(Signed(var_i.value()), IntPtrConstant(16)));
    Goto(&vector_loop);
  }
  BIND(&tail);
  copy(MachineType::Simd128(), last);
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

void StoreBuiltinsAssembler::CheckAscii(TNode<RawPtrT> bytes, TNode<UintPtrT> length,
                                        Label* if_not) {
  constexpr uint64_t kNonAsciiBits = 0x8080808080808080;
  const auto check = [&](TNode<UintPtrT> word) {
    GotoIf(WordNotEqual(WordAnd(word, UintPtrConstant(kNonAsciiBits)), UintPtrConstant(0)), if_not);
  };
  TVARIABLE(UintPtrT, var_i, UintPtrConstant(0));
  Label word_loop(this, &var_i), byte_loop(this, &var_i), if_words(this), tail(this), done(this);
  Branch(UintPtrLessThan(length, UintPtrConstant(8)), &byte_loop, &if_words);

  BIND(&if_words);
  // Whole words, then the last eight bytes, which may overlap them.
  const TNode<UintPtrT> last = Unsigned(IntPtrSub(Signed(length), IntPtrConstant(8)));
  Goto(&word_loop);
  BIND(&word_loop);
  {
    GotoIfNot(UintPtrLessThan(var_i.value(), last), &tail);
    check(Load<UintPtrT>(bytes, var_i.value()));
    var_i = Unsigned(IntPtrAdd(Signed(var_i.value()), IntPtrConstant(8)));
    Goto(&word_loop);
  }
  BIND(&tail);
  check(Load<UintPtrT>(bytes, last));
  Goto(&done);

  BIND(&byte_loop);
  {
    GotoIfNot(UintPtrLessThan(var_i.value(), length), &done);
    check(Unsigned(ChangeUint32ToWord(Load<Uint8T>(bytes, var_i.value()))));
    var_i = Unsigned(IntPtrAdd(Signed(var_i.value()), IntPtrConstant(1)));
    Goto(&byte_loop);
  }

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

TNode<Object> StoreBuiltinsAssembler::LoadEmbedderData(TNode<Context> context, int index) {
  Label if_long_enough(this), if_there(this), if_none(this, Label::kDeferred);
  const TNode<EmbedderDataArray> data =
      CAST(LoadContextElement(LoadNativeContext(context), Context::EMBEDDER_DATA_INDEX));
  const TNode<IntPtrT> length =
      SmiUntag(LoadObjectField<Smi>(data, EmbedderDataArray::kLengthOffset));
  Branch(IntPtrLessThan(IntPtrConstant(index), length), &if_long_enough, &if_none);

  BIND(&if_long_enough);
  const TNode<Object> element = LoadObjectField(data, EmbedderDataArray::OffsetOfElementAt(index));
  Branch(IsUndefined(element), &if_none, &if_there);

  BIND(&if_none);
  Throw(context, StoreError::kNoStore, UndefinedConstant());

  BIND(&if_there);
  return element;
}

}  // namespace internal
}  // namespace v8
