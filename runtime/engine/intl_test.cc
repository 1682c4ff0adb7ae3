// Languages: that ICU is there and the same on every machine, that long texts come out as short
// ones do though they are passed to it in pieces, and that what it takes has bounds.
#include "runtime/engine/engine_test_support.h"
#include "runtime/engine/function_host.h"

namespace shredder::engine {
namespace {

class IntlTest : public TenantTest {
 protected:
  // The value of an expression, or of what was thrown.
  std::string Evaluate(const std::string& expression) {
    tenant_.MustLoad("export const f = () => { try { return " + expression +
                     "; } catch (e) { return `${e.name}: ${e.message}`; } };");
    return tenant_.ShowCall("f");
  }
};

TEST_F(IntlTest, KnowsLanguages) {
  EXPECT_EQ(Evaluate("['ä', 'z', 'a', 'ö'].sort(new Intl.Collator('de').compare).join('')"),
            "\"aäöz\"");
  EXPECT_EQ(Evaluate("['ä', 'z', 'a', 'ö'].sort(new Intl.Collator('sv').compare).join('')"),
            "\"azäö\"");
  EXPECT_EQ(Evaluate("'a'.localeCompare('B')"), "-1");
  EXPECT_EQ(Evaluate("'Cr\\u00e8me'.normalize('NFD').length"), "6");
  EXPECT_EQ(Evaluate("'I\\u0130'.toLocaleLowerCase('tr') === '\\u0131i'"), "true");
  EXPECT_EQ(Evaluate("'\\u039f\\u03a3'.toLowerCase() === '\\u03bf\\u03c2'"), "true");
  EXPECT_EQ(Evaluate("(1234567.891).toLocaleString('de-DE')"), "\"1.234.567,891\"");
  EXPECT_EQ(Evaluate("new Intl.NumberFormat('en', {style: 'currency', currency: 'EUR'}).format(3)"),
            "\"\u20ac3.00\"");
  EXPECT_EQ(Evaluate("new Intl.PluralRules('ar').select(11)"), "\"many\"");
  EXPECT_EQ(Evaluate("new Intl.ListFormat('fr').format(['a', 'b', 'c'])"), "\"a, b et c\"");
  EXPECT_EQ(Evaluate("new Intl.RelativeTimeFormat('en').format(-3, 'day')"), "\"3 days ago\"");
  EXPECT_EQ(Evaluate("new Intl.DisplayNames('en', {type: 'region'}).of('CH')"), "\"Switzerland\"");
  EXPECT_EQ(Evaluate("[...new Intl.Segmenter('en', {granularity: 'grapheme'}).segment("
                     "'e\\u0301\\ud83d\\udc68\\u200d\\ud83d\\udc69')].length"),
            "2");
  EXPECT_EQ(Evaluate("new Date(0).toLocaleString('en-GB', {timeZone: 'Asia/Tokyo', "
                     "dateStyle: 'short', timeStyle: 'short'})"),
            "\"01/01/1970, 09:00\"");
  EXPECT_EQ(Evaluate("/^\\p{Lu}\\p{Script=Greek}+$/u.test('\\u0391\\u03b2')"), "true");
  EXPECT_EQ(Evaluate("/\\u0431/iu.test('\\u0411') && /\\u017f/iu.test('S')"), "true");
}

TEST_F(IntlTest, IsTheSameOnEveryMachine) {
  EXPECT_EQ(Evaluate("[new Intl.DateTimeFormat().resolvedOptions().timeZone, "
                     "new Intl.NumberFormat().resolvedOptions().locale, "
                     "new Date(0).getTimezoneOffset(), String(new Date(0))]"),
            "[\"UTC\", \"en-US\", 0, \"Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal "
            "Time)\"]");
}

TEST_F(IntlTest, HasNothingOfV8sOwn) {
  EXPECT_EQ(Evaluate("Object.getOwnPropertyNames(Intl).sort().join(' ')"),
            "\"Collator DateTimeFormat DisplayNames ListFormat Locale NumberFormat PluralRules "
            "RelativeTimeFormat Segmenter getCanonicalLocales supportedValuesOf\"");
}

// In pieces of 64 Ki units; what is checked is what is around the places where they are cut.
TEST_F(IntlTest, TakesLongTextsAsItTakesShortOnes) {
  tenant_.MustLoad(R"js(
const parts = ['a', 'Z', ' ', '\u00e9', 'e\u0301', '\u1e9b\u0323', '\u03a3', '\u0391\u03a3', '\u03a3.', "\u03a3'\u03b1",
               '\uac00', '\u1100\u1161\u11a8', '\ufb01', '\ufdfa', '\u0130', 'I\u0307', 'i\u0307\u0301', '\u1e9e', '\u00df',
               '\ud801\udc00', '\ud801', '\u039f\u0301', '\u0391\u0301\u03b9', '\u0149', '\u0f73\u0301', '\u0323\u0301'];
function textOf(seed, count) {
  const made = [];
  for (let i = 0; i < count; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    made.push(parts[(seed >>> 8) % parts.length]);
  }
  return made;
}
// Taken apart at lines, over which nothing reaches.
const inLines = (text, f) => text.split('\n').map(f).join('\n');
export function differences() {
  const found = [];
  for (let seed = 1; seed <= 6; seed++) {
    const made = textOf(seed, 100_000);
    for (let i = 999; i < made.length; i += 1000) made[i] = '\n';
    const text = made.join('');
    const check = (name, f) => { if (f(text) !== inLines(text, f)) found.push(`${name} of ${seed}`); };
    for (const form of ['NFC', 'NFD', 'NFKC', 'NFKD']) check(form, (t) => t.normalize(form));
    check('lower', (t) => t.toLowerCase());
    check('upper', (t) => t.toUpperCase());
    for (const language of ['tr', 'az', 'lt', 'el', 'de']) {
      check('lower ' + language, (t) => t.toLocaleLowerCase(language));
      check('upper ' + language, (t) => t.toLocaleUpperCase(language));
    }
  }
  return found;
}
export function words() {
  const n = 2 ** 17;
  const greek = '\u03a3'.repeat(n).toLowerCase();
  const same = '\u0101'.repeat(n);
  return [greek === '\u03c3'.repeat(n - 1) + '\u03c2',
          ('\u0100'.repeat(n) + '\u03a3').toLowerCase() === '\u0101'.repeat(n) + '\u03c2',
          ('\u03a3' + '\u0100'.repeat(n)).toLowerCase() === '\u03c3' + '\u0101'.repeat(n),
          '\u2019'.repeat(n).toLowerCase() === '\u2019'.repeat(n),
          '\u0149'.repeat(n).toUpperCase() === '\u02bcN'.repeat(n),
          same.normalize() === same, same.normalize('NFD') === 'a\u0304'.repeat(n)];
}
)js");
  EXPECT_EQ(tenant_.ShowCall("differences"), "[]");
  EXPECT_EQ(tenant_.ShowCall("words"), "[true, true, true, true, true, true, true]");
}

TEST_F(IntlTest, RefusesWhatTakesTooLong) {
  const struct {
    const char* expression;
    const char* error;
  } kRefused[] = {
      {"('a' + '\\u0301\\u0316'.repeat(65)).normalize('NFC')",
       "text : more than 128 combining characters in a row"},
      {"('\\u0101'.repeat(65500) + '\\u0301\\u0316'.repeat(65)).normalize('NFD')",
       "text : more than 128 combining characters in a row"},
      {"'\\u0f71\\u0f72\\u0f74'.repeat(80000).localeCompare('a')",
       "text : more than 128 combining characters in a row"},
      {"'\\u0101'.repeat(262145).localeCompare('a')", "text : longer than 262144 UTF-16 units"},
      {"new Intl.Collator('de').compare('a', '\\u0101'.repeat(262145))",
       "text : longer than 262144 UTF-16 units"},
      {"new Intl.Segmenter().segment('a'.repeat(262145))",
       "text : longer than 262144 UTF-16 units"},
      {"new Intl.ListFormat().format(['a'.repeat(2 ** 18), 'b'])",
       "text : longer than 262144 UTF-16 units"},
      {"new Intl.ListFormat().formatToParts(Array(16385).fill(''))",
       "list : more than 16384 items"},
      {"(10n ** 16384n).toLocaleString()", "number : longer than 16384 digits"},
      {"new Intl.NumberFormat().formatRange(1n, 10n ** 16384n)",
       "number : longer than 16384 digits"},
      {"new Intl.Collator('en-' + 'x'.repeat(4096))", "name : longer than 4096 UTF-16 units"},
      {"new Intl.NumberFormat('en', {style: 'x'.repeat(4097)})",
       "name : longer than 4096 UTF-16 units"},
      {"new Intl.DisplayNames('en', {type: 'region'}).of('x'.repeat(4097))",
       "name : longer than 4096 UTF-16 units"},
      {"Intl.getCanonicalLocales(Array.from({length: 1025}, (_, i) => `en-x-${i}`))",
       "list of locales : more than 1024 of them"},
      {"'\\u03a3\\u2019'.padEnd(2 ** 17, '\\u2019').toLowerCase()",
       "text : no place to take it apart at in 65536 UTF-16 units"},
      {"'\\u03b1'.repeat(2 ** 17).toLocaleUpperCase('el')",
       "text : no place to take it apart at in 65536 UTF-16 units"},
  };
  for (const auto& [expression, error] : kRefused) {
    EXPECT_EQ(Evaluate(expression), "\"RangeError: Invalid " + std::string(error) + "\"")
        << expression;
  }
  EXPECT_THAT(Evaluate("new RegExp('\\\\p{L}'.repeat(1000), 'u').test('a')"),
              testing::HasSubstr("SyntaxError: Invalid regular expression"));
}

TEST_F(IntlTest, TakesWhatIsWithinTheBounds) {
  for (const char* expression : {
           "('a' + '\\u0301\\u0316'.repeat(63)).normalize('NFC').length === 126",
           "'\\u0101'.repeat(262144).localeCompare('a') === 1",
           "'a'.repeat(2 ** 22).localeCompare('a'.repeat(2 ** 22 - 1) + 'b') === -1",
           "[...new Intl.Segmenter().segment('a'.repeat(1000))].length === 1000",
           "new Intl.ListFormat().format(Array(16384).fill('a')).length === 3 * 16384 + 2",
           "(10n ** 16383n).toLocaleString('en').length === 16384 + 5461",
           "new RegExp('\\\\p{L}'.repeat(100), 'u').test('\\u00e4'.repeat(100))",
       }) {
    EXPECT_EQ(Evaluate(expression), "true") << expression;
  }
}

class IntlMemoryTest : public TenantTest {
 protected:
  static EngineOptions Small() {
    EngineOptions options = Patient();
    options.heap_limit_mb = 32;
    return options;
  }
  IntlMemoryTest() : TenantTest(Small()) {}
};

TEST_F(IntlMemoryTest, CountsForTheTenant) {
  tenant_.MustLoad(
      "const kept = [];\n"
      "export const keep = () => { for (let i = 0; i < 20; i++) kept.push(new "
      "Intl.DateTimeFormat('de', {dateStyle: 'full'})); };\n"
      "export const greedy = () => { for (;;) kept.push(new Intl.DateTimeFormat('en', {hour: "
      "'numeric'})); };\n"
      "export const count = () => kept.length;");
  tenant_.ShowCall("count");
  const uint64_t before = tenant_.host().heap_used_bytes();
  tenant_.ShowCall("keep");
  EXPECT_GT(tenant_.host().heap_used_bytes(), before + 20 * 10'000);
  EXPECT_EQ(tenant_.ShowCall("greedy"),
            "!ERR function used up its tenant's JavaScript heap of 32 MB, its writes are undone");
  EXPECT_EQ(tenant_.ShowCall("count"), "0");
}

TEST_F(IntlMemoryTest, ComesBackWithTheObjectsThatHoldIt) {
  tenant_.MustLoad(
      "export const f = () => { for (let i = 0; i < 3000; i++) new Intl.NumberFormat('en', "
      "{minimumFractionDigits: i % 20}); return 1; };");
  for (int round = 0; round < 3; ++round) EXPECT_EQ(tenant_.ShowCall("f"), "1");
}

}  // namespace
}  // namespace shredder::engine
