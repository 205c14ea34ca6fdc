import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readBucket, targetOf } from '../../../../src/cli/obsctl/archive/s3/address.ts';
import { elements } from '../../../../src/cli/obsctl/archive/s3/xml.ts';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import { decodeJson } from '../../../../src/decode/json.ts';
import { fakeProcess } from '../../fake-process.ts';
import { FakeS3, refuse } from './fake-s3.ts';
import { FakeTempo } from './fake-tempo.ts';
import { oddTrace, traceId } from './odd-trace.ts';

const now = Date.parse('2026-11-30T02:00:00Z');
const tempo = new FakeTempo();
let s3: FakeS3;

beforeAll(() => tempo.start());
afterAll(() => tempo.stop());
beforeEach(async () => {
  s3 = new FakeS3();
  await s3.start();
  tempo.traces.set(traceId, oddTrace());
  return () => s3.stop();
});

async function archive(
  argv: readonly string[] = [],
  env: Record<string, string> = {},
  to = 's3://incidents/2026/a b+c&(d)*é',
) {
  const process = fakeProcess({ now: () => now, env: { ...s3.env, OBSCTL_TEMPO: tempo.url, ...env } });
  const code = await obsctl(
    ['trace', 'archive', traceId, '--to', to, '--by', 'ada', '--why', 'INC 42 ü', ...argv],
    process,
  );
  return { code, out: process.out, err: process.err };
}

describe('trace archive --to s3://', () => {
  it('puts the trace and its manifest below the prefix, signed, whatever letters that has', async () => {
    const { code, err, out } = await archive(['--hold', '2027-12-31']);
    expect([code, err]).toEqual([0, '']);
    const [trace, manifest] = [...s3.objects.keys()];
    expect(trace).toMatch(/^2026\/a b\+c&\(d\)\*é\/4bf92f3577b34da6a3ce929d0e0e4736\.[0-9a-f]{16}\.json$/);
    expect(Buffer.from(decodeJson(s3.objects.get(trace)!.body)).equals(Buffer.from(oddTrace()))).toBe(true);
    expect(JSON.parse(s3.objects.get(manifest)!.body.toString())).toMatchObject({
      ...{ traceId, by: 'ada', why: 'INC 42 ü' },
      hold: { until: '2027-12-31T23:59:59.000Z' },
    });
    expect(s3.objects.get(trace)!.headers).toMatchObject({
      ...{ 'x-amz-meta-why': 'INC%2042%20%C3%BC', 'x-amz-meta-hold-until': '2027-12-31T23:59:59.000Z' },
      ...{ 'x-amz-tagging': 'tailgate-hold-until=2027-12', 'if-none-match': '*', 'content-type': 'application/json' },
    });
    expect(out).toContain(`s3://incidents/${trace}`);
  });

  it('overwrites nothing, and finds what is there', async () => {
    await archive();
    const puts = () => s3.asked.filter((line) => line.startsWith('PUT')).length;
    expect(puts()).toBe(2);
    expect((await archive()).out).toContain('archived already');
    expect(puts()).toBe(2);
    const [trace] = s3.objects.keys();
    const { headers, body } = s3.objects.get(trace)!;
    s3.objects.set(trace, { headers, body: Buffer.from(body).fill(0x20, 0, 1) });
    const { code, err } = await archive();
    expect([code, err.split('\n').length]).toEqual([1, 2]);
    expect(err).toContain('Nothing was overwritten');
  });

  it('lets the faster of two win, and takes that for its own', async () => {
    const reports = await Promise.all([archive(), archive(), archive()]);
    expect(reports.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(s3.objects.size).toBe(2);
  });

  it.each([
    ['conditions', { knowsConditions: false }],
    ['tags', { knowsTags: false }],
    ['looking', { isWriteOnly: true }],
  ])('works with a store that does not have %s', async (_, store) => {
    Object.assign(s3, store);
    expect(await archive(['--hold', '1y'])).toMatchObject({ code: 0, err: '' });
    expect(s3.objects.size).toBe(2);
  });

  it('overwrites nothing where nobody may look, and does not say that it was changed', async () => {
    Object.assign(s3, { isWriteOnly: true });
    await archive();
    const before = new Map(s3.objects);
    const again = await archive();
    expect([again.code, s3.objects]).toEqual([5, before]);
    expect(again.err).toContain('is there already, and these credentials may not look whether it is the same');
    Object.assign(s3, { knowsConditions: false });
    const blind = await archive();
    expect([blind.code, s3.objects]).toEqual([1, before]);
    expect(blind.err).toContain('NotImplemented');
  });

  it.each([
    ['answers half and says no more', (response: ServerResponse) => response.write('{"trace')],
    ['says nothing after its headers', (response: ServerResponse) => response.flushHeaders()],
  ])('waits for a store that %s no longer than it was told to', async (_, begin) => {
    await archive();
    s3.before = (request, response) => {
      if (request.method !== 'GET') return false;
      response.setHeader('content-length', '5000');
      begin(response);
      return true;
    };
    const [key] = s3.objects.keys();
    const process = fakeProcess({ env: { ...s3.env, OBSCTL_GATEWAY: tempo.url } });
    const manifest = `s3://incidents/${key.replace(/json$/, '01234567.manifest.json')}`;
    expect(await obsctl(['trace', 'restore', manifest, '--timeout', '100ms'], process)).toBe(1);
    expect(process.err).toContain('did not answer in time: --timeout allows more');
  });

  it('lists nothing of what is no store', async () => {
    s3.before = (_, response) => Boolean(response.end('<html>Welcome to this network</html>'));
    const process = fakeProcess({ env: s3.env });
    expect(await obsctl(['trace', 'archives', 's3://incidents/a'], process)).toBe(1);
    expect(process.err).toContain("no store of S3's kind");
  });

  it('has the store lock it, and says where that did not happen', async () => {
    const { code, err } = await archive(['--hold', '1y', '--lock', 'compliance']);
    expect(code).toBe(1);
    expect(err).toContain('the store did not lock it: the bucket needs object lock');
    s3.objects.clear();
    s3.locks = true;
    expect(await archive(['--hold', '1y', '--lock', 'compliance'])).toMatchObject({ code: 0, err: '' });
    for (const { headers } of s3.objects.values())
      expect(headers).toMatchObject({
        'x-amz-object-lock-mode': 'COMPLIANCE',
        'x-amz-object-lock-retain-until-date': '2027-11-30T23:59:59.000Z',
      });
  });

  it('leaves what is written as it is where the store knows no retention at all', async () => {
    s3.knowsRetention = false;
    const { code, err } = await archive(['--hold', '1y', '--lock', 'governance']);
    expect(code).toBe(1);
    expect(err).toContain('the store did not lock it');
    const [{ body }] = [...s3.objects.values()];
    expect(Buffer.from(decodeJson(body)).equals(Buffer.from(oddTrace()))).toBe(true);
  });

  it.each([true, false])(
    'says that nobody may see whether it is locked, and asks for it once, where retention is known: %s',
    async (knowsRetention) => {
      Object.assign(s3, { isWriteOnly: true, locks: true, knowsRetention });
      const { code, out } = await archive(['--hold', '1y', '--lock', 'governance']);
      expect(code).toBe(4);
      expect(out).toContain(
        'archived: the store was asked to lock it, and whether it did these credentials may not see',
      );
      expect(s3.asked.filter((line) => line.startsWith('PUT') && line.endsWith('retention='))).toEqual([]);
      const [trace, manifest] = [...s3.objects.values()];
      expect(Buffer.from(decodeJson(trace.body)).equals(Buffer.from(oddTrace()))).toBe(true);
      expect(JSON.parse(manifest.body.toString())).toMatchObject({ hold: { lock: 'governance' } });
      expect(trace.headers['x-amz-object-lock-mode']).toBe('GOVERNANCE');
    },
  );

  it('asks for the lock of what is there already, though nobody may see it, and says where it is refused', async () => {
    await archive();
    Object.assign(s3, { locks: true, hidesLocks: true });
    const { code, out } = await archive(['--hold', '1y', '--lock', 'governance']);
    expect(code).toBe(4);
    expect(out).toContain('these credentials may not see');
    expect([...s3.objects.values()][0].headers['x-amz-object-lock-mode']).toBe('GOVERNANCE');
    s3.locks = false;
    const refused = await archive(['--hold', '2y', '--lock', 'governance']);
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(/the store did not lock it: .*\(HTTP 400: InvalidRequest\)/);
  });

  it('has the store hold longer what is there already', async () => {
    s3.locks = true;
    await archive();
    expect(await archive(['--hold', '2y', '--lock', 'governance'])).toMatchObject({ code: 0, err: '' });
    const untils = [...s3.objects.values()].map(({ headers }) => headers['x-amz-object-lock-retain-until-date']);
    expect(untils.toSorted()).toEqual(['2028-11-29T23:59:59.000Z', '2028-11-29T23:59:59.000Z', undefined]);
    expect(await archive(['--hold', '1y', '--lock', 'governance'])).toMatchObject({ code: 0, err: '' });
    expect([...s3.objects.values()][0].headers['x-amz-object-lock-retain-until-date']).toBe('2028-11-29T23:59:59.000Z');
  });

  it('tries again what passes, and goes on where a connection broke', async () => {
    let failures = 0;
    s3.before = (request, response) => {
      if (request.method !== 'PUT' || failures > 1) return false;
      if (failures++ === 0) refuse(response, 503, 'SlowDown');
      else response.destroy();
      return true;
    };
    expect(await archive()).toMatchObject({ code: 0, err: '' });
    expect(s3.objects.size).toBe(2);
  });

  it.each([
    [403, 'RequestTimeTooSkewed', {}, 1, "the clock here and the store's differ too much, there it is "],
    [404, 'NoSuchBucket', {}, 2, 'there is no bucket incidents'],
    [
      301,
      'PermanentRedirect',
      { 'x-amz-bucket-region': 'us-west-2' },
      2,
      'the bucket is in region us-west-2, not eu-central-1',
    ],
    [307, 'TemporaryRedirect', { location: 'http://169.254.169.254/' }, 1, 'where credentials are not taken along'],
    [403, 'InvalidAccessKeyId', {}, 5, 'does not take these credentials'],
    [403, 'AccessDenied', {}, 5, 'the store does not allow this'],
    [400, 'EntityTooLarge', {}, 1, 'the store refused it (HTTP 400: EntityTooLarge: no \ufffd[2J line)'],
  ])('says what %i %s means, and what to do', async (status, code, headers, exitCode, message) => {
    s3.before = (request, response) => {
      if (request.method !== 'PUT') return false;
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      refuse(response, status, code, 'no \x1b[2J\nline');
      return true;
    };
    const report = await archive();
    expect(report.err.split('\n')).toHaveLength(2);
    expect(report.err).toContain(message);
    expect(report.code).toBe(exitCode);
    expect(s3.objects.size).toBe(0);
    expect(report.err).not.toContain('EXAMPLEKEY');
  });

  it('says that nobody is there', async () => {
    const { code, err } = await archive([], { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1' });
    expect([code, err.split('\n').length]).toEqual([1, 2]);
    expect(err).toContain('cannot reach http://127.0.0.1:1');
  });

  it.each([
    [['--out', 'x'], {}, undefined, '--out and --to'],
    [[], { AWS_SECRET_ACCESS_KEY: '' }, undefined, 'no credentials for s3: set AWS_ACCESS_KEY_ID'],
    [[], { AWS_ENDPOINT_URL_S3: 'http://me:secret@host' }, undefined, '--endpoint http://…@host'],
    [['--region', 'a/b'], {}, undefined, '--region a/b'],
    [[], {}, 's3://incidents/../other', 's3://incidents/../other: expected'],
    [[], {}, 's3://a/b', 's3://a/b: expected'],
    [[], {}, '/var/archive', '--to /var/archive: expected s3://BUCKET/PREFIX'],
  ])('refuses %j, %j, %s', async (argv, env, to, message) => {
    const { code, err } = await archive(argv, env as Record<string, string>, to);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(s3.asked).toEqual([]);
  });
});

it('reads a list that means harm in no time', () => {
  const opens = '<Key>'.repeat(500_000);
  expect(elements(opens, 'Key')).toEqual([]);
  expect(elements(`${opens}</Key>`, 'Key')).toHaveLength(1);
  expect(elements('<Key>a&amp;b&#x41;&#99999999;</Key><Key>c</Key>', 'Key')).toEqual(['a&bA&#99999999;', 'c']);
});

describe('where a bucket is', () => {
  const base = (text: string, flags = {}, env = {}) =>
    targetOf(readBucket(text)!, flags, fakeProcess({ env: { ...s3.env, AWS_ENDPOINT_URL_S3: '', ...env } })).base;

  it('is told by endpoint, region and style, as by Amazon’s own tools', () => {
    expect(base('s3://incidents')).toBe('https://incidents.s3.eu-central-1.amazonaws.com');
    expect(base('s3://a.b.c/x')).toBe('https://s3.eu-central-1.amazonaws.com/a.b.c');
    expect(base('s3://incidents', { pathStyle: true })).toBe('https://s3.eu-central-1.amazonaws.com/incidents');
    expect(base('s3://incidents', { endpoint: 'https://minio:9000/' })).toBe('https://minio:9000/incidents');
    expect(base('s3://incidents', { pathStyle: false }, { AWS_ENDPOINT_URL: 'https://r2.example' })).toBe(
      'https://incidents.r2.example',
    );
  });
});
