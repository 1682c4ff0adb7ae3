// Replies made of what functions return.
#pragma once

#include "runtime/engine/value.h"
#include "runtime/resp/reply_writer.h"

namespace shredder::server {

// Appends `value`: undefined as null; a bigint as an integer, or as a bulk string of its digits; a
// number as a double; a string, a buffer and a Date, in ISO 8601, as a bulk string; an object as a
// map; an Error as an error; in RESP2 a boolean as 1 or 0, a map as a flat array, a number as a
// bulk string.
void EncodeValue(const engine::Value& value, resp::ReplyWriter& reply);

}  // namespace shredder::server
