// A transform of AssemblyScript's compiler: what decorators say of the library's functions goes into the
// custom section of the module that the store reads.
//
//     @flags("no-writes")
//     @description("How long values are: keys = [key...]")
//     export function lengths(call: Call): void { … }

/** The library's own file, in the compiler's terms. */
const USER_ENTRY = 1;

const SECTION = 'shredder';

export default class Descriptions {
  functions = {};

  afterParse({ sources }) {
    for (const { sourceKind, statements } of sources) {
      if (sourceKind !== USER_ENTRY) continue;
      for (const { name, decorators } of statements) {
        for (const each of decorators ?? []) this.take(name?.text, each);
      }
    }
  }

  afterCompile(module) {
    const { functions } = this;
    if (Object.keys(functions).length === 0) return;
    module.addCustomSection(SECTION, new TextEncoder().encode(JSON.stringify({ functions })));
  }

  take(name, decorator) {
    const what = decorator.name.text;
    if (what !== 'flags' && what !== 'description') return;
    const texts = (decorator.args ?? []).map(({ value }) => value);
    if (!texts.every((each) => typeof each === 'string')) {
      throw new Error(`@${what} of ${name} takes texts, as in @${what}("…")`);
    }
    this.functions[name] ??= {};
    this.functions[name][what] = what === 'flags' ? texts : texts.join('');
  }
}
