import type { Command } from 'commander';
import { bookRows, handedOn } from '../../model/outcome.ts';
import { noRulesSource } from '../../model/rules.ts';
import type { ClusterStatus } from '../../telemetry/sources.ts';
import type { Status } from '../../telemetry/status.ts';
import { type ExitCode, exit } from '../exit.ts';
import { readCluster, readStatus } from './answers.ts';
import { printable } from './cells.ts';
import { type Paint, paint as paintFor } from './colors.ts';
import type { Run } from './command.ts';
import { formatNs } from './duration.ts';
import type { Settings } from './settings.ts';
import { table } from './table.ts';
import { jsonText } from './terminal.ts';

export function registerStatus(parent: Command, run: Run): void {
  parent
    .command('status')
    .description("the gateway's rules, buffer, books and exporters")
    .action((_, command: Command) => run(command, status));
}

/** `obsctl status`: the rules in force, the buffer, the books and the exporters of the gateway. */
async function status(settings: Settings): Promise<ExitCode> {
  const { io, client, gateway, output } = settings;
  const { body } = await client.get(gateway, '/api/status');
  if (output === 'ids') {
    io.stdout.write(`${printable(readStatus(body, gateway).rules.revision)}\n`);
    return exit.found;
  }
  const cluster = await clusterOf(settings);
  if (output === 'table') {
    io.stdout.write(statusText(readStatus(body, gateway), io.now(), settings.color));
    if (cluster) io.stdout.write(`\n${clusterText(cluster, settings.color)}`);
  } else {
    const all = { ...(body as object), ...(cluster && { cluster }) };
    io.stdout.write(`${jsonText(all, output === 'json' ? 2 : 0)}\n`);
  }
  return exit.found;
}

/** Who is in the fleet; undefined where the gateway is alone, or older than fleets. */
async function clusterOf({ client, gateway }: Settings): Promise<ClusterStatus | undefined> {
  const { status, body } = await client.get(gateway, '/api/cluster', [400, 404]);
  const cluster = status === 200 ? readCluster(body, gateway) : undefined;
  return cluster && cluster.members.length > 0 ? cluster : undefined;
}

/** The fleet as a table. Pure. */
export function clusterText({ self, epoch, members, owned }: ClusterStatus, color: boolean): string {
  const paint = paintFor(color);
  const there = members.filter(({ state }) => state === 'self' || state === 'reachable').length;
  const whose =
    self === ''
      ? 'this one brings spans to them, and owns none'
      : `${printable(self)} owns ${(100 * owned).toPrecision(3)} % of all traces`;
  const head = `fleet     ${there} of ${members.length} members, list ${printable(epoch)}; ${whose}\n\n`;
  const rows = table(
    [
      { title: 'MEMBER', text: ({ name }) => name },
      { title: 'ADDRESS', text: ({ address }) => address },
      {
        title: 'STATE',
        text: ({ state }) => state,
        paint: (text, { state }) => (state === 'unreachable' ? paint.red(text) : text),
      },
    ],
    members,
  );
  return head + rows;
}

/** The status as text; `now` (Unix ms) turns moments into ages. Pure. */
export function statusText(it: Status, now: number, color: boolean): string {
  const paint = paintFor(color);
  const { buffer } = it;
  const used = buffer.limitBytes > 0 ? ` (${Math.round((100 * buffer.bytes) / buffer.limitBytes)} %)` : '';
  const oldest = buffer.traces > 0 ? `, the oldest ${formatNs(buffer.oldestSeconds * 1e9)}` : '';
  const lines = [
    [
      'gateway',
      `${it.version}, environment ${printable(it.environment)}, up ${formatNs(it.uptimeSeconds * 1e9)}, ${it.shards} shard${it.shards === 1 ? '' : 's'}`,
    ],
    ...(it.silentShards.length > 0
      ? [
          [
            'silent',
            paint.red(`shard ${it.silentShards.join(', ')} does not answer: its numbers are those it said last`),
          ],
        ]
      : []),
    ...overloadLines(it, paint),
    ...rulesLines(it, now, paint),
    [
      'buffer',
      `${sizeText(buffer.bytes)} of ${sizeText(buffer.limitBytes)}${used}: ${buffer.traces} traces, ${buffer.spans} spans${oldest}`,
    ],
    ...windowLines(it),
    ...memoryLines(it),
    ...kafkaLines(it, paint),
    ['books', it.books.balanced ? 'balanced' : paint.red('NOT balanced: spans are missing or counted twice')],
  ];
  const head = lines.map(([key, value]) => `${key.padEnd(10)}${value}\n`).join('');
  return `${head}\n${booksTable(it, paint)}${tenantsTable(it, paint)}${exportersTable(it, now, paint)}${failingLines(it, paint)}`;
}

function windowLines({ window }: Partial<Status>): string[][] {
  if (window === undefined || window.limitBytes === 0) return [];
  const { bytes, limitBytes, spans, oldestSeconds, missedSpans } = window;
  const oldest = spans > 0 ? `, the oldest ${formatNs(oldestSeconds * 1e9)}` : '';
  const missed = missedSpans > 0 ? `; ${missedSpans} missed` : '';
  return [['window', `${sizeText(bytes)} of ${sizeText(limitBytes)}: ${spans} spans${oldest}${missed}`]];
}

function overloadLines({ overload = [] }: Partial<Status>, paint: Paint): string[][] {
  return overload.flatMap(({ rung, name, cause, keepsOneIn }, shard) => {
    if (rung === 0) return [];
    const share = keepsOneIn > 1 ? `, keeps at most one in ${keepsOneIn}` : '';
    return [
      ['overload', paint.red(`shard ${shard}: ${printable(name).replaceAll('_', ' ')} (${printable(cause)})${share}`)],
    ];
  });
}

/** Parts too small to be worth a word. */
const leastPartBytes = 1 << 20;

function memoryLines({ memory }: Status): string[][] {
  // An older gateway says nothing of it.
  if (memory === undefined) return [];
  const { parts, residentBytes, idleBytes, limitBytes } = memory;
  const of = limitBytes === null ? '' : ` of ${sizeText(limitBytes)}`;
  const largest = Object.entries(parts)
    .filter(([, bytes]) => bytes >= leastPartBytes)
    .sort(([, a], [, b]) => b - a)
    .map(([part, bytes]) => `, ${printable(part)} ${sizeText(bytes)}`);
  return [['memory', `${sizeText(residentBytes)}${of}: idle ${sizeText(idleBytes)}${largest.join('')}`]];
}

function kafkaLines({ kafka }: Partial<Status>, paint: Paint): string[][] {
  const wrong = (error: string): string => (error === '' ? '' : paint.red(`: ${printable(error)}`));
  const { written, read } = kafka ?? {};
  const failed = written?.failedRecords ? `, ${written.failedRecords} records not taken` : '';
  const state = read?.connected ? (read.paused ? 'paused' : 'on') : 'not connected';
  const setAside = read?.setAside ? `, ${read.setAside} set aside` : '';
  return [
    ...(written
      ? [['kafka', `writes, ${sizeText(written.heldBytes)} wait for brokers${failed}${wrong(written.error)}`]]
      : []),
    ...(read
      ? [['kafka', `reads (${state}), ${read.lagMessages} messages behind${setAside}${wrong(read.error)}`]]
      : []),
  ];
}

function rulesLines({ rules }: Status, now: number, paint: Paint): string[][] {
  if (rules.source === noRulesSource) return [['rules', 'none: nothing is decided here']];
  const index = rules.modifyIndex > 0 ? `, index ${rules.modifyIndex}` : '';
  return [
    [
      'rules',
      `${printable(rules.revision)} (${rules.hash}) from ${printable(rules.source)}${index}, loaded ${ago(rules.loadedAt, now)}`,
    ],
    ...(rules.by ? [['written', writtenText(rules, now)]] : []),
    ['policies', printable(rules.policies.join(', '))],
    ...(rules.debug ? [['debug', paint.red('on: every trace is kept')]] : []),
    ...(rules.sourceError
      ? [['silent', paint.red(`${printable(rules.sourceError)} (${Math.round(rules.sourceAgeSeconds)} s)`)]]
      : []),
    ...refusalLine(rules, now, paint),
  ];
}

/** By whom, when and why, as the history has it. */
function writtenText({ by, writtenAt, why }: Status['rules'], now: number): string {
  const when = Number.isNaN(Date.parse(writtenAt ?? '')) ? '' : `, ${ago(writtenAt, now)}`;
  return printable(`by ${by}${when}${why ? `: ${why}` : ''}`);
}

/** In red until good rules came, which may be those in force once more: they are not loaded again. */
function refusalLine({ lastRefusal, loadedAt }: Status['rules'], now: number, paint: Paint): string[][] {
  if (lastRefusal === null) return [];
  const { at, error, settled: isSettled = isBefore(at, loadedAt) } = lastRefusal;
  const text = `${printable(error)} (${ago(at, now)})`;
  return [['refused', isSettled ? `${text}, put right since` : paint.red(text)]];
}

const isBefore = (a: string | null, b: string | null): boolean =>
  a !== null && b !== null && Date.parse(a) < Date.parse(b);

function booksTable({ books }: Status, paint: Paint): string {
  const spans: Readonly<Record<string, unknown>> = books.spans;
  const traces: Readonly<Record<string, unknown>> = books.traces;
  const alarm = (text: string, name: string): string => (name === 'lost' && spans.lost ? paint.red(text) : text);
  return table<string>(
    [
      { title: 'BOOKS', text: (name) => name.replace('_', ' '), paint: alarm },
      { title: 'SPANS', text: (name) => String(spans[name] ?? '-'), align: 'right', paint: alarm },
      { title: 'TRACES', text: (name) => String(traces[name] ?? '-'), align: 'right' },
    ],
    bookRows.filter((name) => !handedOn.includes(name) || spans[name]),
  );
}

/** Of each tenant, in spans, where there are such. */
function tenantsTable({ tenants = [] }: Status, paint: Paint): string {
  if (tenants.length === 0) return '';
  type Row = (typeof tenants)[number];
  const share = ({ buffer }: Row) => `${Math.round((100 * buffer.bytes) / Math.max(1, buffer.limitBytes))} %`;
  const number = (key: 'received' | 'kept' | 'dropped' | 'lost' | 'waiting') => ({
    title: key.toUpperCase(),
    text: ({ books }: Row) => String(books.spans[key] ?? '-'),
    align: 'right' as const,
    paint: (text: string, { books }: Row) => (key === 'lost' && books.spans.lost > 0 ? paint.red(text) : text),
  });
  const columns = [number('received'), number('kept'), number('dropped'), number('lost'), number('waiting')];
  const balance = {
    title: 'BOOKS',
    text: ({ books }: Row) => (books.balanced ? 'balanced' : 'NOT balanced'),
    paint: (text: string, { books }: Row) => (books.balanced ? text : paint.red(text)),
  };
  const name = { title: 'TENANT', text: (row: Row) => row.name };
  return `\n${table<Row>([name, ...columns, { title: 'BUFFER', text: share, align: 'right' }, balance], tenants)}`;
}

function exportersTable(it: Status, now: number, paint: Paint): string {
  if (it.export.length === 0) return '';
  const books = new Map(it.books.exporters.map((each) => [each.name, each]));
  type Row = Status['export'][number];
  const number = (key: 'exported' | 'queued' | 'failed' | 'elsewhere') => (row: Row) =>
    String(books.get(row.name)?.[key] ?? '-');
  const hasWhen = it.books.exporters.some(({ elsewhere = 0 }) => elsewhere > 0);
  const rows = table<Row>(
    [
      { title: 'EXPORTER', text: (row) => row.name },
      { title: 'EXPORTED', text: number('exported'), align: 'right' },
      { title: 'QUEUED', text: number('queued'), align: 'right' },
      {
        title: 'FAILED',
        text: number('failed'),
        align: 'right',
        paint: (text, row) => (books.get(row.name)?.failed ? paint.red(text) : text),
      },
      ...(hasWhen ? [{ title: 'ELSEWHERE', text: number('elsewhere'), align: 'right' } as const] : []),
      { title: 'QUEUE', text: (row) => sizeText(row.queueBytes), align: 'right' },
      { title: 'LAST SUCCESS', text: (row) => ago(row.lastSuccessAt, now) },
      { title: 'LAST ERROR', text: (row) => row.lastError || 'none' },
    ],
    it.export,
  );
  return `\n${rows}`;
}

/** Stores that can keep nothing now. */
const failingLines = ({ export: exporters }: Status, paint: Paint): string =>
  exporters
    .filter(({ failing }) => failing !== '')
    .map(({ name, failing }) => `\n${paint.red(`${printable(name)} can store nothing: ${printable(failing)}`)}\n`)
    .join('');

/** `3s ago`, of an ISO 8601 time. */
function ago(iso: string | null, now: number): string {
  if (iso === null) return 'never';
  const seconds = Math.floor((now - Date.parse(iso)) / 1000);
  return seconds < 1 ? '<1s ago' : `${formatNs(seconds * 1e9)} ago`;
}

export function sizeText(bytes: number): string {
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}
