#include "builtins-csa/compiler/store_operators.h"

#include "src/base/functional.h"
#include "src/compiler/opcodes.h"
#include "src/zone/zone.h"

namespace v8 {
namespace internal {
namespace compiler {

namespace layout = ::shredder::layout;

bool operator==(const StoreLookupParameters& a, const StoreLookupParameters& b) {
  return a.store == b.store && a.native_context == b.native_context && a.key_kind == b.key_kind &&
         a.key_miss == b.key_miss && a.key_length == b.key_length && a.key_hash == b.key_hash &&
         a.marks_view == b.marks_view && a.has_directory == b.has_directory &&
         a.feedback == b.feedback;
}

size_t hash_value(const StoreLookupParameters& p) {
  return base::hash_combine(p.store, static_cast<int>(p.key_kind), static_cast<int>(p.key_miss),
                            p.key_length, p.key_hash, p.marks_view, p.has_directory,
                            FeedbackSource::Hash()(p.feedback));
}

std::ostream& operator<<(std::ostream& os, const StoreLookupParameters& p) {
  return os << "key kind " << static_cast<int>(p.key_kind) << ", key miss "
            << static_cast<int>(p.key_miss) << ", marks view " << p.marks_view << ", "
            << p.feedback;
}

bool operator==(const StoreFieldParameters& a, const StoreFieldParameters& b) {
  return a.store == b.store && a.offset == b.offset && a.feedback == b.feedback;
}

size_t hash_value(const StoreFieldParameters& p) {
  return base::hash_combine(p.store, p.offset, FeedbackSource::Hash()(p.feedback));
}

std::ostream& operator<<(std::ostream& os, const StoreFieldParameters& p) {
  return os << "offset " << p.offset << ", " << p.feedback;
}

// Reads of the store are ordered among its writes by the effect chain; what they write (nothing
// that JavaScript sees) does not keep a frame state from being used after them.
const Operator* StoreOperators::Lookup(const StoreLookupParameters& parameters) {
  return zone_->New<Operator1<StoreLookupParameters>>(
      IrOpcode::kShredderLookup, Operator::kNoThrow | Operator::kNoWrite, "ShredderLookup",
      parameters.has_directory ? 3 : 1, 1, 1, 1, 1, 0, parameters);
}

const Operator* StoreOperators::ValueIs(uint64_t word) {
  return zone_->New<Operator1<uint64_t>>(IrOpcode::kShredderValueIs, Operator::kPure,
                                         "ShredderValueIs", 1, 0, 0, 1, 0, 0, word);
}

const Operator* StoreOperators::ValueLength() {
  return zone_->New<Operator>(IrOpcode::kShredderValueLength, Operator::kPure,
                              "ShredderValueLength", 1, 0, 0, 1, 0, 0);
}

const Operator* StoreOperators::ValueOffset() {
  return zone_->New<Operator>(IrOpcode::kShredderValueOffset, Operator::kPure,
                              "ShredderValueOffset", 1, 0, 0, 1, 0, 0);
}

const Operator* StoreOperators::ValueAddress(layout::StoreHeader* store) {
  return zone_->New<Operator1<StoreFieldParameters>>(
      IrOpcode::kShredderValueAddress, Operator::kPure, "ShredderValueAddress", 1, 0, 0, 1, 0, 0,
      StoreFieldParameters{store, 0, FeedbackSource()});
}

const Operator* StoreOperators::LoadHeaderField(layout::StoreHeader* store, int offset) {
  return zone_->New<Operator1<StoreFieldParameters>>(
      IrOpcode::kShredderLoadHeaderField, Operator::kPure, "ShredderLoadHeaderField", 0, 0, 0, 1, 0,
      0, StoreFieldParameters{store, offset, FeedbackSource()});
}

const Operator* StoreOperators::CopyValue(layout::StoreHeader* store,
                                          const FeedbackSource& feedback) {
  return zone_->New<Operator1<StoreFieldParameters>>(
      IrOpcode::kShredderCopyValue, Operator::kNoThrow, "ShredderCopyValue", 2, 1, 1, 0, 1, 0,
      StoreFieldParameters{store, 0, feedback});
}

const Operator* StoreOperators::MakeString(layout::StoreHeader* store) {
  return zone_->New<Operator1<StoreFieldParameters>>(
      IrOpcode::kShredderMakeString, Operator::kNoThrow | Operator::kNoWrite | Operator::kNoDeopt,
      "ShredderMakeString", 1, 1, 1, 1, 1, 0, StoreFieldParameters{store, 0, FeedbackSource()});
}

const StoreLookupParameters& StoreLookupParametersOf(const Operator* op) {
  DCHECK_EQ(IrOpcode::kShredderLookup, op->opcode());
  return OpParameter<StoreLookupParameters>(op);
}

const StoreFieldParameters& StoreFieldParametersOf(const Operator* op) {
  return OpParameter<StoreFieldParameters>(op);
}

uint64_t ValueIsWordOf(const Operator* op) {
  DCHECK_EQ(IrOpcode::kShredderValueIs, op->opcode());
  return OpParameter<uint64_t>(op);
}

Type TypeOfStoreOperator(const Operator* op, Zone* zone) {
  switch (op->opcode()) {
    case IrOpcode::kShredderLookup:
    case IrOpcode::kShredderValueAddress:
      return Type::ExternalPointer();
    case IrOpcode::kShredderValueIs:
      return Type::Boolean();
    case IrOpcode::kShredderValueLength:
      return Type::Range(0, static_cast<double>(layout::kMaxValueBytes), zone);
    case IrOpcode::kShredderValueOffset:
      return Type::Range(0, static_cast<double>(layout::kMaxArenaBytes), zone);
    case IrOpcode::kShredderLoadHeaderField:
      return Type::Range(0, static_cast<double>(layout::kMaxIntegerKey), zone);
    case IrOpcode::kShredderCopyValue:
      return Type::None();
    case IrOpcode::kShredderMakeString:
      return Type::Union(Type::Union(Type::String(), Type::Undefined(), zone), Type::SignedSmall(),
                         zone);
    default:
      UNREACHABLE();
  }
}

StoreOperatorUses UsesOfStoreOperator(const Operator* op) {
  switch (op->opcode()) {
    case IrOpcode::kShredderLookup: {
      const StoreLookupParameters& p = StoreLookupParametersOf(op);
      const MachineRepresentation word = MachineRepresentation::kWord64;
      switch (p.key_kind) {
        case StoreKeyKind::kInteger:
          return {1, {UseInfo::Word64(kIdentifyZeros), UseInfo::None()}, word};
        case StoreKeyKind::kNumber:
          return {1,
                  {UseInfo::CheckedSigned64AsWord64(kIdentifyZeros, p.feedback), UseInfo::None()},
                  word};
        case StoreKeyKind::kString:
        case StoreKeyKind::kConstant:
        case StoreKeyKind::kAny:
          return {1, {UseInfo::AnyTagged(), UseInfo::None()}, word};
      }
      UNREACHABLE();
    }
    case IrOpcode::kShredderValueIs:
      return {1, {UseInfo::Word(), UseInfo::None()}, MachineRepresentation::kBit};
    case IrOpcode::kShredderValueLength:
      return {1, {UseInfo::Word(), UseInfo::None()}, MachineRepresentation::kWord32};
    case IrOpcode::kShredderValueOffset:
    case IrOpcode::kShredderValueAddress:
      return {1, {UseInfo::Word(), UseInfo::None()}, MachineRepresentation::kWord64};
    case IrOpcode::kShredderLoadHeaderField:
      return {0, {UseInfo::None(), UseInfo::None()}, MachineRepresentation::kWord64};
    case IrOpcode::kShredderCopyValue:
      return {2, {UseInfo::Word(), UseInfo::AnyTagged()}, MachineRepresentation::kNone};
    case IrOpcode::kShredderMakeString:
      return {1, {UseInfo::Word(), UseInfo::None()}, MachineRepresentation::kTagged};
    default:
      UNREACHABLE();
  }
}

}  // namespace compiler
}  // namespace internal
}  // namespace v8
