/** The strengths of isolation that a tenant can have, as its `isolation` names them. */
export const ISOLATIONS = ['context', 'isolate', 'process'] as const;
export type Isolation = (typeof ISOLATIONS)[number];
