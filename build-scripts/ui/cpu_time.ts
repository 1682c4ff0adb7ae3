import { readFileSync } from 'node:fs';

/** Clock ticks a second in /proc, the same on all architectures. */
const TICKS_PER_SECOND = 100;

/** Less is nothing to speak of. */
const SHOWN_FROM_MS = 5_000;

/**
 * Milliseconds of CPU that this process's children, and theirs, have used: those that have ended
 * and were waited for. Node.js itself tells only of the process's own.
 */
export function childrenCpuMs(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // The second field, the program's name in parentheses, may have blanks; the third follows.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [fields[13], fields[14]].map(Number);
  return (((user ?? 0) + (system ?? 0)) * 1000) / TICKS_PER_SECOND;
}

/** `, 14.1 min of CPU` or `, 12 s of CPU`; nothing where it is little. */
export function describeCpu(milliseconds: number): string {
  if (milliseconds < SHOWN_FROM_MS) return '';
  if (milliseconds < 60_000) return `, ${Math.round(milliseconds / 1000)} s of CPU`;
  return `, ${(milliseconds / 60_000).toFixed(1)} min of CPU`;
}
