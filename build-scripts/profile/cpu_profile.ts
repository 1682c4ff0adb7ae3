// CPU profiles as V8's inspector gives them (`.cpuprofile`), in terms of the sources that were bundled.
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import { printable } from '../ui/printable.ts';

/** The type `Profile` of the DevTools protocol. */
export interface CpuProfile {
  nodes: ProfileNode[];
  /** Microseconds, of a clock of V8's. */
  startTime: number;
  endTime: number;
  /** The id of the node at the top of the stack, sample by sample. */
  samples?: number[];
  /** Microseconds from one sample to the next. */
  timeDeltas?: number[];
}

export interface ProfileNode {
  id: number;
  callFrame: CallFrame;
  hitCount?: number;
  children?: number[];
  positionTicks?: { line: number; ticks: number }[];
}

export interface CallFrame {
  functionName: string;
  scriptId: string;
  url: string;
  /** From 0; -1 where there is none. */
  lineNumber: number;
  columnNumber: number;
}

const MAP = /\n\/\/# sourceMappingURL=data:application\/json;(?:charset=utf-8;)?base64,([^\s]*)/;

/** The source map that a library's code carries; undefined where there is none that can be read. */
export function sourceMapOf(code: string): TraceMap | undefined {
  const [, base64] = MAP.exec(code) ?? [];
  if (base64 === undefined) return undefined;
  try {
    return new TraceMap(Buffer.from(base64, 'base64').toString());
  } catch {
    return undefined;
  }
}

/**
 * A profile whose frames and ticks are at their places in the sources.
 *
 * @param maps By the URLs of scripts.
 * @param urlOf Of a source that a map names.
 */
export function inSources(
  profile: CpuProfile,
  maps: ReadonlyMap<string, TraceMap>,
  urlOf: (source: string) => string,
): CpuProfile {
  const nodes = profile.nodes.map((node): ProfileNode => {
    const { callFrame, positionTicks } = node;
    const map = maps.get(callFrame.url);
    if (map === undefined) return node;
    const ticks = positionTicks?.map(({ line, ticks: count }) => ({
      line: originalPositionFor(map, { line, column: 0, bias: 1 }).line ?? line,
      ticks: count,
    }));
    return {
      ...node,
      callFrame: frameInSource(callFrame, map, urlOf),
      ...(ticks === undefined ? {} : { positionTicks: ticks }),
    };
  });
  return { ...profile, nodes };
}

function frameInSource(
  frame: CallFrame,
  map: TraceMap,
  urlOf: (source: string) => string,
): CallFrame {
  if (frame.lineNumber < 0) return frame;
  const found = originalPositionFor(map, {
    line: frame.lineNumber + 1,
    column: Math.max(frame.columnNumber, 0),
  });
  if (found.source === null) return frame;
  return {
    ...frame,
    url: urlOf(found.source),
    lineNumber: found.line - 1,
    columnNumber: found.column,
  };
}

/** A function's part of a profile. */
export interface FunctionTime {
  name: string;
  /** `file:line`; empty for what is V8's own. */
  place: string;
  /** Microseconds at the top of the stack. */
  selfUs: number;
  /** Of it and what it called. */
  totalUs: number;
}

/** Functions by the time that they took themselves, the most first. */
export function functionTimes(profile: CpuProfile): FunctionTime[] {
  const selfUs = selfTimes(profile);
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const times = new Map<string, FunctionTime>();
  // On the stack already: a function that calls itself counts once.
  const visit = (id: number, above: ReadonlySet<string>): number => {
    const node = byId.get(id);
    if (node === undefined) return 0;
    const key = frameKey(node.callFrame);
    const within = new Set(above).add(key);
    const own = selfUs.get(id) ?? 0;
    const total = (node.children ?? []).reduce((sum, child) => sum + visit(child, within), own);
    const time = times.get(key) ?? {
      name: frameName(node.callFrame),
      place: framePlace(node.callFrame),
      selfUs: 0,
      totalUs: 0,
    };
    time.selfUs += own;
    if (!above.has(key)) time.totalUs += total;
    times.set(key, time);
    return total;
  };
  const [root] = profile.nodes;
  if (root !== undefined) visit(root.id, new Set());
  return [...times.values()].sort((a, b) => b.selfUs - a.selfUs || b.totalUs - a.totalUs);
}

/** Microseconds at the top of the stack, by node. */
export function selfTimes({ samples = [], timeDeltas = [] }: CpuProfile): Map<number, number> {
  const times = new Map<number, number>();
  for (const [index, id] of samples.entries()) {
    // The first is the time until the first sample, and each belongs to the sample before.
    const us = timeDeltas[index + 1] ?? 0;
    times.set(id, (times.get(id) ?? 0) + Math.max(us, 0));
  }
  return times;
}

/** As it may be shown: a function may be called anything. */
export function frameName({ functionName }: CallFrame): string {
  return functionName === '' ? '(anonymous)' : printable(functionName).replaceAll(/\s+/g, ' ');
}

/** `file:line`, the file without its folders. */
export function framePlace({ url, lineNumber }: CallFrame): string {
  return url === '' ? '' : `${decodeURIComponent(url.replace(/^.*\//, ''))}:${lineNumber + 1}`;
}

export function frameKey({ functionName, url, lineNumber, columnNumber }: CallFrame): string {
  return JSON.stringify([functionName, url, lineNumber, columnNumber]);
}
