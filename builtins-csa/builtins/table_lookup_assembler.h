// The table's lookup as CodeStubAssembler nodes: the same steps over the same bytes as
// builtins-csa/layout/table_lookup.h.
//
// The emitted code runs on the shard's thread inside an invocation. Raw pointers into V8's heap and
// into the arena are made after everything that could call out of the builtin, and are not held
// across a call.
#pragma once

#include "builtins-csa/layout/store_errors.h"
#include "builtins-csa/layout/table_layout.h"
#include "src/codegen/code-stub-assembler.h"

namespace v8 {
namespace internal {

class TableLookupAssembler : public CodeStubAssembler {
 public:
  explicit TableLookupAssembler(compiler::CodeAssemblerState* state) : CodeStubAssembler(state) {}

 protected:
  // What a lookup found: the slot, its value word and the value's first byte in the arena.
  struct Value {
    explicit Value(TableLookupAssembler* assembler)
        : slot(assembler->ReinterpretCast<RawPtrT>(assembler->IntPtrConstant(0)), assembler),
          word(assembler->UintPtrConstant(0), assembler),
          address(assembler->ReinterpretCast<RawPtrT>(assembler->IntPtrConstant(0)), assembler) {}
    TVariable<RawPtrT> slot;
    TVariable<UintPtrT> word;
    TVariable<RawPtrT> address;
  };

  // The base of the store that belongs to the native context of `context`; throws where it has
  // none.
  TNode<RawPtrT> LoadStore(TNode<Context> context);

  // Looks up any JavaScript value as a key; throws for what is not one. Calls out of the builtin
  // only for strings that are not ASCII.
  void Lookup(TNode<Context> context, TNode<RawPtrT> store, TNode<Object> key, Value* value,
              Label* if_found, Label* if_absent);

  // The value's length in bytes.
  TNode<UintPtrT> ValueLength(const Value& value);

  // The non-negative integer that `index` is; for an integer too large for any value, the largest
  // Smi. Throws for anything else.
  TNode<UintPtrT> ToElementIndex(TNode<Context> context, TNode<Object> index);

  void Throw(TNode<Context> context, ::shredder::StoreError error, TNode<Object> argument);

  // Copies ASCII characters of `string`, sequential or not, one-byte or not, to `target`; jumps out
  // for any other character.
  void CopyAsciiLeaf(TNode<String> string, TNode<IntPtrT> length, TNode<RawPtrT> target,
                     Label* if_other);

  TNode<UintPtrT> LoadHeaderField(TNode<RawPtrT> store, int offset);
  void StoreHeaderField(TNode<RawPtrT> store, int offset, TNode<UintPtrT> value);

  TNode<RawPtrT> EntryOf(TNode<RawPtrT> store, TNode<UintPtrT> value_word);
  // Where the key's bytes begin in the entry of a value word.
  TNode<RawPtrT> KeyAddress(TNode<RawPtrT> entry, TNode<UintPtrT> value_word);
  // HashInteger of table_hash.h.
  TNode<UintPtrT> HashInteger(TNode<RawPtrT> store, TNode<UintPtrT> integer);
  // HomeBytes of table_layout.h.
  TNode<UintPtrT> HomeBytes(TNode<UintPtrT> hash, TNode<UintPtrT> pages);
  // The directory word of the segment of `hash`.
  TNode<UintPtrT> LoadDirectoryWord(TNode<RawPtrT> store, TNode<UintPtrT> hash);

 private:
  TNode<UintPtrT> FoldedMultiply(TNode<UintPtrT> a, TNode<UintPtrT> b);
  // The word of a key's bytes at `offset`, zeros in place of what lies past `length`.
  TNode<UintPtrT> LoadKeyWord(TNode<RawPtrT> bytes, TNode<UintPtrT> offset, TNode<UintPtrT> length);
  void CountLookup(TNode<RawPtrT> store, int difference);
  // Goes to if_integer with *integer set where the bytes are the canonical decimal form (decimal.h)
  // of an integer key.
  void BranchIfDecimal(TNode<RawPtrT> bytes, TNode<UintPtrT> length, TVariable<UintPtrT>* integer,
                       Label* if_integer, Label* if_bytes);
  // Probes the segment of `hash` for slots whose key word is `key_word`. `compare` is empty for
  // integer keys.
  void Probe(TNode<RawPtrT> store, TNode<UintPtrT> hash, TNode<UintPtrT> key_word, Value* value,
             Label* if_candidate_found, Label* if_absent,
             const std::function<void(TNode<RawPtrT> entry, Label* if_other)>& compare);
};

}  // namespace internal
}  // namespace v8
