// Texts, numbers and names that ICU works on, URLs and digests: as much as one call can ask of them.
export const LANGUAGES: readonly string[] = [
  // --- Comparing and normalising ------------------------------------------------------------------
  'return ("a" + "\\u0f71\\u0f72\\u0f74".repeat(2 ** 20)).localeCompare("a");',
  'const s = ("a" + "\\u0301\\u0316".repeat(60)).repeat(2 ** 11); for (;;) s.localeCompare(s + "b");',
  'return "\\u0101".repeat(2 ** 25).localeCompare("\\u0101".repeat(2 ** 25 - 1) + "b", "sv");',
  'const c = new Intl.Collator("ja"); return Array.from({ length: 2 ** 20 }, (_, i) => `\\u4e2d${i}`).sort(c.compare).length;',
  'return ("a" + "\\u0301\\u0316".repeat(2 ** 22)).normalize("NFC").length;',
  'return "\\ufdfa".repeat(2 ** 22).normalize("NFKD").length;',
  'return "\\uac00".repeat(2 ** 24).normalize("NFD").length;',
  'return "\\u03a3".repeat(2 ** 24).toLowerCase().length;',
  'return "\\u0149".repeat(2 ** 24).toUpperCase().length;',
  'return "\\u03b1\\u0301".repeat(2 ** 23).toLocaleUpperCase("el").length;',
  'return "i\\u0307\\u0301".repeat(2 ** 22).toLocaleLowerCase("lt").length;',

  // --- Formatting ----------------------------------------------------------------------------------
  'const a = []; for (;;) a.push(new Intl.DateTimeFormat("en", { dateStyle: "full" }));',
  'const a = []; for (;;) a.push(new Intl.NumberFormat("ar").formatToParts(1e21));',
  'const a = []; for (;;) a.push(new Intl.Segmenter("th", { granularity: "word" }).segment("x".repeat(2 ** 17)));',
  'for (;;) new Intl.DisplayNames("zh", { type: "language" }).of("de");',
  'for (;;) new Intl.PluralRules("ar", { type: "ordinal" }).select(Math.random());',
  'return (10n ** 100000n).toLocaleString().length;',
  'return new Intl.ListFormat("en").format(Array(2 ** 22).fill("x")).length;',
  'return [...new Intl.Segmenter("zh", { granularity: "word" }).segment("\\u4e2d\\u6587".repeat(2 ** 17))].length;',
  'return Intl.getCanonicalLocales({ length: 2 ** 53 - 1 }).length;',
  'return Intl.getCanonicalLocales(Array.from({ length: 1e6 }, (_, i) => `en-x-${i}`)).length;',
  'return new Intl.Locale("en-" + "a-".repeat(2 ** 22) + "b").toString();',
  'for (;;) for (const k of ["timeZone", "currency", "unit"]) Intl.supportedValuesOf(k);',
  'return new Intl.DateTimeFormat("en", { timeZone: "x".repeat(2 ** 25) });',

  // --- Patterns ------------------------------------------------------------------------------------
  'return new RegExp("[" + "\\\\w".repeat(131_000) + "]", "iu").test("x");',
  'return new RegExp("\\\\P{Lu}".repeat(30_000), "iu").test("x");',
  'return new RegExp("[^\\u0100-\\ufff0]".repeat(16_000), "iu").test("x");',
  'return new RegExp("[" + "[b-\\\\u{10ffff}]".repeat(17_000) + "]", "iv").test("x");',
  'return new RegExp("[\\\\p{RGI_Emoji}" + "--\\\\p{RGI_Emoji}".repeat(14_000) + "]", "iv").test("x");',

  // --- The web's -----------------------------------------------------------------------------------
  'return new URL("http://" + "\\u00e9.".repeat(2 ** 22) + "/").href.length;',
  'return new URL("?" + "\\u20ac".repeat(2 ** 22), "http://x/").search.length;',
  'const p = new URLSearchParams(); for (;;) p.append("a", "b");',
  'return new URLSearchParams("a=b&".repeat(2 ** 22)).toString().length;',
  'for (;;) await crypto.subtle.digest("SHA-512", new Uint8Array(2 ** 24));',
  'return (await crypto.subtle.digest("SHA-1", new Uint8Array(2 ** 27))).byteLength;',
];
