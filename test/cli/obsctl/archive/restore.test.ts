import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { spanIds } from '../../../../src/cli/obsctl/archive/trace-facts.ts';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import type { Writer } from '../../../../src/wire/writer.ts';
import { fakeProcess } from '../../fake-process.ts';
import { FakeS3 } from './fake-s3.ts';
import { FakeTempo } from './fake-tempo.ts';
import { message, oddTrace, traceId } from './odd-trace.ts';

const tempo = new FakeTempo();
const s3 = new FakeS3();
let folder: string;
let trace: string;
let manifest: string;

beforeAll(async () => {
  await tempo.start();
  await s3.start();
});
afterAll(() => {
  tempo.stop();
  s3.stop();
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'restore-'));
  tempo.traces.clear();
  tempo.taken.length = 0;
  tempo.keeps = true;
  tempo.answer = new Uint8Array(0);
  tempo.before = () => false;
  tempo.traces.set(traceId, oddTrace());
  await run('archive', traceId, '--out', folder);
  [trace, manifest] = readdirSync(folder)
    .sort((a, b) => a.length - b.length)
    .map((name) => join(folder, name));
  tempo.traces.clear();
  return () => rmSync(folder, { recursive: true });
});

async function run(...argv: string[]) {
  const process = fakeProcess({ env: { OBSCTL_GATEWAY: tempo.url, ...s3.env } });
  const code = await obsctl(['trace', ...argv], process);
  return { code, out: process.out, err: process.err };
}
const change = (path: string, edit: (text: string) => string) => {
  chmodSync(path, 0o644);
  writeFileSync(path, edit(readFileSync(path, 'utf8')));
};

describe('trace restore', () => {
  it.each([
    ['the trace', () => [trace]],
    ['its manifest', () => [manifest]],
    ['all that is in the folder', () => [trace, manifest, trace.replace('.json', '.grafana.json')]],
  ])('gives the gateway the very spans that were archived, named by %s, once', async (_, files) => {
    const { code, out, err } = await run('restore', ...files());
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/4bf92f3577b34da6a3ce929d0e0e4736 {2}restored +2 /);
    expect(tempo.taken.map((body) => Buffer.from(body).equals(Buffer.from(oddTrace())))).toEqual([true]);
    expect(tempo.asked).toContain('POST /api/restore');
    expect((await run('restore', ...files())).out).toContain('there already');
    expect(tempo.taken).toHaveLength(1);
  });

  it('sends to an OTLP address where one is named, and looks where Tempo is named', async () => {
    const { code, out } = await run('restore', trace, '--otlp', tempo.url, '--tempo', tempo.url);
    expect([code, tempo.asked.includes('POST /v1/traces')]).toEqual([0, true]);
    expect(out).toContain('restored');
    const blind = await run('restore', trace, '--otlp', tempo.url);
    expect([blind.code, blind.err]).toEqual([
      0,
      'obsctl: nobody looks whether they are found: name Tempo by --tempo\n',
    ]);
    expect(blind.out).toContain('sent');
  });

  it('comes from a bucket as from a folder', async () => {
    tempo.traces.set(traceId, oddTrace());
    await run('archive', traceId, '--to', 's3://incidents/a');
    tempo.traces.clear();
    const { code, err } = await run('restore', ...[...s3.objects.keys()].map((key) => `s3://incidents/${key}`));
    expect([code, err, tempo.taken.length]).toEqual([0, '', 1]);
  });

  it.each<[string, () => void, string]>([
    [
      'a trace that was changed',
      () => change(trace, (text) => text.replace('GET /cart', 'GET /CART')),
      'it was changed: its SHA-256 is ',
    ],
    [
      'a manifest with another sum',
      () => change(manifest, (text) => text.replace(/"sha256": "..../, '"sha256": "0000')),
      'it was changed',
    ],
    [
      'a manifest that names another file',
      () => change(manifest, (text) => text.replace(/"file": "/, '"file": "../../etc/')),
      'its manifest is no manifest of a trace (file: ',
    ],
    [
      'a manifest with another number of spans',
      () => change(manifest, (text) => text.replace('"spans": 2', '"spans": 3')),
      'it has 2 spans, its manifest says 3',
    ],
    ['a manifest that is none', () => change(manifest, () => '[]'), 'no manifest of a trace'],
    ['a manifest as long as a book', () => change(manifest, (text) => text + ' '.repeat(100_000)), 'expected at most'],
    ['a trace without its manifest', () => rmSync(manifest), 'there is no manifest beside it'],
    ['a manifest without its trace', () => rmSync(trace), 'beside its manifest'],
  ])('sends nothing of %s', async (what, damage, why) => {
    damage();
    const { code, out, err } = await run('restore', what.endsWith('its trace') ? manifest : trace);
    expect(code).toBe(1);
    expect(out + err).toContain(why);
    expect(tempo.taken).toEqual([]);
  });

  it('takes a file that nobody vouches for only where that is asked for', async () => {
    const plain = join(folder, 'show.jsonl');
    writeFileSync(plain, readFileSync(trace));
    expect((await run('restore', plain)).out).toContain('--unverified restores it all the same');
    expect((await run('restore', plain, '--unverified')).code).toBe(0);
    expect(tempo.taken).toHaveLength(1);
    expect((await run('restore', join(folder, 'absent'), '--unverified')).out).toContain('there is no such file');
  });

  it('does not take a file of which its manifest says something else, whatever is asked for', async () => {
    change(trace, (text) => text.replace('GET /cart', 'GET /CART'));
    for (const file of [trace, manifest]) {
      const { code, out } = await run('restore', file, '--unverified');
      expect([code, out.includes('it was changed')]).toEqual([1, true]);
    }
    change(manifest, () => '{}');
    expect((await run('restore', trace, '--unverified')).code).toBe(1);
    expect(tempo.taken).toEqual([]);
  });

  it('believes a sound manifest beside a damaged one', async () => {
    tempo.traces.set(traceId, oddTrace());
    await run('archive', traceId, '--out', folder, '--why', 'another');
    tempo.traces.clear();
    change(manifest, () => '{}');
    expect((await run('restore', trace)).code).toBe(0);
    expect(tempo.taken).toHaveLength(1);
  });

  it('restores the trace where its copy for Grafana is named, and nothing of the copy', async () => {
    const copy = trace.replace('.json', '.grafana.json');
    writeFileSync(copy, '{"batches":[]}');
    expect((await run('restore', copy)).code).toBe(0);
    expect(tempo.taken.map((body) => Buffer.from(body).equals(Buffer.from(oddTrace())))).toEqual([true]);
  });

  it('passes over what is no file, and sends the others', async () => {
    mkdirSync(join(folder, 'deeper.json'));
    const { code, out } = await run('restore', join(folder, 'deeper.json'), join(trace, 'below'), trace);
    expect([code, tempo.taken.length]).toEqual([4, 1]);
    expect(out).toMatch(/deeper\.json: not a file/);
  });

  it('sends both of two files whose spans differ in kind alone', async () => {
    const second = join(folder, 'second');
    tempo.traces.set(traceId, withoutServer());
    await run('archive', traceId, '--out', second);
    tempo.traces.clear();
    const [part] = readdirSync(second).map((name) => join(second, name));
    expect((await run('restore', part, trace)).code).toBe(0);
    expect(tempo.taken.map((body) => spanIds(body).spans.size)).toEqual([1, 2]);
  });

  it('says what it sent when it is ended while it looks', async () => {
    tempo.keeps = false;
    const ended = new AbortController();
    const process = fakeProcess({ env: { OBSCTL_GATEWAY: tempo.url }, signal: ended.signal });
    const restored = obsctl(['trace', 'restore', trace, '--wait', '60s'], process);
    tempo.before = () => {
      if (tempo.taken.length > 0) ended.abort();
      return false;
    };
    expect(await restored).not.toBe(0);
    expect(process.err).toContain('interrupted');
    expect(process.out).toContain('sent: nobody looked until it was found');
    expect(process.out).toContain(traceId);
  });

  it('says what is not found again in time', async () => {
    tempo.keeps = false;
    const { code, out } = await run('restore', trace, '--wait', '300ms');
    expect(code).toBe(4);
    expect(out).toContain(`sent, not found: 2 of 2 spans are not in ${tempo.url} yet`);
  });

  it('waits for a receiver that is busy, and passes on what it refuses', async () => {
    let busy = 2;
    tempo.before = (request, response) => {
      if (request.method !== 'POST' || busy-- <= 0) return false;
      response.writeHead(503).end('{"error":"a destination is behind"}');
      return true;
    };
    expect((await run('restore', trace)).code).toBe(0);
    tempo.traces.clear();
    tempo.before = (request, response) => request.method === 'POST' && Boolean(response.writeHead(400).end('too old'));
    expect((await run('restore', trace)).out).toContain('refused it: too old');
    tempo.before = (request, response) =>
      request.method === 'POST' && Boolean(response.writeHead(403).end('{"error":"no"}'));
    expect((await run('restore', trace)).code).toBe(5);
  });

  it('says what an OTLP receiver leaves out', async () => {
    tempo.answer = message(1, (w) => {
      w.tag(1, 0);
      w.int64(1n);
      w.string(2, 'too old');
    });
    const { code, out } = await run('restore', trace, '--otlp', tempo.url);
    expect([code, out.includes('left spans of 4bf92f3577b34da6a3ce929d0e0e4736 out: 1 of a request: too old')]).toEqual(
      [1, true],
    );
  });

  it('sends a large trace in requests that every receiver takes, each span once', async () => {
    const large = manySpans(12, 100_000);
    tempo.traces.set(traceId, large);
    const second = join(folder, 'large');
    await run('archive', traceId, '--out', second);
    tempo.traces.clear();
    const { code } = await run('restore', ...readdirSync(second).map((name) => join(second, name)));
    expect([code, tempo.taken.length > 1, Math.max(...tempo.taken.map(({ length }) => length)) <= 2 ** 20]).toEqual([
      0,
      true,
      true,
    ]);
    const keys = tempo.taken.flatMap((body) => [...spanIds(body).ids]);
    expect(keys.toSorted()).toEqual([...spanIds(large).ids].toSorted());
  });
});

/** The trace's client alone, whose server has the same id. */
function withoutServer(): Uint8Array {
  const client = (w: Writer) => {
    w.bytes(1, Buffer.from(traceId, 'hex'));
    w.bytes(2, Buffer.from('00f067aa0ba902b7', 'hex'));
    w.tag(6, 0);
    w.varint(3);
  };
  return message(1, (w) => w.raw(message(2, (scope) => scope.raw(message(2, client)))));
}

function manySpans(count: number, nameBytes: number): Uint8Array {
  const span = (i: number) =>
    message(2, (w: Writer) => {
      w.bytes(1, Buffer.from(traceId, 'hex'));
      w.bytes(2, Buffer.from(i.toString(16).padStart(16, '0'), 'hex'));
      w.string(5, 'x'.repeat(nameBytes));
    });
  const scope = message(2, (w) => w.raw(Buffer.concat(Array.from({ length: count }, (_, i) => span(i + 1)))));
  return message(1, (w) => w.raw(scope));
}
