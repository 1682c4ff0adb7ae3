// Replies made of what functions return.
#pragma once

#include "runtime/engine/value.h"
#include "runtime/resp/reply_writer.h"

namespace shredder::server {

// Appends `value`: a bigint as an integer, a number as a double, a string or buffer as a bulk
// string, an Error as an error; in RESP2 a boolean as 1 or 0, a map as a flat array, a number as a
// bulk string.
void EncodeValue(const engine::Value& value, resp::ReplyWriter& reply);

}  // namespace shredder::server
