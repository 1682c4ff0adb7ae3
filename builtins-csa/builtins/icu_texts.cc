#include "builtins-csa/builtins/icu_texts.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "builtins-csa/builtins/interrupt_poll.h"
#include "src/objects/fixed-array-inl.h"
#include "src/objects/string-inl.h"
#include "src/strings/string-builder-inl.h"
#include "unicode/uchar.h"
#include "unicode/ustring.h"
#include "unicode/utf16.h"

namespace v8 {
namespace internal {

namespace {

constexpr base::uc16 kCapitalSigma = 0x3A3;
// Below it nothing combines with what is before it.
constexpr base::uc32 kFirstCombining = 0x300;

// Says what there is too much of; false.
bool Refuse(Isolate* isolate, const char* what, const char* why) {
  Factory* const factory = isolate->factory();
  isolate->Throw(*factory->NewRangeError(MessageTemplate::kInvalid,
                                         factory->NewStringFromAsciiChecked(what),
                                         factory->NewStringFromAsciiChecked(why)));
  return false;
}

// Units of a flat text, outside of the heap.
class Units {
 public:
  void Read(Handle<String> text, int begin, int end) {
    units_.resize(static_cast<size_t>(end - begin));
    String::WriteToFlat(*text, reinterpret_cast<uint16_t*>(units_.data()), begin, end - begin);
  }

  const UChar* data() const { return units_.data(); }
  int size() const { return static_cast<int>(units_.size()); }
  void Resize(int size) { units_.resize(static_cast<size_t>(size)); }
  UChar* data() { return units_.data(); }
  void PushBack(UChar unit) { units_.push_back(unit); }
  void InsertFront(UChar unit) { units_.insert(units_.begin(), unit); }

  // The character that begins at, or ends before, a place.
  base::uc32 At(int place) const {
    UChar32 c;
    U16_GET(units_.data(), 0, place, size(), c);
    return static_cast<base::uc32>(c);
  }
  base::uc32 Before(int place) const {
    UChar32 c;
    U16_PREV(units_.data(), 0, place, c);
    return static_cast<base::uc32>(c);
  }
  bool IsWithinPair(int place) const {
    return place > 0 && place < size() && U16_IS_TRAIL(units_[place]) &&
           U16_IS_LEAD(units_[place - 1]);
  }

 private:
  std::vector<UChar> units_;
};

bool AppendUnits(Isolate* isolate, IncrementalStringBuilder* builder, const UChar* units,
                 int count) {
  if (count == 0) return true;
  Handle<String> piece;
  const base::Vector<const base::uc16> vector(reinterpret_cast<const base::uc16*>(units), count);
  if (!isolate->factory()->NewStringFromTwoByte(vector).ToHandle(&piece)) return false;
  builder->AppendString(piece);
  return true;
}

// Whether a run of characters without a boundary before them is longer than it may be; carries its
// length from one piece to the next.
class CombiningRun {
 public:
  explicit CombiningRun(const icu::Normalizer2& normalizer) : normalizer_(normalizer) {}

  bool IsTooLong(const UChar* units, int count) {
    for (int i = 0; i < count;) {
      if (units[i] < kFirstCombining) {
        length_ = 0;
        i++;
        continue;
      }
      UChar32 c;
      U16_NEXT(units, i, count, c);
      length_ = normalizer_.hasBoundaryBefore(c) ? 0 : length_ + 1;
      if (length_ > IcuTexts::kMaxCombining) return true;
    }
    return false;
  }

 private:
  const icu::Normalizer2& normalizer_;
  int length_ = 0;
};

bool RefuseCombining(Isolate* isolate) {
  return Refuse(isolate, "text", "more than 128 combining characters in a row");
}
static_assert(IcuTexts::kMaxCombining == 128, "the message");

// The last place up to which a piece can be normalised without what follows it; the run before it
// is known to be no longer than kMaxCombining.
int BoundaryBefore(const icu::Normalizer2& normalizer, const Units& units) {
  for (int place = units.size() - 1; place > 0; place--) {
    if (!units.IsWithinPair(place) && normalizer.hasBoundaryBefore(units.At(place))) return place;
  }
  return units.size();
}

// How the case of a character may depend on characters around it.
enum class CaseContext { kNone, kLetters, kGreek };

CaseContext CaseContextOf(Handle<String> text, bool to_upper, const char* language) {
  const std::string_view name(language);
  if (name == "el" && to_upper) return CaseContext::kGreek;
  if (!name.empty()) return CaseContext::kLetters;
  if (to_upper) return CaseContext::kNone;
  DisallowGarbageCollection no_gc;
  const String::FlatContent flat = text->GetFlatContent(no_gc);
  if (flat.IsOneByte()) return CaseContext::kNone;
  const base::Vector<const base::uc16> units = flat.ToUC16Vector();
  const bool has_sigma = std::find(units.begin(), units.end(), kCapitalSigma) != units.end();
  return has_sigma ? CaseContext::kLetters : CaseContext::kNone;
}

bool IsCased(base::uc32 c) { return u_hasBinaryProperty(c, UCHAR_CASED); }
bool IsLookedPast(base::uc32 c) { return u_hasBinaryProperty(c, UCHAR_CASE_IGNORABLE); }

// The last place within the units where they can be taken apart, or 0: no rule of case mapping
// looks past a character that is not case-ignorable (the standard's section 3.13, table 3-17), and
// of such a one only whether it is cased, but for Greek, where a vowel counts.
int CaseBoundaryBefore(const Units& units, CaseContext context) {
  for (int place = units.size() - 1; place > 0; place--) {
    if (units.IsWithinPair(place)) continue;
    if (context == CaseContext::kNone) return place;
    const base::uc32 before = units.Before(place);
    if (IsLookedPast(before) || IsLookedPast(units.At(place))) continue;
    if (context == CaseContext::kGreek && IsCased(before)) continue;
    return place;
  }
  return 0;
}

}  // namespace

bool IcuTexts::CheckUnits(Isolate* isolate, int64_t units) {
  return units <= kMaxUnits || Refuse(isolate, "text", "longer than 262144 UTF-16 units");
}
static_assert(IcuTexts::kMaxUnits == 262144, "the message");

bool IcuTexts::CheckName(Isolate* isolate, int units) {
  return units <= kMaxNameUnits || Refuse(isolate, "name", "longer than 4096 UTF-16 units");
}
static_assert(IcuTexts::kMaxNameUnits == 4096, "the message");

bool IcuTexts::CheckDigits(Isolate* isolate, int digits) {
  return digits <= kMaxDigits || Refuse(isolate, "number", "longer than 16384 digits");
}
static_assert(IcuTexts::kMaxDigits == 16384, "the message");

bool IcuTexts::CheckLocales(Isolate* isolate, size_t count) {
  return count <= kMaxLocales || Refuse(isolate, "list of locales", "more than 1024 of them");
}
static_assert(IcuTexts::kMaxLocales == 1024, "the message");

bool IcuTexts::CheckList(Isolate* isolate, Handle<FixedArray> texts) {
  if (texts->length() > kMaxListItems) return Refuse(isolate, "list", "more than 16384 items");
  int64_t units = 0;
  for (int i = 0; i < texts->length(); i++) units += String::cast(texts->get(i)).length();
  return CheckUnits(isolate, units);
}
static_assert(IcuTexts::kMaxListItems == 16384, "the message");

bool IcuTexts::CheckCompared(Isolate* isolate, Handle<String> text, int first) {
  const int length = text->length();
  if (!CheckUnits(isolate, length - first)) return false;
  if (text->IsOneByteRepresentation() || length - first <= kMaxCombining) return true;
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* const normalizer = icu::Normalizer2::getNFCInstance(status);
  CHECK(U_SUCCESS(status));
  Units units;
  units.Read(text, first, length);
  return !CombiningRun(*normalizer).IsTooLong(units.data(), units.size()) ||
         RefuseCombining(isolate);
}

MaybeHandle<String> IcuTexts::Normalize(Isolate* isolate, Handle<String> text,
                                        const icu::Normalizer2& normalizer) {
  text = String::Flatten(isolate, text);
  const int length = text->length();
  InterruptPoll poll(isolate);
  IncrementalStringBuilder builder(isolate);
  CombiningRun run(normalizer);
  Units units;
  // Of what precedes, all was normalised already.
  bool is_same = true;
  for (int begin = 0; begin < length;) {
    if (poll.Terminated()) return {};
    const int end = std::min(length, begin + kPieceUnits);
    units.Read(text, begin, end);
    if (run.IsTooLong(units.data(), units.size())) {
      RefuseCombining(isolate);
      return {};
    }
    if (end < length) units.Resize(BoundaryBefore(normalizer, units));
    UErrorCode status = U_ZERO_ERROR;
    const icu::UnicodeString piece(false, units.data(), units.size());
    const int yes = normalizer.spanQuickCheckYes(piece, status);
    if (U_SUCCESS(status) && yes < units.size()) {
      if (is_same && begin > 0) {
        builder.AppendString(isolate->factory()->NewSubString(text, 0, begin));
      }
      is_same = false;
    }
    if (U_SUCCESS(status) && !is_same) {
      const icu::UnicodeString normalized =
          yes < units.size() ? normalizer.normalize(piece, status) : piece;
      if (U_SUCCESS(status) &&
          !AppendUnits(isolate, &builder, normalized.getBuffer(), normalized.length())) {
        return {};
      }
    }
    if (U_FAILURE(status)) {
      THROW_NEW_ERROR(isolate, NewTypeError(MessageTemplate::kIcuError), String);
    }
    begin += units.size();
  }
  return is_same ? text : builder.Finish();
}

MaybeHandle<String> IcuTexts::ConvertCase(Isolate* isolate, Handle<String> text, bool to_upper,
                                          const char* language) {
  DCHECK(text->IsFlat());
  const auto convert = to_upper ? u_strToUpper : u_strToLower;
  const int length = text->length();
  InterruptPoll poll(isolate);
  IncrementalStringBuilder builder(isolate);
  Units units;
  Units result;
  const CaseContext context = CaseContextOf(text, to_upper, language);
  bool is_after_letter = false;
  for (int begin = 0; begin < length;) {
    if (poll.Terminated()) return {};
    const int end = std::min(length, begin + kPieceUnits);
    units.Read(text, begin, end);
    bool is_before_letter = false;
    if (end < length) {
      const int size = CaseBoundaryBefore(units, context);
      if (size == 0) {
        Refuse(isolate, "text", "no place to take it apart at in 65536 UTF-16 units");
        return {};
      }
      is_before_letter = IsCased(units.At(size));
      units.Resize(size);
    }
    const int size = units.size();
    const bool is_ending_in_letter = IsCased(units.Before(size));
    // Letters stand for what is around the piece; each becomes one unit.
    if (is_after_letter) units.InsertFront('a');
    if (is_before_letter) units.PushBack('a');
    result.Resize(units.size() + 64);
    UErrorCode status = U_ZERO_ERROR;
    int converted =
        convert(result.data(), result.size(), units.data(), units.size(), language, &status);
    if (status == U_BUFFER_OVERFLOW_ERROR) {
      status = U_ZERO_ERROR;
      result.Resize(converted + 1);
      converted =
          convert(result.data(), result.size(), units.data(), units.size(), language, &status);
    }
    if (U_FAILURE(status)) {
      THROW_NEW_ERROR(isolate, NewTypeError(MessageTemplate::kIcuError), String);
    }
    if (!AppendUnits(isolate, &builder, result.data() + (is_after_letter ? 1 : 0),
                     converted - (is_after_letter ? 1 : 0) - (is_before_letter ? 1 : 0))) {
      return {};
    }
    is_after_letter = is_ending_in_letter;
    begin += size;
  }
  return builder.Finish();
}

}  // namespace internal
}  // namespace v8
