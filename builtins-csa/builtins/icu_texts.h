// Bounds what ICU works through without a look at interrupts. ICU knows none, so a text is passed
// to it in pieces, or refused where it cannot be taken apart: some of its algorithms take quadratic
// time over combining characters in a row (a minute for 256 Ki of them), and all of them take as
// long as their input.
//
// Thread: the isolate's. What fails has its exception pending.
#pragma once

#include "src/base/optional.h"
#include "src/common/globals.h"
#include "src/handles/maybe-handles.h"
#include "src/objects/string.h"
#include "unicode/normalizer2.h"

namespace v8 {
namespace internal {

class IcuTexts : public AllStatic {
 public:
  // What is compared, segmented, or joined to a list, in UTF-16 units. Takes some 50 ms.
  static constexpr int kMaxUnits = 1 << 18;
  // In a row. The Unicode standard has 30 in its stream-safe format (UAX 15, section 13).
  static constexpr int kMaxCombining = 128;
  // Names of languages, units and the like, in UTF-16 units.
  static constexpr int kMaxNameUnits = 4096;
  // Of a number that is not a double. Takes some 10 ms.
  static constexpr int kMaxDigits = 1 << 14;
  static constexpr int kMaxLocales = 1024;
  static constexpr int kMaxListItems = 1 << 14;
  // Taken through ICU between two looks at interrupts; some milliseconds.
  static constexpr int kPieceUnits = 1 << 16;

  // Each false, with a RangeError, where there is more.
  V8_WARN_UNUSED_RESULT static bool CheckUnits(Isolate* isolate, int64_t units);
  V8_WARN_UNUSED_RESULT static bool CheckName(Isolate* isolate, int units);
  V8_WARN_UNUSED_RESULT static bool CheckDigits(Isolate* isolate, int digits);
  V8_WARN_UNUSED_RESULT static bool CheckLocales(Isolate* isolate, size_t count);
  // Of texts in an array.
  V8_WARN_UNUSED_RESULT static bool CheckList(Isolate* isolate, Handle<FixedArray> texts);
  // What is compared of a flat text: its units from `first` on, and the combining characters there.
  V8_WARN_UNUSED_RESULT static bool CheckCompared(Isolate* isolate, Handle<String> text, int first);

  // As String.prototype.normalize; the same text where it is normalised already. A RangeError where
  // more than kMaxCombining characters are in a row before which the normal form has no boundary.
  V8_WARN_UNUSED_RESULT static MaybeHandle<String> Normalize(Isolate* isolate, Handle<String> text,
                                                             const icu::Normalizer2& normalizer);
  // As u_strToUpper and u_strToLower, of a flat text longer than kPieceUnits. A RangeError where
  // it cannot be taken apart, since the case of characters depends on ones further away: with a
  // capital sigma, or in one of the four languages with rules of their own, that is a piece of
  // nothing but characters which case mapping looks past, or in Greek of nothing but letters.
  V8_WARN_UNUSED_RESULT static MaybeHandle<String> ConvertCase(Isolate* isolate,
                                                               Handle<String> text, bool to_upper,
                                                               const char* language);
};

}  // namespace internal
}  // namespace v8
