/** One run of a unit test's program, as CMake's add_test declares it. */
export interface UnitTest {
  name: string;
  /** The program's name in the folder of executables. */
  program: string;
  args: string[];
  env: Record<string, string>;
  /** CTest's labels: the extra of whose variant it is a test. */
  labels: string[];
}

/** What of `ctest --show-only=json-v1` is read. */
interface CTestInfo {
  tests: {
    name: string;
    command: string[];
    properties?: { name: string; value: unknown }[];
  }[];
}

/** The unit tests that CTest lists. */
export function parseCTest(json: string): UnitTest[] {
  return (JSON.parse(json) as CTestInfo).tests.map(({ name, command, properties = [] }) => {
    const [program = '', ...args] = command;
    const listOf = (property: string): string[] =>
      (properties.find((each) => each.name === property)?.value ?? []) as string[];
    return {
      name,
      program: program.slice(program.lastIndexOf('/') + 1),
      args,
      env: Object.fromEntries(
        listOf('ENVIRONMENT').map((each) => {
          const at = each.indexOf('=');
          return [each.slice(0, at), each.slice(at + 1)];
        }),
      ),
      labels: listOf('LABELS'),
    };
  });
}

/** Programs that are named as unit tests, but that no test runs. */
export function withoutTest(programs: readonly string[], tests: readonly UnitTest[]): string[] {
  const run = new Set(tests.map(({ program }) => program));
  return programs.filter((name) => name.endsWith('_test') && !run.has(name));
}
