#include "builtins-csa/compiler/store_call_reducer.h"

#include "builtins-csa/builtins/store_builtins_list.h"
#include "builtins-csa/builtins/store_view.h"
#include "builtins-csa/compiler/presence_branch.h"
#include "builtins-csa/layout/key.h"
#include "builtins-csa/layout/table_hash.h"
#include "src/compiler/access-builder.h"
#include "src/compiler/allocation-builder-inl.h"
#include "src/compiler/compilation-dependencies.h"
#include "src/compiler/js-heap-broker.h"
#include "src/compiler/js-operator.h"
#include "src/compiler/map-inference.h"
#include "src/compiler/node-matchers.h"
#include "src/compiler/simplified-operator.h"
#include "src/compiler/type-cache.h"
#include "src/objects/embedder-data-array-inl.h"
#include "src/objects/embedder-data-slot-inl.h"
#include "src/objects/shared-function-info-inl.h"
#include "src/objects/string-inl.h"

namespace v8 {
namespace internal {
namespace compiler {

namespace layout = ::shredder::layout;

namespace {

FieldAccess ViewField(int offset, Type type, const char* name) {
  return {kTaggedBase,        offset, MaybeHandle<Name>(),
          MaybeHandle<Map>(), type,   MachineType::AnyTagged(),
          kFullWriteBarrier,  name};
}
FieldAccess ValueOffsetField(Zone* zone) {
  return ViewField(StoreView::kValueOffsetOffset,
                   Type::Range(0, static_cast<double>(layout::kMaxArenaBytes), zone),
                   "StoreViewValueOffset");
}
FieldAccess ByteLengthField(Zone* zone) {
  return ViewField(StoreView::kByteLengthOffset,
                   Type::Range(0, static_cast<double>(layout::kMaxValueBytes), zone),
                   "StoreViewByteLength");
}
FieldAccess InvocationField(Zone* zone) {
  return ViewField(StoreView::kInvocationOffset,
                   Type::Range(0, static_cast<double>(layout::kMaxIntegerKey), zone),
                   "StoreViewInvocation");
}

}  // namespace

struct StoreCallReducer::Site {
  Site(Node* node, Zone* zone)
      : call(node),
        parameters(call.Parameters()),
        effect(call.effect()),
        control(call.control()),
        fallbacks(zone) {}

  // Whether what is assumed and turns out wrong may deoptimise.
  bool may_speculate() const {
    return parameters.speculation_mode() == SpeculationMode::kAllowSpeculation &&
           parameters.feedback().IsValid();
  }
  Node* Argument(int i) const { return call.Argument(i); }

  JSCallNode call;
  const CallParameters& parameters;
  Effect effect;
  Control control;
  // Where the builtin must do it: (effect, control).
  ZoneVector<std::pair<Node*, Node*>> fallbacks;
};

StoreCallReducer::StoreCallReducer(Editor* editor, JSGraph* jsgraph, JSHeapBroker* broker,
                                   CompilationDependencies* dependencies)
    : AdvancedReducer(editor),
      jsgraph_(jsgraph),
      broker_(broker),
      dependencies_(dependencies),
      operators_(jsgraph->graph()->zone()),
      views_(jsgraph->graph()->zone()),
      left_to_builtin_(jsgraph->graph()->zone()) {}

Reduction StoreCallReducer::Reduce(Node* node) {
  switch (BuiltinOf(node)) {
    case Builtin::kShredderHTHas:
      return ReduceHas(node);
    case Builtin::kShredderHTLength:
      return ReduceLength(node);
    case Builtin::kShredderHTGet:
      return ReduceGet(node);
    case Builtin::kShredderHTGetString:
      return ReduceGetString(node);
    case Builtin::kShredderHTGetUint32:
      return ReduceElement(node, kExternalUint32Array);
    case Builtin::kShredderHTGetFloat64:
      return ReduceElement(node, kExternalFloat64Array);
    case Builtin::kShredderHTView:
      return ReduceView(node);
    case Builtin::kShredderViewByteLength:
      return ReduceViewByteLength(node);
    case Builtin::kShredderViewGetInt8:
      return ReduceViewGetter(node, kExternalInt8Array);
    case Builtin::kShredderViewGetUint8:
      return ReduceViewGetter(node, kExternalUint8Array);
    case Builtin::kShredderViewGetInt16:
      return ReduceViewGetter(node, kExternalInt16Array);
    case Builtin::kShredderViewGetUint16:
      return ReduceViewGetter(node, kExternalUint16Array);
    case Builtin::kShredderViewGetInt32:
      return ReduceViewGetter(node, kExternalInt32Array);
    case Builtin::kShredderViewGetUint32:
      return ReduceViewGetter(node, kExternalUint32Array);
    case Builtin::kShredderViewGetFloat32:
      return ReduceViewGetter(node, kExternalFloat32Array);
    case Builtin::kShredderViewGetFloat64:
      return ReduceViewGetter(node, kExternalFloat64Array);
    case Builtin::kShredderViewGetBigInt64:
      return ReduceViewGetter(node, kExternalBigInt64Array);
    case Builtin::kShredderViewGetBigUint64:
      return ReduceViewGetter(node, kExternalBigUint64Array);
    default:
      return NoChange();
  }
}

Builtin StoreCallReducer::BuiltinOf(Node* node) const {
  if (node->opcode() != IrOpcode::kJSCall || left_to_builtin_.count(node) != 0) {
    return Builtin::kNoBuiltinId;
  }
  HeapObjectMatcher target(JSCallNode(node).target());
  if (!target.HasResolvedValue() || !target.Ref(broker()).IsJSFunction()) {
    return Builtin::kNoBuiltinId;
  }
  const JSFunctionRef function = target.Ref(broker()).AsJSFunction();
  const SharedFunctionInfoRef shared = function.shared(broker());
  if (!shared.HasBuiltinId() ||
      !function.native_context(broker()).equals(broker()->target_native_context())) {
    return Builtin::kNoBuiltinId;
  }
  return shared.builtin_id();
}

// --- Lookups -------------------------------------------------------------------------------------

Reduction StoreCallReducer::ReduceHas(Node* node) {
  Site site(node, graph()->zone());
  if (Store() == nullptr || site.call.ArgumentCount() < 1) return NoChange();
  Node* const reference = Lookup(&site, site.Argument(0), false);
  return Finish(&site, graph()->NewNode(simplified()->BooleanNot(), IsAbsent(reference)));
}

Reduction StoreCallReducer::ReduceLength(Node* node) {
  Site site(node, graph()->zone());
  if (Store() == nullptr || site.call.ArgumentCount() < 1) return NoChange();
  return Finish(&site, LengthOrMinusOne(Lookup(&site, site.Argument(0), false)));
}

Reduction StoreCallReducer::ReduceGet(Node* node) {
  Site site(node, graph()->zone());
  if (Store() == nullptr || site.call.ArgumentCount() < 2 || !site.may_speculate()) {
    return NoChange();
  }
  Node* const reference = Lookup(&site, site.Argument(0), false);
  // The builtin looks at the buffer first; either way an error is its to throw.
  site.effect = graph()->NewNode(operators_.CopyValue(Store(), site.parameters.feedback()),
                                 reference, site.Argument(1), site.effect, site.control);
  return Finish(&site, LengthOrMinusOne(reference));
}

Reduction StoreCallReducer::ReduceGetString(Node* node) {
  Site site(node, graph()->zone());
  if (Store() == nullptr || site.call.ArgumentCount() < 1) return NoChange();
  Node* const reference = Lookup(&site, site.Argument(0), false);
  Node* text = site.effect =
      graph()->NewNode(operators_.MakeString(Store()), reference, site.effect, site.control);
  FallBackUnless(&site, graph()->NewNode(simplified()->BooleanNot(),
                                         graph()->NewNode(simplified()->ObjectIsSmi(), text)));
  text = site.effect = graph()->NewNode(
      common()->TypeGuard(Type::Union(Type::String(), Type::Undefined(), graph()->zone())), text,
      site.effect, site.control);
  return Finish(&site, text);
}

Reduction StoreCallReducer::ReduceElement(Node* node, ExternalArrayType element_type) {
  Site site(node, graph()->zone());
  if (Store() == nullptr || site.call.ArgumentCount() < 2) return NoChange();
  const int size_log2 = ElementSizeLog2Of(
      AccessBuilder::ForTypedArrayElement(element_type, true).machine_type.representation());
  Node* const reference = Lookup(&site, site.Argument(0), false);
  Node* const address = ValueAddress(reference);
  // An absent key's value has no elements.
  Node* const count = graph()->NewNode(simplified()->NumberShiftRightLogical(),
                                       graph()->NewNode(operators_.ValueLength(), reference),
                                       jsgraph()->Constant(size_log2));
  const auto load = [&](Node* index) {
    Node* const byte_offset =
        graph()->NewNode(simplified()->NumberShiftLeft(), index, jsgraph()->Constant(size_log2));
    return LoadElement(&site, element_type, address, byte_offset, jsgraph()->TrueConstant());
  };
  Node* index = site.Argument(1);
  if (site.may_speculate()) {
    index = CheckIndex(&site, index, count);
    return Finish(&site, load(index));
  }

  index = NarrowIndex(&site, index);
  Node* const branch = graph()->NewNode(
      common()->Branch(BranchHint::kTrue),
      graph()->NewNode(simplified()->NumberLessThan(), index, count), site.control);
  Node* const effect_before = site.effect;
  Node* const if_in_bounds = graph()->NewNode(common()->IfTrue(), branch);
  Node* const if_out_of_bounds = graph()->NewNode(common()->IfFalse(), branch);
  site.control = Control(if_in_bounds);
  index = site.effect = graph()->NewNode(
      common()->TypeGuard(Type::Range(0, static_cast<double>(layout::kMaxValueBytes >> size_log2),
                                      graph()->zone())),
      index, site.effect, site.control);
  Node* const element = load(index);
  return Finish(
      &site, Join(&site, element, jsgraph()->UndefinedConstant(), effect_before, if_out_of_bounds));
}

Node* StoreCallReducer::Lookup(Site* site, Node* key, bool marks_view) {
  StoreKeyKind kind = KeyKindOf(key);
  const bool may_speculate = site->may_speculate();
  // Only a check that deoptimises makes an integer of a number whose type does not say so.
  if (kind == StoreKeyKind::kNumber && !may_speculate) kind = StoreKeyKind::kAny;
  StoreLookupParameters parameters = {};
  parameters.store = Store();
  if (kind == StoreKeyKind::kString) key = ResolveConstant(key, &kind, &parameters);
  parameters.native_context =
      reinterpret_cast<Address>(broker()->target_native_context().object().location());
  parameters.key_kind = kind;
  parameters.key_miss = may_speculate ? StoreKeyMiss::kDeoptimize : StoreKeyMiss::kReport;
  parameters.marks_view = marks_view;
  if (may_speculate) parameters.feedback = site->parameters.feedback();
  Node* const reference =
      graph()->NewNode(operators_.Lookup(parameters), key, site->effect, site->control);
  site->effect = Effect(reference);
  if (!may_speculate && kind != StoreKeyKind::kInteger && kind != StoreKeyKind::kConstant) {
    FallBackUnless(site,
                   graph()->NewNode(simplified()->BooleanNot(),
                                    graph()->NewNode(operators_.ValueIs(kNotLookedUp), reference)));
  }
  return reference;
}

// What can be known of a string now need not be found out at each lookup.
Node* StoreCallReducer::ResolveConstant(Node* key, StoreKeyKind* kind,
                                        StoreLookupParameters* parameters) {
  HeapObjectMatcher constant(key);
  if (!constant.HasResolvedValue() || !constant.Ref(broker()).IsInternalizedString()) return key;
  const String string = *constant.Ref(broker()).AsInternalizedString().object();
  if (!string.IsSeqOneByteString()) return key;
  DisallowGarbageCollection no_gc;
  SharedStringAccessGuardIfNeeded guard(broker()->local_isolate_or_isolate());
  const uint8_t* const bytes = SeqOneByteString::cast(string).GetChars(no_gc, guard);
  const auto length = static_cast<uint64_t>(string.length());
  const auto constant_key =
      ::shredder::store::Key::FromBytes({reinterpret_cast<const char*>(bytes), length});
  if (!constant_key) return key;
  for (uint64_t i = 0; i < length; ++i) {
    if (bytes[i] > 0x7f) return key;
  }
  if (constant_key->is_integer()) {
    *kind = StoreKeyKind::kInteger;
    return jsgraph()->Constant(static_cast<double>(constant_key->integer()));
  }
  *kind = StoreKeyKind::kConstant;
  parameters->key_length = length;
  parameters->key_hash = layout::HashBytes(*Store(), reinterpret_cast<const char*>(bytes), length);
  return key;
}

StoreKeyKind StoreCallReducer::KeyKindOf(Node* key) const {
  const Type type = NodeProperties::GetType(key);
  const Type integers =
      Type::Union(TypeCache::Get()->kPositiveSafeInteger, Type::MinusZero(), graph()->zone());
  if (type.Is(integers)) return StoreKeyKind::kInteger;
  if (type.Is(Type::Number())) return StoreKeyKind::kNumber;
  if (type.Is(Type::String())) return StoreKeyKind::kString;
  return StoreKeyKind::kAny;
}

Node* StoreCallReducer::IsAbsent(Node* reference) {
  return graph()->NewNode(operators_.ValueIs(0), reference);
}

Node* StoreCallReducer::LengthOrMinusOne(Node* reference) {
  return graph()->NewNode(common()->Select(MachineRepresentation::kTagged, BranchHint::kFalse),
                          IsAbsent(reference), jsgraph()->MinusOneConstant(),
                          graph()->NewNode(operators_.ValueLength(), reference));
}

Node* StoreCallReducer::ValueAddress(Node* reference) {
  return AddressAt(graph()->NewNode(operators_.ValueOffset(), reference));
}

Node* StoreCallReducer::AddressAt(Node* value_offset) {
  return graph()->NewNode(operators_.ValueAddress(Store()), value_offset);
}

Node* StoreCallReducer::CheckIndex(Site* site, Node* index, Node* count) {
  const FeedbackSource& feedback = site->parameters.feedback();
  if (!NodeProperties::GetType(index).Is(Type::Number())) {
    // CheckBounds alone would take a string for an index.
    index = site->effect =
        graph()->NewNode(simplified()->CheckNumber(feedback), index, site->effect, site->control);
  }
  return site->effect = graph()->NewNode(simplified()->CheckBounds(feedback), index, count,
                                         site->effect, site->control);
}

Node* StoreCallReducer::NarrowIndex(Site* site, Node* index) {
  if (NodeProperties::GetType(index).Is(Type::Unsigned32())) return index;
  FallBackUnless(site, graph()->NewNode(simplified()->ObjectIsSmi(), index));
  index = site->effect = graph()->NewNode(common()->TypeGuard(Type::SignedSmall()), index,
                                          site->effect, site->control);
  FallBackUnless(site, graph()->NewNode(simplified()->NumberLessThanOrEqual(),
                                        jsgraph()->ZeroConstant(), index));
  return site->effect =
             graph()->NewNode(common()->TypeGuard(Type::Intersect(
                                  Type::SignedSmall(), Type::Unsigned32(), graph()->zone())),
                              index, site->effect, site->control);
}

Node* StoreCallReducer::LoadElement(Site* site, ExternalArrayType element_type, Node* address,
                                    Node* byte_offset, Node* is_little_endian) {
  // The arena needs no object to be kept alive for it.
  return site->effect = graph()->NewNode(simplified()->LoadDataViewElement(element_type),
                                         jsgraph()->ZeroConstant(), address, byte_offset,
                                         is_little_endian, site->effect, site->control);
}

// --- Views ---------------------------------------------------------------------------------------

Reduction StoreCallReducer::ReduceView(Node* node) {
  Site site(node, graph()->zone());
  if (Store() == nullptr || site.call.ArgumentCount() < 1) return NoChange();
  Node* const reference = Lookup(&site, site.Argument(0), true);
  PresenceBranch tested(node, jsgraph(), graph()->zone());
  if (site.fallbacks.empty() && tested.IsFound()) return MakeTestedView(&site, reference, tested);
  if (site.may_speculate()) {
    // Without a branch the view need not exist but where it escapes.
    site.effect = graph()->NewNode(
        simplified()->CheckIf(DeoptimizeReason::kOutOfBounds, site.parameters.feedback()),
        graph()->NewNode(simplified()->BooleanNot(), IsAbsent(reference)), site.effect,
        site.control);
    return Finish(&site, MakeView(&site, reference));
  }
  Node* const branch =
      graph()->NewNode(common()->Branch(BranchHint::kFalse), IsAbsent(reference), site.control);
  Node* const effect_before = site.effect;
  Node* const if_absent = graph()->NewNode(common()->IfTrue(), branch);
  site.control = Control(graph()->NewNode(common()->IfFalse(), branch));
  Node* const view = MakeView(&site, reference);
  return Finish(&site, Join(&site, view, jsgraph()->UndefinedConstant(), effect_before, if_absent));
}

Reduction StoreCallReducer::MakeTestedView(Site* site, Node* reference,
                                           const PresenceBranch& tested) {
  const auto redirect = [this](const ZoneVector<Edge>& uses, Node* value, Node* effect) {
    for (Edge use : uses) {
      use.UpdateTo(NodeProperties::IsEffectEdge(use) ? effect : value);
      Revisit(use.from());
    }
  };
  for (Node* null_test : tested.null_tests()) Replace(null_test, jsgraph()->FalseConstant());
  const Effect effect_before = site->effect;
  const Control control_before = site->control;
  Node* const absent = jsgraph()->UndefinedConstant();
  redirect(tested.absent_uses(), absent, effect_before);
  if (!tested.present_uses().empty()) {
    site->control = Control(tested.if_present());
    Node* const view = MakeView(site, reference);
    redirect(tested.present_uses(), view, site->effect);
  }
  Node* const is_absent = IsAbsent(reference);
  NodeProperties::ReplaceValueInput(tested.branch(),
                                    tested.is_true_where_present()
                                        ? graph()->NewNode(simplified()->BooleanNot(), is_absent)
                                        : is_absent,
                                    0);
  Revisit(tested.branch());
  ReplaceWithValue(site->call, absent, effect_before, control_before);
  return Replace(absent);
}

Node* StoreCallReducer::MakeView(Site* site, Node* reference) {
  Zone* const zone = graph()->zone();
  Node* const invocation =
      graph()->NewNode(operators_.LoadHeaderField(Store(), layout::kHeaderOffset_invocation));
  AllocationBuilder allocation(jsgraph(), broker(), site->effect, site->control);
  allocation.Allocate(StoreView::kSize, AllocationType::kYoung, Type::OtherObject());
  allocation.Store(AccessBuilder::ForMap(), ViewMap());
  allocation.Store(AccessBuilder::ForJSObjectPropertiesOrHash(),
                   jsgraph()->EmptyFixedArrayConstant());
  allocation.Store(AccessBuilder::ForJSObjectElements(), jsgraph()->EmptyFixedArrayConstant());
  allocation.Store(ValueOffsetField(zone), graph()->NewNode(operators_.ValueOffset(), reference));
  allocation.Store(ByteLengthField(zone), graph()->NewNode(operators_.ValueLength(), reference));
  allocation.Store(InvocationField(zone), invocation);
  Node* const view = allocation.Finish();
  NodeProperties::SetType(view, Type::OtherObject());
  site->effect = Effect(view);
  views_.insert(view);
  return view;
}

Reduction StoreCallReducer::ReduceViewGetter(Node* node, ExternalArrayType element_type) {
  ReduceMakerOf(JSCallNode(node).receiver());
  Site site(node, graph()->zone());
  Node* const receiver = site.call.receiver();
  if (Store() == nullptr || !CheckView(&site, receiver)) return NoChange();
  Zone* const zone = graph()->zone();
  const int size =
      1 << ElementSizeLog2Of(
          AccessBuilder::ForTypedArrayElement(element_type, true).machine_type.representation());
  Node* limit = site.effect = graph()->NewNode(simplified()->LoadField(ByteLengthField(zone)),
                                               receiver, site.effect, site.control);
  if (size > 1) {
    limit = graph()->NewNode(
        simplified()->NumberMax(), jsgraph()->ZeroConstant(),
        graph()->NewNode(simplified()->NumberSubtract(), limit, jsgraph()->Constant(size - 1)));
  }
  Node* offset = site.call.ArgumentOr(0, jsgraph()->ZeroConstant());
  if (site.may_speculate()) {
    offset = CheckIndex(&site, offset, limit);
  } else {
    // A bad offset has been met here, or a view of another invocation.
    offset = NarrowIndex(&site, offset);
    FallBackUnless(&site, graph()->NewNode(simplified()->NumberLessThan(), offset, limit));
    offset = site.effect = graph()->NewNode(
        common()->TypeGuard(Type::Range(0, static_cast<double>(layout::kMaxValueBytes), zone)),
        offset, site.effect, site.control);
  }
  Node* const value_offset = site.effect = graph()->NewNode(
      simplified()->LoadField(ValueOffsetField(zone)), receiver, site.effect, site.control);
  Node* const is_little_endian = graph()->NewNode(
      simplified()->ToBoolean(), site.call.ArgumentOr(1, jsgraph()->FalseConstant()));
  Node* const element =
      LoadElement(&site, element_type, AddressAt(value_offset), offset, is_little_endian);
  return Finish(&site, element, NodeProperties::GetType(element));
}

Reduction StoreCallReducer::ReduceViewByteLength(Node* node) {
  ReduceMakerOf(JSCallNode(node).receiver());
  Site site(node, graph()->zone());
  Node* const receiver = site.call.receiver();
  // A property's getter: its call has no feedback to forbid what fails, so it never speculates.
  if (Store() == nullptr || !CheckView(&site, receiver)) return NoChange();
  Node* const length = site.effect =
      graph()->NewNode(simplified()->LoadField(ByteLengthField(graph()->zone())), receiver,
                       site.effect, site.control);
  return Finish(&site, length, NodeProperties::GetType(length));
}

// Where nothing may be assumed, a view of another invocation is left to the builtin.
bool StoreCallReducer::CheckView(Site* site, Node* receiver) {
  if (!CheckViewMap(site, receiver)) return false;
  if (IsMadeHere(receiver)) return true;
  Node* const is_current = IsOfThisInvocation(site, receiver);
  if (site->may_speculate()) {
    site->effect = graph()->NewNode(
        simplified()->CheckIf(DeoptimizeReason::kValueMismatch, site->parameters.feedback()),
        is_current, site->effect, site->control);
  } else {
    FallBackUnless(site, is_current);
  }
  return true;
}

// One that was made here, too: code may have changed its map since, by giving it a private field,
// and then the builtins know it no longer.
bool StoreCallReducer::CheckViewMap(Site* site, Node* receiver) {
  MapInference inference(broker(), receiver, site->effect);
  if (inference.HaveMaps()) {
    if (inference.Is(ViewMap())) {
      if (inference.RelyOnMapsViaStability(dependencies_)) return true;
      if (site->may_speculate()) {
        inference.RelyOnMapsPreferStability(dependencies_, jsgraph(), &site->effect, site->control,
                                            site->parameters.feedback());
        return true;
      }
    }
    USE(inference.NoChange());
    return false;
  }
  if (!IsMadeHere(receiver)) return false;
  // Behind a merge, where nothing can be inferred.
  if (ViewMap().is_stable()) {
    dependencies_->DependOnStableMap(ViewMap());
    return true;
  }
  if (!site->may_speculate()) return false;
  site->effect = graph()->NewNode(
      simplified()->CheckMaps(CheckMapsFlag::kNone, ZoneHandleSet<Map>(ViewMap().object()),
                              site->parameters.feedback()),
      receiver, site->effect, site->control);
  return true;
}

Node* StoreCallReducer::IsOfThisInvocation(Site* site, Node* view) {
  Node* const current =
      graph()->NewNode(operators_.LoadHeaderField(Store(), layout::kHeaderOffset_invocation));
  Node* const own = site->effect = graph()->NewNode(
      simplified()->LoadField(InvocationField(graph()->zone())), view, site->effect, site->control);
  return graph()->NewNode(simplified()->NumberEqual(), own, current);
}

namespace {
Node* WithoutGuards(Node* value) {
  while (value->opcode() == IrOpcode::kTypeGuard || value->opcode() == IrOpcode::kCheckHeapObject) {
    value = NodeProperties::GetValueInput(value, 0);
  }
  return value;
}
}  // namespace

void StoreCallReducer::ReduceMakerOf(Node* receiver) {
  Node* const call = WithoutGuards(receiver);
  if (BuiltinOf(call) == Builtin::kShredderHTView && ReduceView(call).Changed()) call->Kill();
}

bool StoreCallReducer::IsMadeHere(Node* view) const {
  return views_.count(WithoutGuards(view)) != 0;
}

MapRef StoreCallReducer::ViewMap() {
  return MakeRef(broker(), broker()->target_native_context().object()->shredder_view_map());
}

// --- Control -------------------------------------------------------------------------------------

void StoreCallReducer::FallBackUnless(Site* site, Node* condition) {
  Node* const branch =
      graph()->NewNode(common()->Branch(BranchHint::kTrue), condition, site->control);
  site->fallbacks.emplace_back(site->effect, graph()->NewNode(common()->IfFalse(), branch));
  site->control = Control(graph()->NewNode(common()->IfTrue(), branch));
}

Node* StoreCallReducer::Join(Site* site, Node* value, Node* other_value, Node* other_effect,
                             Node* other_control) {
  Node* const merge = graph()->NewNode(common()->Merge(2), site->control, other_control);
  site->effect =
      Effect(graph()->NewNode(common()->EffectPhi(2), site->effect, other_effect, merge));
  site->control = Control(merge);
  return graph()->NewNode(common()->Phi(MachineRepresentation::kTagged, 2), value, other_value,
                          merge);
}

Reduction StoreCallReducer::Finish(Site* site, Node* value, Type builtin_type) {
  Node* const node = site->call;
  if (!site->fallbacks.empty()) {
    const int count = static_cast<int>(site->fallbacks.size());
    Node* effect = site->fallbacks[0].first;
    Node* control = site->fallbacks[0].second;
    if (count > 1) {
      ZoneVector<Node*> controls(graph()->zone());
      ZoneVector<Node*> effects(graph()->zone());
      for (const auto& [each_effect, each_control] : site->fallbacks) {
        effects.push_back(each_effect);
        controls.push_back(each_control);
      }
      control = graph()->NewNode(common()->Merge(count), count, controls.data());
      effects.push_back(control);
      effect = graph()->NewNode(common()->EffectPhi(count), count + 1, effects.data());
    }
    Node* const call = graph()->CloneNode(node);
    NodeProperties::ReplaceEffectInput(call, effect);
    NodeProperties::ReplaceControlInput(call, control);
    left_to_builtin_.insert(call);
    Node* after_call = call;
    Node* on_exception = nullptr;
    if (NodeProperties::IsExceptionalCall(node, &on_exception)) {
      Node* const if_exception = graph()->NewNode(common()->IfException(), call, call);
      ReplaceWithValue(on_exception, if_exception, if_exception, if_exception);
      after_call = graph()->NewNode(common()->IfSuccess(), call);
    }
    // Joined to what may be anything, a number would have to be an object.
    Node* const result =
        builtin_type.Is(Type::NonInternal())
            ? graph()->NewNode(common()->TypeGuard(builtin_type), call, call, after_call)
            : call;
    value = Join(site, value, result, result, after_call);
  }
  ReplaceWithValue(node, value, site->effect, site->control);
  return Replace(value);
}

layout::StoreHeader* StoreCallReducer::Store() {
  if (store_is_known_) return store_;
  store_is_known_ = true;
  // The engine sets it before any code runs in the context, and never again.
  const NativeContext context = *broker()->target_native_context().object();
  const EmbedderDataArray data = EmbedderDataArray::cast(context.embedder_data());
  void* base = nullptr;
  if (layout::kStoreEmbedderDataIndex < data.length() &&
      EmbedderDataSlot(data, layout::kStoreEmbedderDataIndex)
          .ToAlignedPointer(broker()->isolate(), &base)) {
    store_ = static_cast<layout::StoreHeader*>(base);
  }
  return store_;
}

}  // namespace compiler
}  // namespace internal
}  // namespace v8
