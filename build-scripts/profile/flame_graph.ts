// A flame graph of a CPU profile, as SVG that needs no program: the root at the bottom, what it calls above, each
// as wide as its time (Gregg, "The Flame Graph", CACM 2016). A frame's title says its times.
import { escapeXml } from '../ui/xml.ts';
import {
  frameKey,
  frameName,
  framePlace,
  selfTimes,
  type CallFrame,
  type CpuProfile,
} from './cpu_profile.ts';

const WIDTH = 1200;
const ROW = 18;
const TOP = 40;
const CHARACTER = 6.6;
/** Narrower frames are left out, in pixels. */
const MIN_WIDTH = 0.3;

interface Frame {
  frame: CallFrame;
  us: number;
  children: Map<string, Frame>;
}

/** @param title One line above it. */
export function flameGraph(profile: CpuProfile, title: string): string {
  const root = framesOf(profile);
  const depth = depthOf(root);
  const height = TOP + (depth + 1) * ROW + 10;
  const parts: string[] = [];
  const draw = (each: Frame, left: number, level: number): void => {
    const width = (each.us / root.us) * WIDTH;
    if (!(width >= MIN_WIDTH)) return;
    parts.push(frameSvg(each, left, height - 10 - (level + 1) * ROW, width, root.us));
    let at = left;
    for (const child of each.children.values()) {
      draw(child, at, level + 1);
      at += (child.us / root.us) * WIDTH;
    }
  };
  draw(root, 0, 0);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="11">`,
    '<rect width="100%" height="100%" fill="#fffdf7"/>',
    `<text x="${WIDTH / 2}" y="22" text-anchor="middle" font-size="15">${escapeXml(title)}</text>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/** The tree of frames, in which calls of one function from one place are one. */
function framesOf(profile: CpuProfile): Frame {
  const selfUs = selfTimes(profile);
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const add = (id: number, siblings: Map<string, Frame>): number => {
    const node = byId.get(id);
    // Time in which nothing ran is nobody's.
    if (node === undefined || node.callFrame.functionName === '(idle)') return 0;
    const key = frameKey(node.callFrame);
    const frame = siblings.get(key) ?? { frame: node.callFrame, us: 0, children: new Map() };
    siblings.set(key, frame);
    let us = selfUs.get(id) ?? 0;
    for (const child of node.children ?? []) us += add(child, frame.children);
    frame.us += us;
    return us;
  };
  const roots = new Map<string, Frame>();
  const [first] = profile.nodes;
  if (first !== undefined) add(first.id, roots);
  const [root] = roots.values();
  const nothing = {
    functionName: '(root)',
    scriptId: '',
    url: '',
    lineNumber: -1,
    columnNumber: -1,
  };
  return root ?? { frame: nothing, us: 0, children: new Map() };
}

function depthOf({ children }: Frame): number {
  return Math.max(0, ...[...children.values()].map((each) => 1 + depthOf(each)));
}

function frameSvg({ frame, us }: Frame, x: number, y: number, width: number, all: number): string {
  const name = frameName(frame);
  const place = framePlace(frame);
  const share = all > 0 ? (us / all) * 100 : 0;
  const full = `${name}${place === '' ? '' : ` (${place})`}, ${(us / 1000).toFixed(1)} ms, ${share.toFixed(1)} %`;
  const room = Math.floor((width - 6) / CHARACTER);
  const text = room < 3 ? '' : name.length <= room ? name : `${name.slice(0, room - 1)}…`;
  const rect = `<rect x="${x.toFixed(2)}" y="${y}" width="${width.toFixed(2)}" height="${ROW - 1}" rx="1" fill="${colorOf(frame)}"/>`;
  const label =
    text === '' ? '' : `<text x="${(x + 3).toFixed(2)}" y="${y + 12}">${escapeXml(text)}</text>`;
  return `<g><title>${escapeXml(full)}</title>${rect}${label}</g>`;
}

/** Warm for the author's functions, grey for V8's own; the same for the same name. */
function colorOf({ functionName, url }: CallFrame): string {
  if (url === '') return '#c9c9c4';
  let hash = 0;
  for (const character of functionName) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return `hsl(${10 + (hash % 45)} 85% ${62 + (hash % 13)}%)`;
}
