// Replies in any of the client's shapes.

export function asList(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : [];
}

/** A map: an object, or names and values in turn. */
export function asMap(reply: unknown): ReadonlyMap<string, unknown> {
  if (!Array.isArray(reply)) return new Map(Object.entries(reply ?? {}));
  const members = new Map<string, unknown>();
  for (let i = 0; i + 1 < reply.length; i += 2) members.set(String(reply[i]), reply[i + 1]);
  return members;
}
