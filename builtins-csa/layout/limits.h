// The limits of a store: what they bound is refused with an error that names them. The test
// double's are held to these by tests/functions-errors.test.ts, which reads this file.
#pragma once

#include <cstdint>

namespace shredder::layout {

// JavaScript's largest safe integer.
inline constexpr uint64_t kMaxSafeInteger = (1ull << 53) - 1;

inline constexpr uint64_t kMaxKeyBytes = 64 * 1024;
inline constexpr uint64_t kMaxValueBytes = 512ull * 1024 * 1024;
// A value that is read as text: UTF-8 has no fewer bytes than a string has characters, of which
// there may be as many (v8-patches: make-texts-numbers-and-patterns-as-long-as-a-tenant-s-memory).
inline constexpr uint64_t kMaxTextBytes = 32ull * 1024 * 1024;
inline constexpr uint64_t kMaxPatternBytes = 4096;
// Of HTViewMany.
inline constexpr uint64_t kMaxViewsPerCall = 64 * 1024;
// The largest integer key, and its decimal digits.
inline constexpr uint64_t kMaxIntegerKey = kMaxSafeInteger;
inline constexpr int kMaxIntegerKeyDigits = 16;
// A tenant's memory quota.
inline constexpr uint64_t kMinQuotaBytes = 1ull << 20;
inline constexpr uint64_t kMaxQuotaBytes = 64ull << 30;

}  // namespace shredder::layout
