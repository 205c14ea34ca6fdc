import { readFileSync, writeFileSync } from 'node:fs';

/**
 * `flame.ts PROFILE.cpuprofile OUT.svg`: where a process spent its time, callers above what they call, widths by time;
 * idle time is left out. The profile comes from `NODE_OPTIONS="--cpu-prof --cpu-prof-dir=DIR" bin/tailgate run …` and
 * SIGTERM.
 */
interface CallFrame {
  readonly functionName: string;
  readonly url: string;
}
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

class Box {
  readonly name: string;
  readonly color: string;
  micros = 0;
  readonly inner = new Map<string, Box>();

  constructor(name: string, color: string) {
    this.name = name;
    this.color = color;
  }
}

const width = 1200;
const rowHeight = 17;
const narrowest = 1.5;
const [input, output] = process.argv.slice(2);
if (input === undefined || output === undefined) throw new Error('usage: flame.ts PROFILE.cpuprofile OUT.svg');

function merge({ nodes, samples, timeDeltas }: Profile): Box {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const callerOf = new Map<number, number>();
  for (const { id, children = [] } of nodes) for (const child of children) callerOf.set(child, id);
  const root = new Box('all but idle', '#d5d8dc');
  samples.forEach((sample, i) => {
    const stack: CallFrame[] = [];
    for (let id: number | undefined = sample; id !== undefined; id = callerOf.get(id)) {
      stack.unshift((byId.get(id) as Profile['nodes'][number]).callFrame);
    }
    if (stack.at(-1)?.functionName === '(idle)') return;
    add(root, stack.slice(1), timeDeltas[i]);
  });
  return root;
}

function add(box: Box, stack: readonly CallFrame[], micros: number): void {
  box.micros += micros;
  for (const { functionName, url } of stack) {
    const name = `${functionName || '(anonymous)'}${placeOf(url)}`;
    let inner = box.inner.get(name);
    if (inner === undefined) box.inner.set(name, (inner = new Box(name, colorOf(url))));
    inner.micros += micros;
    box = inner;
  }
}

const placeOf = (url: string): string => {
  const own = /\/(?:src|dist)\/(.*)$/.exec(url);
  if (own !== null && !url.includes('node_modules')) return ` ${own[1]}`;
  return url === '' ? '' : ` ${url.replace(/^.*\/node_modules\//, '')}`;
};

/** Ours, a package's, Node's own, and what is not JavaScript. */
function colorOf(url: string): string {
  if (url === '') return '#f0b27a';
  if (url.startsWith('node:')) return '#aed6f1';
  return url.includes('node_modules') ? '#d7bde2' : '#a9dfbf';
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const boxes: string[] = [];
let deepest = 0;

function draw(box: Box, x: number, depth: number, scale: number): void {
  const wide = box.micros * scale;
  if (wide < narrowest) return;
  deepest = Math.max(deepest, depth);
  const y = depth * rowHeight;
  const percent = ((wide / width) * 100).toFixed(1);
  const letters = Math.floor((wide - 4) / 6.1);
  const label =
    letters < 3 ? '' : `<text x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(box.name.slice(0, letters))}</text>`;
  const shape = `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, wide - 0.5).toFixed(1)}" height="${rowHeight - 1}" fill="${box.color}"/>`;
  boxes.push(`<g><title>${escaped(box.name)} ${percent} %</title>${shape}${label}</g>`);
  for (const inner of [...box.inner.values()].sort((a, b) => b.micros - a.micros)) {
    draw(inner, x, depth + 1, scale);
    x += inner.micros * scale;
  }
}

const root = merge(JSON.parse(readFileSync(input, 'utf8')) as Profile);
draw(root, 0, 0, width / root.micros);
const height = (deepest + 1) * rowHeight;
const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="10">`;
writeFileSync(output, `${head}\n<rect width="100%" height="100%" fill="#fff"/>\n${boxes.join('\n')}\n</svg>\n`);
