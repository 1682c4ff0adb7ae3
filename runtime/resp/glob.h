// Glob patterns of KEYS, SCAN MATCH, CONFIG GET and FUNCTION LIST.
#pragma once

#include <string_view>

namespace shredder::resp {

// Whether all of `text` matches `pattern`, bytewise: * ? [abc] [^abc] [a-z] and \ before a literal
// byte, with the leniencies of Redis's stringmatchlen (util.c) for unclosed brackets and a trailing
// backslash. ASCII case is ignored with `ignore_case`. O(pattern * text) at worst: only the last *
// is ever retried.
bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case = false);

}  // namespace shredder::resp
