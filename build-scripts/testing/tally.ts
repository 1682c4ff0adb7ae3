/** Tests counted over several programs, each by its own report. */
export class Tally {
  private passed = 0;
  private failed = 0;

  get failures(): number {
    return this.failed;
  }

  /** Adds one thing that is no test and went wrong. */
  addFailure(): void {
    this.failed++;
  }

  /** Adds the report of a GoogleTest program; one that broke off has one failure more. */
  addGoogleTest(report: string, exitedWell: boolean): void {
    const passed = countIn(report, /^\[ {2}PASSED {2}\] (\d+) tests?\.$/gm);
    const skipped = countIn(report, /^\[ {2}SKIPPED \] (\d+) tests?[.,]/gm);
    // A brief report does not count the failures.
    const ran = countIn(report, /^\[={10}\] (\d+) tests? from .* ran\./gm);
    this.add(passed, Math.max(ran - passed - skipped, 0), exitedWell);
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
