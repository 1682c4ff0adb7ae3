import { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { diagnose, type Finding } from '../system/doctor.ts';

const SIGNS = { ok: '✓', warn: '!', fail: '✗' } as const;

/** `shredder doctor`: whether this machine can build and run the project. */
export function doctorCommand(): Command {
  return new Command('doctor').action(async () => {
    const findings = await diagnose(loadConfig());
    for (const finding of findings) process.stdout.write(`${describe(finding)}\n`);
    if (findings.some((finding) => finding.level === 'fail')) process.exitCode = 1;
  });
}

function describe(finding: Finding): string {
  const remedy = finding.remedy === undefined ? '' : `\n         ${finding.remedy}`;
  const level = finding.level.padEnd(4);
  return `${SIGNS[finding.level]} ${level} ${finding.subject}: ${finding.text}${remedy}`;
}
