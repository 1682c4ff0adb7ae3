// HTSet, HTDelete and HTAdd. What they leave to C++ goes to the engine's functions of the same arguments.

#include "src/builtins/builtins-utils-gen.h"
#include "src/shredder/store_builtins_assembler.h"
#include "src/shredder/store_context.h"

namespace v8 {
namespace internal {

TF_BUILTIN(ShredderHTSet, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  const auto bytes = Parameter<Object>(Descriptor::kBytes);
  Return(Call(context, LoadEmbedderData(context, ::shredder::kSetEmbedderDataIndex),
              UndefinedConstant(), key, bytes));
}

TF_BUILTIN(ShredderHTDelete, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  Return(Call(context, LoadEmbedderData(context, ::shredder::kDeleteEmbedderDataIndex),
              UndefinedConstant(), key));
}

TF_BUILTIN(ShredderHTAdd, StoreBuiltinsAssembler) {
  const auto context = Parameter<Context>(Descriptor::kContext);
  const auto key = Parameter<Object>(Descriptor::kKey);
  const auto delta = Parameter<Object>(Descriptor::kDelta);
  Return(Call(context, LoadEmbedderData(context, ::shredder::kAddEmbedderDataIndex),
              UndefinedConstant(), key, delta));
}

}  // namespace internal
}  // namespace v8
