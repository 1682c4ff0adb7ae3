// What functions find in the store, as its runtime tells. Written by `npx shredder globals`; a test
// holds the two together.

/** Names of properties, with spaces between; symbols' as `@@iterator`. */
export interface GlobalNames {
  /** Of the value itself, besides what every function or object has. */
  own: string;
  /** Of what it constructs, besides what every object has. */
  instance: string;
}

/** By names of globals, and by names that TypeScript has for objects that no global constructs. */
export const RUNTIME_GLOBALS: Readonly<Record<string, GlobalNames>> = {
  AbortController: {
    own: '',
    instance: 'abort constructor signal',
  },
  AbortSignal: {
    own: 'abort any',
    instance: `
      aborted addEventListener constructor dispatchEvent onabort reason removeEventListener
      throwIfAborted`,
  },
  AggregateError: {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'cause constructor errors message name stack toString',
  },
  Array: {
    own: '@@species from isArray of',
    instance: `
      @@iterator @@unscopables at concat constructor copyWithin entries every fill filter find
      findIndex findLast findLastIndex flat flatMap forEach includes indexOf join keys lastIndexOf
      length map pop push reduce reduceRight reverse shift slice some sort splice toLocaleString
      toReversed toSorted toSpliced toString unshift values with`,
  },
  ArrayBuffer: {
    own: '@@species isView',
    instance: '@@toStringTag byteLength constructor slice',
  },
  BigInt: {
    own: 'asIntN asUintN',
    instance: '@@toStringTag constructor toLocaleString toString valueOf',
  },
  BigInt64Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  BigUint64Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  Boolean: {
    own: '',
    instance: 'constructor toString valueOf',
  },
  Crypto: {
    own: '',
    instance: 'constructor getRandomValues randomUUID subtle',
  },
  DOMException: {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'code constructor message name toString',
  },
  DataView: {
    own: '',
    instance: `
      @@toStringTag buffer byteLength byteOffset constructor getBigInt64 getBigUint64 getFloat32
      getFloat64 getInt16 getInt32 getInt8 getUint16 getUint32 getUint8 setBigInt64 setBigUint64
      setFloat32 setFloat64 setInt16 setInt32 setInt8 setUint16 setUint32 setUint8`,
  },
  Date: {
    own: 'UTC now parse',
    instance: `
      @@toPrimitive constructor getDate getDay getFullYear getHours getMilliseconds getMinutes
      getMonth getSeconds getTime getTimezoneOffset getUTCDate getUTCDay getUTCFullYear
      getUTCHours getUTCMilliseconds getUTCMinutes getUTCMonth getUTCSeconds getYear setDate
      setFullYear setHours setMilliseconds setMinutes setMonth setSeconds setTime setUTCDate
      setUTCFullYear setUTCHours setUTCMilliseconds setUTCMinutes setUTCMonth setUTCSeconds
      setYear toDateString toGMTString toISOString toJSON toLocaleDateString toLocaleString
      toLocaleTimeString toString toTimeString toUTCString valueOf`,
  },
  Error: {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'cause constructor message name stack toString',
  },
  EvalError: {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'constructor message name stack toString',
  },
  Event: {
    own: '',
    instance: `
      bubbles cancelable constructor currentTarget defaultPrevented preventDefault
      stopImmediatePropagation stopPropagation target timeStamp type`,
  },
  EventTarget: {
    own: '',
    instance: 'addEventListener constructor dispatchEvent removeEventListener',
  },
  Float32Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  Float64Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  Function: {
    own: '',
    instance: `
      @@hasInstance __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ __proto__
      apply arguments bind call caller constructor hasOwnProperty isPrototypeOf length name
      propertyIsEnumerable prototype toLocaleString toString valueOf`,
  },
  Infinity: {
    own: '',
    instance: '',
  },
  Int16Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  Int32Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  Int8Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  Intl: {
    own: `
      @@toStringTag Collator DateTimeFormat DisplayNames ListFormat Locale NumberFormat
      PluralRules RelativeTimeFormat Segmenter getCanonicalLocales supportedValuesOf`,
    instance: '',
  },
  'Intl.Collator': {
    own: 'supportedLocalesOf',
    instance: '@@toStringTag compare constructor resolvedOptions',
  },
  'Intl.DateTimeFormat': {
    own: 'supportedLocalesOf',
    instance: `
      @@toStringTag constructor format formatRange formatRangeToParts formatToParts
      resolvedOptions`,
  },
  'Intl.DisplayNames': {
    own: 'supportedLocalesOf',
    instance: '@@toStringTag constructor of resolvedOptions',
  },
  'Intl.ListFormat': {
    own: 'supportedLocalesOf',
    instance: '@@toStringTag constructor format formatToParts resolvedOptions',
  },
  'Intl.Locale': {
    own: '',
    instance: `
      @@toStringTag baseName calendar calendars caseFirst collation collations constructor
      hourCycle hourCycles language maximize minimize numberingSystem numberingSystems numeric
      region script textInfo timeZones toString weekInfo`,
  },
  'Intl.NumberFormat': {
    own: 'supportedLocalesOf',
    instance: `
      @@toStringTag constructor format formatRange formatRangeToParts formatToParts
      resolvedOptions`,
  },
  'Intl.PluralRules': {
    own: 'supportedLocalesOf',
    instance: '@@toStringTag constructor resolvedOptions select selectRange',
  },
  'Intl.RelativeTimeFormat': {
    own: 'supportedLocalesOf',
    instance: '@@toStringTag constructor format formatToParts resolvedOptions',
  },
  'Intl.Segmenter': {
    own: 'supportedLocalesOf',
    instance: '@@toStringTag constructor resolvedOptions segment',
  },
  'Intl.getCanonicalLocales': {
    own: '',
    instance: '',
  },
  'Intl.supportedValuesOf': {
    own: '',
    instance: '',
  },
  JSON: {
    own: '@@toStringTag parse stringify',
    instance: '',
  },
  Map: {
    own: '@@species',
    instance: `
      @@iterator @@toStringTag clear constructor delete entries forEach get has keys set size
      values`,
  },
  Math: {
    own: `
      @@toStringTag E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos acosh asin asinh atan atan2
      atanh cbrt ceil clz32 cos cosh exp expm1 floor fround hypot imul log log10 log1p log2 max
      min pow random round sign sin sinh sqrt tan tanh trunc`,
    instance: '',
  },
  NaN: {
    own: '',
    instance: '',
  },
  Number: {
    own: `
      EPSILON MAX_SAFE_INTEGER MAX_VALUE MIN_SAFE_INTEGER MIN_VALUE NEGATIVE_INFINITY NaN
      POSITIVE_INFINITY isFinite isInteger isNaN isSafeInteger parseFloat parseInt`,
    instance: 'constructor toExponential toFixed toLocaleString toPrecision toString valueOf',
  },
  Object: {
    own: `
      assign create defineProperties defineProperty entries freeze fromEntries
      getOwnPropertyDescriptor getOwnPropertyDescriptors getOwnPropertyNames getOwnPropertySymbols
      getPrototypeOf hasOwn is isExtensible isFrozen isSealed keys preventExtensions seal
      setPrototypeOf values`,
    instance: `
      __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ __proto__ constructor
      hasOwnProperty isPrototypeOf propertyIsEnumerable toLocaleString toString valueOf`,
  },
  Performance: {
    own: '',
    instance: 'constructor mark measure now timeOrigin toJSON',
  },
  Promise: {
    own: '@@species all allSettled any race reject resolve',
    instance: '@@toStringTag catch constructor finally then',
  },
  Proxy: {
    own: 'revocable',
    instance: '',
  },
  RangeError: {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'constructor message name stack toString',
  },
  ReferenceError: {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'constructor message name stack toString',
  },
  Reflect: {
    own: `
      @@toStringTag apply construct defineProperty deleteProperty get getOwnPropertyDescriptor
      getPrototypeOf has isExtensible ownKeys preventExtensions set setPrototypeOf`,
    instance: '',
  },
  RegExp: {
    own: `
      $& $' $+ $1 $2 $3 $4 $5 $6 $7 $8 $9 $_ $\` @@species input lastMatch lastParen leftContext
      rightContext`,
    instance: `
      @@match @@matchAll @@replace @@search @@split compile constructor dotAll exec flags global
      hasIndices ignoreCase lastIndex multiline source sticky test toString unicode unicodeSets`,
  },
  Set: {
    own: '@@species',
    instance:
      '@@iterator @@toStringTag add clear constructor delete entries forEach has keys size values',
  },
  String: {
    own: 'fromCharCode fromCodePoint raw',
    instance: `
      @@iterator anchor at big blink bold charAt charCodeAt codePointAt concat constructor
      endsWith fixed fontcolor fontsize includes indexOf isWellFormed italics lastIndexOf length
      link localeCompare match matchAll normalize padEnd padStart repeat replace replaceAll search
      slice small split startsWith strike sub substr substring sup toLocaleLowerCase
      toLocaleUpperCase toLowerCase toString toUpperCase toWellFormed trim trimEnd trimLeft
      trimRight trimStart valueOf`,
  },
  Symbol: {
    own: `
      asyncIterator for hasInstance isConcatSpreadable iterator keyFor match matchAll replace
      search species split toPrimitive toStringTag unscopables`,
    instance: '@@toPrimitive @@toStringTag constructor description toString valueOf',
  },
  SyntaxError: {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'constructor message name stack toString',
  },
  TextDecoder: {
    own: '',
    instance: 'constructor decode encoding fatal ignoreBOM',
  },
  TextEncoder: {
    own: '',
    instance: 'constructor encode encodeInto encoding',
  },
  TypeError: {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'constructor message name stack toString',
  },
  URIError: {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'constructor message name stack toString',
  },
  URL: {
    own: 'canParse parse',
    instance: `
      @@toStringTag constructor hash host hostname href origin password pathname port protocol
      search searchParams toJSON toString username`,
  },
  URLSearchParams: {
    own: '',
    instance: `
      @@iterator @@toStringTag append constructor delete entries forEach get getAll has keys set
      size sort toString values`,
  },
  Uint16Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  Uint32Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  Uint8Array: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  Uint8ClampedArray: {
    own: '@@species BYTES_PER_ELEMENT from of',
    instance: `
      @@iterator @@toStringTag BYTES_PER_ELEMENT at buffer byteLength byteOffset constructor
      copyWithin entries every fill filter find findIndex findLast findLastIndex forEach includes
      indexOf join keys lastIndexOf length map reduce reduceRight reverse set slice some sort
      subarray toLocaleString toReversed toSorted toString values with`,
  },
  WeakMap: {
    own: '',
    instance: '@@toStringTag constructor delete get has set',
  },
  WeakSet: {
    own: '',
    instance: '@@toStringTag add constructor delete has',
  },
  WebAssembly: {
    own: '@@toStringTag CompileError Global Instance LinkError Memory Module RuntimeError Table',
    instance: '',
  },
  'WebAssembly.CompileError': {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'constructor message name toString',
  },
  'WebAssembly.Global': {
    own: 'arguments caller',
    instance: '@@toStringTag constructor value valueOf',
  },
  'WebAssembly.Instance': {
    own: 'arguments caller',
    instance: '@@toStringTag constructor exports',
  },
  'WebAssembly.LinkError': {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'constructor message name toString',
  },
  'WebAssembly.Memory': {
    own: 'arguments caller',
    instance: '@@toStringTag buffer constructor grow',
  },
  'WebAssembly.Module': {
    own: 'arguments caller customSections exports imports',
    instance: '@@toStringTag constructor',
  },
  'WebAssembly.RuntimeError': {
    own: 'captureStackTrace stackTraceLimit',
    instance: 'constructor message name toString',
  },
  'WebAssembly.Table': {
    own: 'arguments caller',
    instance: '@@toStringTag constructor get grow length set',
  },
  atob: {
    own: '',
    instance: '',
  },
  btoa: {
    own: '',
    instance: '',
  },
  console: {
    own: `
      assert clear count countReset debug dir dirxml error group groupCollapsed groupEnd info log
      table time timeEnd timeLog trace warn`,
    instance: '',
  },
  crypto: {
    own: 'constructor getRandomValues randomUUID subtle',
    instance: '',
  },
  decodeURI: {
    own: '',
    instance: '',
  },
  decodeURIComponent: {
    own: '',
    instance: '',
  },
  encodeURI: {
    own: '',
    instance: '',
  },
  encodeURIComponent: {
    own: '',
    instance: '',
  },
  escape: {
    own: '',
    instance: '',
  },
  global: {
    own: '',
    instance: '',
  },
  globalThis: {
    own: '',
    instance: '',
  },
  isFinite: {
    own: '',
    instance: '',
  },
  isNaN: {
    own: '',
    instance: '',
  },
  parseFloat: {
    own: '',
    instance: '',
  },
  parseInt: {
    own: '',
    instance: '',
  },
  performance: {
    own: 'constructor mark measure now timeOrigin toJSON',
    instance: '',
  },
  queueMicrotask: {
    own: '',
    instance: '',
  },
  self: {
    own: '',
    instance: '',
  },
  structuredClone: {
    own: '',
    instance: '',
  },
  undefined: {
    own: '',
    instance: '',
  },
  unescape: {
    own: '',
    instance: '',
  },
  ArrayIterator: {
    own: '',
    instance: '@@iterator @@toStringTag next',
  },
  AsyncGenerator: {
    own: '',
    instance: '@@asyncIterator @@toStringTag constructor next return throw',
  },
  AsyncGeneratorFunction: {
    own: '',
    instance: `
      @@hasInstance @@toStringTag apply arguments bind call caller constructor length name
      prototype toString`,
  },
  AsyncIteratorObject: {
    own: '',
    instance: '@@asyncIterator',
  },
  Generator: {
    own: '',
    instance: '@@iterator @@toStringTag constructor next return throw',
  },
  GeneratorFunction: {
    own: '',
    instance: `
      @@hasInstance @@toStringTag apply arguments bind call caller constructor length name
      prototype toString`,
  },
  IteratorObject: {
    own: '',
    instance: '@@iterator',
  },
  MapIterator: {
    own: '',
    instance: '@@iterator @@toStringTag next',
  },
  RegExpStringIterator: {
    own: '',
    instance: '@@iterator @@toStringTag next',
  },
  SetIterator: {
    own: '',
    instance: '@@iterator @@toStringTag next',
  },
  StringIterator: {
    own: '',
    instance: '@@iterator @@toStringTag next',
  },
};
