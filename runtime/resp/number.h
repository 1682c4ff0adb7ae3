// Numbers in requests and replies, read as strictly as Redis reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shredder::resp {

// Redis's string2ll (util.c): optional '-', no '+', no leading zeros, no spaces, no "-0", within
// int64. *value is untouched where it returns false.
bool ParseInteger(std::string_view text, int64_t* value);

// The same for non-negative numbers up to 2^64 - 1 (SCAN's cursor).
bool ParseUnsigned(std::string_view text, uint64_t* value);

// The shortest digits that read back as the same double, in JavaScript's notation (no exponent from
// 1e-6 up to 1e21): "0.1", "25604597", "1e+21"; "inf", "-inf", "nan", and "-0".
void AppendDouble(double value, std::string* out);
std::string FormatDouble(double value);

}  // namespace shredder::resp
