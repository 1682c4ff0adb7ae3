/** Bodies of functions that loop without end, each in another way. */
export const LOOP_BODIES: readonly string[] = [
  'for (;;);',
  'let x = 1; while (true) x = (x * 1103515245 + 12345) | 0;',
  'let x = 0; do { x += 0.1; } while (x !== -1);',
  'for (const n of (function* () { for (let i = 0; ; i++) yield i; })()) if (n < 0) return n;',
  'for (;;) try { throw new Error("again"); } catch {} finally { continue; }',
  'const ping = (n) => (n > 500 ? 0 : ping(n + 1)); for (;;) ping(0);',
  'for (;;) await null;',
  'const again = () => { Promise.resolve().then(again); }; again();',
  'for await (const n of (async function* () { for (;;) yield 1; })()) if (n < 0) return n;',
  'return [2, 1].sort(() => { for (;;); });',
  'for (let i = 0; ; i++) if (HTLength(i) > 0 && HTHas("absent")) return i;',
  'const one = new Uint8Array(1); for (let i = 0; ; i = (i + 1) % 1000) HTSet(i, one);',
];
