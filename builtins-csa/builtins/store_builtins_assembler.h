// What the builtins of shredder:store have in common: buffers, elements, and calls of C++ for what
// generated code leaves.
#pragma once

#include "builtins-csa/builtins/table_lookup_assembler.h"

namespace v8 {
namespace internal {

class StoreBuiltinsAssembler : public TableLookupAssembler {
 public:
  explicit StoreBuiltinsAssembler(compiler::CodeAssemblerState* state)
      : TableLookupAssembler(state) {}

 protected:
  // Tells an ArrayBuffer, or a view, whose memory is its own thread's, of fixed size, and there,
  // from what is of another type and from what lacks that.
  void BranchIfUsableBuffer(TNode<Object> into, Label* if_usable, Label* if_type,
                            Label* if_unusable);
  // Throws unless the buffer is usable.
  void CheckBuffer(TNode<Context> context, TNode<Object> into);
  // First byte and size of a buffer that is usable, and that has been since the last call out of
  // the builtin.
  void LoadBuffer(TNode<JSObject> into, TVariable<RawPtrT>* data, TVariable<UintPtrT>* size);
  void CopyBytes(TNode<RawPtrT> target, TNode<RawPtrT> source, TNode<UintPtrT> length);
  // Goes on where all of the bytes are ASCII.
  void CheckAscii(TNode<RawPtrT> bytes, TNode<UintPtrT> length, Label* if_not);
  // HTGetUint32 and HTGetFloat64: `load` makes the result from the element's address.
  void ReturnElement(TNode<Context> context, TNode<Object> key, TNode<Object> index,
                     int element_size_log2,
                     const std::function<TNode<Object>(TNode<RawPtrT>)>& load);

  // The element of the native context's embedder data at `index`; throws where the context is not a
  // tenant's.
  TNode<Object> LoadEmbedderData(TNode<Context> context, int index);
};

}  // namespace internal
}  // namespace v8
