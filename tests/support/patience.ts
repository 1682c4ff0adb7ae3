/**
 * How long a test waits, in milliseconds, for what comes at once or never: long enough for a machine
 * that is slow and busy with other work, and less than ava's own limit, which names no reason.
 */
export const PATIENCE_MS = 5 * 60_000;
