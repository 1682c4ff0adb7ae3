// HTView and the getters of what it makes (store_view.h), and HTGetMany.

#include "builtins-csa/builtins/store_builtins_assembler.h"
#include "builtins-csa/builtins/store_view.h"
#include "src/builtins/builtins-utils-gen.h"
#include "src/objects/js-array-buffer.h"

namespace v8 {
namespace internal {

namespace layout = ::shredder::layout;
using ::shredder::StoreError;

class StoreViewAssembler : public StoreBuiltinsAssembler {
 public:
  explicit StoreViewAssembler(compiler::CodeAssemblerState* state)
      : StoreBuiltinsAssembler(state) {}

 protected:
  // What an element of a view is made of: its bits, zero-extended, or for a float64 its value.
  using MakeElement = std::function<TNode<Object>(TNode<UintPtrT>)>;

  TNode<Map> LoadViewMap(TNode<Context> context) {
    return CAST(LoadContextElement(LoadNativeContext(context), Context::SHREDDER_VIEW_MAP_INDEX));
  }
  // Throws unless the receiver is a view of this context, and one of the invocation that runs.
  TNode<JSObject> CheckViewType(TNode<Context> context, TNode<Object> receiver);
  void CheckViewIsAlive(TNode<Context> context, TNode<RawPtrT> store, TNode<JSObject> view);
  TNode<UintPtrT> LoadByteLength(TNode<JSObject> view) {
    return Unsigned(SmiUntag(LoadObjectField<Smi>(view, StoreView::kByteLengthOffset)));
  }
  // ECMAScript's ToIndex, which may run code of the caller's.
  TNode<UintPtrT> ToIndex(TNode<Context> context, TNode<Object> value);
  // DataView's GetViewValue.
  void ReturnElementOfView(TNode<Context> context, TNode<Object> receiver, TNode<Object> offset,
                           TNode<Object> little_endian, int size, const MakeElement& make);
  // A float64 of its bits. Stored bytes may hold V8's hole, a signalling NaN, which must not reach
  // a JavaScript array.
  TNode<Object> Float64OfBits(TNode<UintPtrT> bits) {
    const TNode<HeapNumber> number = AllocateHeapNumber();
    StoreObjectFieldNoWriteBarrier(number, HeapNumber::kValueOffset, bits);
    return AllocateHeapNumberWithValue(Float64SilenceNaN(LoadHeapNumberValue(number)));
  }
};

TNode<JSObject> StoreViewAssembler::CheckViewType(TNode<Context> context, TNode<Object> receiver) {
  Label if_view(this), if_other(this, Label::kDeferred);
  GotoIf(TaggedIsSmi(receiver), &if_other);
  Branch(TaggedEqual(LoadMap(CAST(receiver)), LoadViewMap(context)), &if_view, &if_other);

  BIND(&if_other);
  Throw(context, StoreError::kNotView, UndefinedConstant());

  BIND(&if_view);
  return UncheckedCast<JSObject>(receiver);
}

void StoreViewAssembler::CheckViewIsAlive(TNode<Context> context, TNode<RawPtrT> store,
                                          TNode<JSObject> view) {
  Label if_alive(this), if_ended(this, Label::kDeferred);
  const TNode<Float64T> own =
      ChangeNumberToFloat64(CAST(LoadObjectField(view, StoreView::kInvocationOffset)));
  const TNode<Float64T> current =
      RoundIntPtrToFloat64(Signed(LoadHeaderField(store, layout::kHeaderOffset_invocation)));
  Branch(Float64Equal(own, current), &if_alive, &if_ended);

  BIND(&if_ended);
  Throw(context, StoreError::kViewEnded, UndefinedConstant());

  BIND(&if_alive);
}

TNode<UintPtrT> StoreViewAssembler::ToIndex(TNode<Context> context, TNode<Object> value) {
  TVARIABLE(UintPtrT, var_index, UintPtrConstant(0));
  Label done(this), if_not_smi(this, Label::kDeferred), if_range(this, Label::kDeferred);
  GotoIfNot(TaggedIsSmi(value), &if_not_smi);
  var_index = Unsigned(SmiUntag(CAST(value)));
  Branch(IntPtrLessThan(Signed(var_index.value()), IntPtrConstant(0)), &if_range, &done);

  BIND(&if_not_smi);
  {
    GotoIf(IsUndefined(value), &done);
    const TNode<Float64T> number = ChangeNumberToFloat64(ToNumber_Inline(context, value));
    // NaN is 0.
    GotoIfNot(Float64Equal(number, number), &done);
    const TNode<Float64T> integer = Float64Trunc(number);
    GotoIfNot(Float64GreaterThanOrEqual(integer, Float64Constant(0)), &if_range);
    GotoIfNot(Float64LessThanOrEqual(integer, Float64Constant(kMaxSafeInteger)), &if_range);
    var_index = Unsigned(ChangeFloat64ToIntPtr(integer));
    Goto(&done);
  }

  BIND(&if_range);
  Throw(context, StoreError::kViewOffset, UndefinedConstant());

  BIND(&done);
  return var_index.value();
}

void StoreViewAssembler::ReturnElementOfView(TNode<Context> context, TNode<Object> receiver,
                                             TNode<Object> offset, TNode<Object> little_endian,
                                             int size, const MakeElement& make) {
  Label if_range(this, Label::kDeferred), if_in_bounds(this), if_little(this), if_big(this);
  const TNode<JSObject> view = CheckViewType(context, receiver);
  const TNode<UintPtrT> index = ToIndex(context, offset);
  // No code of the caller's runs from here on.
  const TNode<RawPtrT> store = LoadStore(context);
  CheckViewIsAlive(context, store, view);
  const TNode<UintPtrT> end = Unsigned(IntPtrAdd(Signed(index), IntPtrConstant(size)));
  Branch(UintPtrLessThanOrEqual(end, LoadByteLength(view)), &if_in_bounds, &if_range);

  BIND(&if_range);
  Throw(context, StoreError::kViewOffset, UndefinedConstant());

  BIND(&if_in_bounds);
  const TNode<Number> value_offset = CAST(LoadObjectField(view, StoreView::kValueOffsetOffset));
  const TNode<RawPtrT> address = RawPtrAdd(
      store, IntPtrAdd(ChangeFloat64ToIntPtr(ChangeNumberToFloat64(value_offset)), Signed(index)));
  BranchIfToBooleanIsTrue(little_endian, &if_little, &if_big);

  const auto load_byte = [&](int i) {
    return Unsigned(ChangeUint32ToWord(Load<Uint8T>(address, IntPtrConstant(i))));
  };
  BIND(&if_little);
  {
    TNode<UintPtrT> bits = load_byte(size - 1);
    if (size == 8) {
      bits = Load<UintPtrT>(address, IntPtrConstant(0));
    } else {
      for (int i = size - 2; i >= 0; --i) {
        bits = Unsigned(WordOr(WordShl(bits, UintPtrConstant(8)), load_byte(i)));
      }
    }
    Return(make(bits));
  }
  BIND(&if_big);
  {
    TNode<UintPtrT> bits = load_byte(0);
    for (int i = 1; i < size; ++i) {
      bits = Unsigned(WordOr(WordShl(bits, UintPtrConstant(8)), load_byte(i)));
    }
    Return(make(bits));
  }
}

TF_BUILTIN(ShredderHTView, StoreViewAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  const TNode<RawPtrT> store = LoadStore(context);
  Value value(this);
  Label if_found(this), if_absent(this);
  Lookup(context, store, key, &value, &if_found, &if_absent);

  BIND(&if_found);
  {
    const TNode<UintPtrT> invocation = LoadHeaderField(store, layout::kHeaderOffset_invocation);
    StoreHeaderField(store, layout::kHeaderOffset_view_invocation, invocation);
    const TNode<Number> value_offset =
        ChangeUintPtrToTagged(Unsigned(RawPtrSub(value.address.value(), store)));
    const TNode<Number> tagged_invocation = ChangeUintPtrToTagged(invocation);
    const TNode<Smi> byte_length = SmiTag(Signed(ValueLength(value)));
    // The last allocation: the collector must not meet the view before its fields are there.
    const TNode<HeapObject> view = AllocateInNewSpace(StoreView::kSize);
    StoreMapNoWriteBarrier(view, LoadViewMap(context));
    StoreObjectFieldNoWriteBarrier(view, JSObject::kPropertiesOrHashOffset,
                                   EmptyFixedArrayConstant());
    StoreObjectFieldNoWriteBarrier(view, JSObject::kElementsOffset, EmptyFixedArrayConstant());
    StoreObjectFieldNoWriteBarrier(view, StoreView::kValueOffsetOffset, value_offset);
    StoreObjectFieldNoWriteBarrier(view, StoreView::kByteLengthOffset, byte_length);
    StoreObjectFieldNoWriteBarrier(view, StoreView::kInvocationOffset, tagged_invocation);
    Return(view);
  }

  BIND(&if_absent);
  Return(UndefinedConstant());
}

TF_BUILTIN(ShredderHTViewMany, StoreViewAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto keys = Parameter<Object>(Descriptor::kKeys);
  // Throws where there is no store.
  LoadStore(context);
  Return(CallRuntime(Runtime::kShredderViewMany, context, keys));
}

TF_BUILTIN(ShredderViewByteLength, StoreViewAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto receiver = Parameter<Object>(Descriptor::kReceiver);
  const TNode<JSObject> view = CheckViewType(context, receiver);
  CheckViewIsAlive(context, LoadStore(context), view);
  Return(SmiTag(Signed(LoadByteLength(view))));
}

#define VIEW_GETTER(Type, size, make)                                                    \
  TF_BUILTIN(ShredderViewGet##Type, StoreViewAssembler) {                                \
    const auto context = Parameter<Context>(Descriptor::kContext);                       \
    const auto receiver = Parameter<Object>(Descriptor::kReceiver);                      \
    const auto offset = Parameter<Object>(Descriptor::kOffset);                          \
    const auto little_endian = Parameter<Object>(Descriptor::kLittleEndian);             \
    ReturnElementOfView(context, receiver, offset, little_endian, size,                  \
                        [this](TNode<UintPtrT> bits) -> TNode<Object> { return make; }); \
  }
// A signed integer of `size` bytes.
#define SIGNED(size)                                                             \
  SmiTag(Signed(WordSar(Signed(WordShl(bits, UintPtrConstant(64 - 8 * (size)))), \
                        IntPtrConstant(64 - 8 * (size)))))
VIEW_GETTER(Int8, 1, SIGNED(1))
VIEW_GETTER(Uint8, 1, SmiTag(Signed(bits)))
VIEW_GETTER(Int16, 2, SIGNED(2))
VIEW_GETTER(Uint16, 2, SmiTag(Signed(bits)))
VIEW_GETTER(Int32, 4, SIGNED(4))
VIEW_GETTER(Uint32, 4, ChangeUintPtrToTagged(bits))
VIEW_GETTER(Float32, 4,
            AllocateHeapNumberWithValue(Float64SilenceNaN(ChangeFloat32ToFloat64(
                BitcastInt32ToFloat32(TruncateIntPtrToInt32(Signed(bits)))))))
VIEW_GETTER(Float64, 8, Float64OfBits(bits))
VIEW_GETTER(BigInt64, 8, BigIntFromInt64(Signed(bits)))
VIEW_GETTER(BigUint64, 8, BigIntFromUint64(bits))
#undef SIGNED
#undef VIEW_GETTER

TF_BUILTIN(ShredderHTGetMany, StoreViewAssembler) {
  // Keys between two looks at whether the invocation should end.
  constexpr int kKeysPerCall = 8192;
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto keys = Parameter<Object>(Descriptor::kKeys);
  const auto field = Parameter<Object>(Descriptor::kField);
  const auto out = Parameter<Object>(Descriptor::kOut);
  Label if_keys_type(this, Label::kDeferred), if_out_type(this, Label::kDeferred),
      if_too_short(this, Label::kDeferred), if_array(this, Label::kDeferred), if_keys(this),
      if_typed_array(this);
  TVARIABLE(BoolT, var_is_array, Int32FalseConstant());

  GotoIf(TaggedIsSmi(keys), &if_keys_type);
  Branch(IsJSArray(CAST(keys)), &if_array, &if_typed_array);
  BIND(&if_array);
  var_is_array = Int32TrueConstant();
  Goto(&if_keys);
  BIND(&if_typed_array);
  GotoIfNot(IsJSTypedArray(CAST(keys)), &if_keys_type);
  Branch(
      Word32Equal(LoadElementsKind(TNode<HeapObject>(CAST(keys))), Int32Constant(UINT32_ELEMENTS)),
      &if_keys, &if_keys_type);

  BIND(&if_keys);
  GotoIf(TaggedIsSmi(out), &if_out_type);
  GotoIfNot(IsJSTypedArray(CAST(out)), &if_out_type);
  TVARIABLE(UintPtrT, var_element_size_log2, UintPtrConstant(2));
  Label if_out(this), if_not_uint32(this);
  const TNode<Int32T> out_kind = LoadElementsKind(TNode<HeapObject>(CAST(out)));
  Branch(Word32Equal(out_kind, Int32Constant(UINT32_ELEMENTS)), &if_out, &if_not_uint32);
  BIND(&if_not_uint32);
  var_element_size_log2 = UintPtrConstant(3);
  Branch(Word32Equal(out_kind, Int32Constant(FLOAT64_ELEMENTS)), &if_out, &if_out_type);

  BIND(&if_out);
  Label if_any_keys(this, Label::kDeferred), if_integers(this), if_usable(this);
  Branch(var_is_array.value(), &if_usable, &if_integers);
  BIND(&if_integers);
  CheckBuffer(context, keys);
  Goto(&if_usable);
  BIND(&if_usable);
  CheckBuffer(context, out);
  const TNode<UintPtrT> element_size_log2 = var_element_size_log2.value();
  const TNode<RawPtrT> store = LoadStore(context);
  const TNode<UintPtrT> index = ToElementIndex(context, field);
  GotoIf(var_is_array.value(), &if_any_keys);
  const TNode<UintPtrT> count = LoadJSTypedArrayLength(CAST(keys));
  GotoIf(UintPtrLessThan(LoadJSTypedArrayLength(CAST(out)), count), &if_too_short);

  TVARIABLE(UintPtrT, var_done, UintPtrConstant(0));
  TVARIABLE(UintPtrT, var_found, UintPtrConstant(0));
  Label loop(this, {&var_done, &var_found}), loop_end(this);
  Goto(&loop);
  BIND(&loop);
  {
    GotoIfNot(UintPtrLessThan(var_done.value(), count), &loop_end);
    // Between two calls the collector may have moved small arrays, and no JavaScript of this
    // context has run.
    const TNode<UintPtrT> part =
        UintPtrMin(Unsigned(IntPtrSub(Signed(count), Signed(var_done.value()))),
                   UintPtrConstant(kKeysPerCall));
    const TNode<RawPtrT> key_data = RawPtrAdd(
        LoadJSTypedArrayDataPtr(CAST(keys)), Signed(WordShl(var_done.value(), UintPtrConstant(2))));
    const TNode<RawPtrT> out_data = RawPtrAdd(LoadJSTypedArrayDataPtr(CAST(out)),
                                              Signed(WordShl(var_done.value(), element_size_log2)));
    const TNode<UintPtrT> found = UncheckedCast<UintPtrT>(CallCFunction(
        ExternalConstant(ExternalReference::shredder_gather_function()), MachineType::UintPtr(),
        std::make_pair(MachineType::Pointer(), store),
        std::make_pair(MachineType::Pointer(), key_data),
        std::make_pair(MachineType::UintPtr(), part), std::make_pair(MachineType::UintPtr(), index),
        std::make_pair(MachineType::Pointer(), out_data),
        std::make_pair(MachineType::UintPtr(), WordShl(UintPtrConstant(1), element_size_log2))));
    var_found = Unsigned(IntPtrAdd(Signed(var_found.value()), Signed(found)));
    var_done = Unsigned(IntPtrAdd(Signed(var_done.value()), Signed(part)));
    PerformStackCheck(context);
    Goto(&loop);
  }
  BIND(&loop_end);
  Return(ChangeUintPtrToTagged(var_found.value()));

  BIND(&if_any_keys);
  Return(CallRuntime(Runtime::kShredderGetMany, context, keys, ChangeUintPtrToTagged(index), out));

  BIND(&if_keys_type);
  Throw(context, StoreError::kKeysType, keys);
  BIND(&if_out_type);
  Throw(context, StoreError::kOutType, out);
  BIND(&if_too_short);
  Throw(context, StoreError::kOutTooShort, UndefinedConstant());
}

}  // namespace internal
}  // namespace v8
