/** Tests counted over several programs, each by its own report. */
export class Tally {
  private passed = 0;
  private failed = 0;
  private readonly names: string[] = [];

  get failures(): number {
    return this.failed;
  }

  /** What failed, as its program names it: tests, or a program that broke off without a name. */
  get failedNames(): readonly string[] {
    return this.names;
  }

  /** Adds a check that is one thing: it passed, or it did not. */
  addCheck(name: string, passed: boolean): void {
    this.add(name, passed ? 1 : 0, passed ? 0 : 1, [], passed);
  }

  /**
   * Adds the report of a unit test's program: GoogleTest's counts, of which none means that its
   * filter fits no test; without a report the program is one test. One that broke off has one
   * failure more.
   */
  addUnitTest(program: string, report: string, exitedWell: boolean): void {
    if (!report.includes('[==========]')) {
      this.addCheck(program, exitedWell);
      return;
    }
    const passed = countIn(report, /^\[ {2}PASSED {2}\] (\d+) tests?\.$/gm);
    const skipped = countIn(report, /^\[ {2}SKIPPED \] (\d+) tests?[.,]/gm);
    // A brief report does not count the failures.
    const ran = countIn(report, /^\[={10}\] (\d+) tests? from .* ran\./gm);
    const names = matchesIn(report, /^\[ {2}FAILED {2}\] (\S+)(?:, where .*)? \(\d+ ms\)$/gm);
    this.add(
      program,
      passed,
      Math.max(ran - passed - skipped, 0),
      names.map((name) => `${program} ${name}`),
      exitedWell && ran > 0,
    );
  }

  /** Adds ava's report: hooks, exceptions and tests cut off by a timeout fail as tests do. */
  addAva(report: string, exitedWell: boolean): void {
    // Where some fail, those that pass are shown, and not counted.
    const passed = matchesIn(report, /^\s*\u2714 (.*)$/gm).length;
    const failed = countIn(
      report,
      /^\s*(\d+) (?:tests? failed|hooks? failed|uncaught exceptions?|unhandled rejections?|tests? (?:was|were) pending\b.*)$/gm,
    );
    const names = matchesIn(report, /^\s*\u2718 \[fail\]: (.*)$/gm);
    this.add('ava', passed, failed, names, exitedWell);
  }

  /** `N passed, N failed` */
  toString(): string {
    return `${this.passed} passed, ${this.failed} failed`;
  }

  private add(
    program: string,
    passed: number,
    failed: number,
    names: readonly string[],
    exitedWell: boolean,
  ): void {
    const failures = exitedWell ? failed : Math.max(failed, 1);
    this.passed += passed;
    this.failed += failures;
    this.names.push(...names);
    if (names.length < failures) this.names.push(program);
  }
}

function countIn(report: string, pattern: RegExp): number {
  return matchesIn(report, pattern).reduce((sum, count) => sum + Number(count), 0);
}

/** The first group of each match. */
function matchesIn(report: string, pattern: RegExp): string[] {
  return [...report.matchAll(pattern)].map((match) => match[1] ?? '');
}
