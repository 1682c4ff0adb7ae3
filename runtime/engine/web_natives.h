// The functions in C++ that the web's basics (web/) are written over.
#pragma once

#include <v8.h>

namespace shredder::engine {

// encodeUtf8(text): a Uint8Array; decodeUtf8(bytes, fatal): their text, or undefined where `fatal`
// and they are malformed; randomBytes(n): a Uint8Array, from the kernel; digest(name, bytes,
// look): a Uint8Array, where `look` is called now and then, to end with it; enqueue(function): a
// microtask; clone(value, buffers, makeError): a copy, of which the buffers are taken along;
// log(level, text); domainToAscii(domain): as the URL standard's "domain to ASCII" has it where it
// is not strict, or undefined where that fails, as it does beyond 1,000 UTF-16 units.
//
// `state`: an External of the context's StoreModuleState. Empty with an exception pending where
// memory runs out.
v8::MaybeLocal<v8::Object> MakeWebNatives(v8::Local<v8::Context> context,
                                          v8::Local<v8::Value> state);

}  // namespace shredder::engine
