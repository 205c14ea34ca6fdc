/** A strict reader of the Prometheus text format 0.0.4: it throws at whatever a scraper could stumble over. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: { readonly name: string; readonly labels: Record<string, string>; readonly value: number }[];
}

const namePattern = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;

export function parseTextFormat(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  let help: { name: string; text: string } | undefined;
  let family: Family | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# HELP ')) {
      const [name, ...words] = line.slice(7).split(' ');
      help = { name: name!, text: unescaped(words.join(' '), false) };
    } else if (line.startsWith('# TYPE ')) {
      const [name, type, ...rest] = line.slice(7).split(' ');
      if (rest.length > 0 || help?.name !== name) throw new Error(`TYPE without its HELP: ${line}`);
      if (!['counter', 'gauge', 'histogram'].includes(type!)) throw new Error(`unknown type: ${line}`);
      if (!namePattern.test(name!) || families.has(name!)) throw new Error(`bad or repeated name: ${line}`);
      family = { name: name!, type: type!, help: help!.text, samples: [] };
      families.set(name!, family);
    } else {
      if (family === undefined) throw new Error(`sample before TYPE: ${line}`);
      addSample(family, line);
    }
  }
  for (const it of families.values()) check(it);
  return families;
}

function addSample(family: Family, line: string): void {
  const match = sampleLine.exec(line);
  if (match === null) throw new Error(`not a sample: ${line}`);
  const [, name, labels, value] = match;
  const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  if (!suffixes.some((suffix) => name === family.name + suffix)) throw new Error(`sample of another family: ${line}`);
  family.samples.push({ name: name!, labels: parseLabels(labels ?? ''), value: parseValue(value!) });
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,(?=.)|$)/.exec(rest);
    if (match === null) throw new Error(`bad labels: ${rest}`);
    const [all, name, value] = match;
    if (name! in labels) throw new Error(`label twice: ${name}`);
    labels[name!] = unescaped(value!, true);
    rest = rest.slice(all.length);
  }
  return labels;
}

function parseValue(text: string): number {
  if (text === '+Inf') return Infinity;
  if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) throw new Error(`not a value: ${text}`);
  return Number(text);
}

function unescaped(text: string, quotes: boolean): string {
  return text.replaceAll(/\\(.)/g, (_all, c: string) => {
    if (c === 'n') return '\n';
    if (c === '\\' || (c === '"' && quotes)) return c;
    throw new Error(`bad escape: \\${c}`);
  });
}

function check(family: Family): void {
  const seen = new Set(family.samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()])));
  if (seen.size !== family.samples.length) throw new Error(`${family.name} has a series twice`);
  if (family.type === 'histogram') checkHistogram(family);
  if (family.type !== 'gauge' && family.samples.some(({ value }) => value < 0))
    throw new Error(`${family.name} below 0`);
}

function checkHistogram({ name, samples }: Family): void {
  const buckets = samples.filter((it) => it.name === `${name}_bucket`);
  const bounds = buckets.map((it) => parseValue(it.labels.le ?? 'missing'));
  const rising = (numbers: number[], equalToo: boolean) =>
    numbers.every((n, i) => i === 0 || n > numbers[i - 1]! || (equalToo && n === numbers[i - 1]));
  if (!rising(bounds, false) || bounds.at(-1) !== Infinity) throw new Error(`${name}: bounds ${bounds}`);
  if (
    !rising(
      buckets.map((it) => it.value),
      true,
    )
  )
    throw new Error(`${name}: buckets are not cumulative`);
  const count = samples.find((it) => it.name === `${name}_count`)?.value;
  if (count !== buckets.at(-1)?.value) throw new Error(`${name}: _count is not the last bucket`);
  if (!samples.some((it) => it.name === `${name}_sum`)) throw new Error(`${name} has no _sum`);
}
