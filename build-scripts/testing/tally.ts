/** Tests counted over several programs, each by its own report. */
export class Tally {
  private passed = 0;
  private failed = 0;

  get failures(): number {
    return this.failed;
  }

  /** Adds a check that is one thing: it passed, or it did not. */
  addCheck(passed: boolean): void {
    this.add(passed ? 1 : 0, passed ? 0 : 1, passed);
  }

  /**
   * Adds the report of a unit test's program: GoogleTest's counts, of which none means that its
   * filter fits no test; without a report the program is one test. One that broke off has one
   * failure more.
   */
  addUnitTest(report: string, exitedWell: boolean): void {
    if (!report.includes('[==========]')) {
      this.addCheck(exitedWell);
      return;
    }
    const passed = countIn(report, /^\[ {2}PASSED {2}\] (\d+) tests?\.$/gm);
    const skipped = countIn(report, /^\[ {2}SKIPPED \] (\d+) tests?[.,]/gm);
    // A brief report does not count the failures.
    const ran = countIn(report, /^\[={10}\] (\d+) tests? from .* ran\./gm);
    this.add(passed, Math.max(ran - passed - skipped, 0), exitedWell && ran > 0);
  }

  /** Adds ava's report: hooks, exceptions and tests cut off by a timeout fail as tests do. */
  addAva(report: string, exitedWell: boolean): void {
    const passed = countIn(report, /^\s*(\d+) tests? passed$/gm);
    const failed = countIn(
      report,
      /^\s*(\d+) (?:tests? failed|hooks? failed|uncaught exceptions?|unhandled rejections?|tests? (?:was|were) pending\b.*)$/gm,
    );
    this.add(passed, failed, exitedWell);
  }

  /** `N passed, N failed` */
  toString(): string {
    return `${this.passed} passed, ${this.failed} failed`;
  }

  private add(passed: number, failed: number, exitedWell: boolean): void {
    this.passed += passed;
    this.failed += exitedWell ? failed : Math.max(failed, 1);
  }
}

function countIn(report: string, pattern: RegExp): number {
  let count = 0;
  for (const match of report.matchAll(pattern)) count += Number(match[1]);
  return count;
}
