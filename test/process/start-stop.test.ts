import { spawn, spawnSync } from 'node:child_process';
import { renameSync, writeFileSync } from 'node:fs';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../tools/servers/ports.ts';
import { type Home, makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, type Status, startGatewayProcess } from '../support/gateway.ts';
import { attribute } from '../support/otlp.ts';
import { type Sender, senderTo } from '../support/otlp-send.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { requestBytes, type Told, traceIdHex } from '../support/spans.ts';

const tailgate = fileURLToPath(new URL('../../bin/tailgate', import.meta.url));
const onlyErrors = 'baseline_percent: null\nlatency_threshold_ms: null\nroutes: null\n';
const freePorts = { TAILGATE_GRPC: '127.0.0.1:0', TAILGATE_HTTP: '127.0.0.1:0', TAILGATE_ADMIN: '127.0.0.1:0' };

/** A gateway that waits so long that nothing is decided before it is told to stop. */
const patient = { buffer: { decision_wait: '10m' }, shutdown_timeout: '15s' };

function homeWith(boot: Record<string, unknown>, rules = onlyErrors): Home {
  const home = makeHome(boot, rules);
  onTestFinished(() => home[Symbol.dispose]());
  return home;
}

async function start(home: Home, env: Record<string, string> = {}): Promise<GatewayProcess & { sender: Sender }> {
  const gateway = await startGatewayProcess({ args: home.args, env });
  const sender = senderTo(gateway);
  onTestFinished(async () => {
    sender.close();
    await gateway.kill();
  });
  return { ...gateway, sender };
}

async function sink(): Promise<OtlpSink> {
  const server = await startSink();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

const failing = (trace: string, ...more: Told[]): Uint8Array => requestBytes({ trace, status: 'ERROR' }, ...more);

/** `tailgate run` where it cannot start: what it told and how long it took. */
async function failToStart(env: Record<string, string>, ...args: string[]) {
  const directory = homeWith({}).directory;
  const from = performance.now();
  const child = spawn(tailgate, ['run', ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? '', ...freePorts, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 40_000,
    killSignal: 'SIGKILL',
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stderr, ms: performance.now() - from };
}

/** A port that somebody else listens on. */
async function takenPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const oneLine = (words: RegExp) => new RegExp(`^tailgate: [^\\n]*${words.source}[^\\n]*\\n$`);

describe('a start that cannot be', () => {
  it.each([
    ['TAILGATE_GRPC', /receive\.grpc: cannot listen on 127\.0\.0\.1:\d+: .*in use/],
    ['TAILGATE_HTTP', /receive\.http: cannot listen on 127\.0\.0\.1:\d+: .*in use/],
    ['TAILGATE_ADMIN', /admin: cannot listen on 127\.0\.0\.1:\d+: .*in use/],
  ])('says in one line that the port of %s is in use, and ends with 2', async (variable, words) => {
    const { code, stderr, ms } = await failToStart({ [variable]: `127.0.0.1:${await takenPort()}` });
    expect(stderr).toMatch(oneLine(words));
    expect(code).toBe(2);
    expect(ms).toBeLessThan(30_000);
  });

  it.each([
    ['grpc', 'TAILGATE_GRPC'],
    ['http', 'TAILGATE_HTTP'],
  ] as const)('does not share the %s port with a gateway that runs already', async (way, variable) => {
    const gateway = await start(homeWith({}), { TAILGATE_SHARDS: '2' });
    const { code, stderr } = await failToStart({ [variable]: gateway[way], TAILGATE_SHARDS: '2' });
    expect(stderr).toMatch(oneLine(/cannot listen on 127\.0\.0\.1:\d+: .*in use/));
    expect(code).toBe(2);
  });

  it('names the line of an unknown key of the boot file, and what was meant', async () => {
    const { file } = homeWith({ enviroment: 'home' });
    const { code, stderr } = await failToStart({}, '--config', file);
    expect(stderr).toMatch(oneLine(/gateway\.yaml:\d+: enviroment: unknown key, did you mean environment\?/));
    expect(code).toBe(2);
  });

  it('says where a boot file was expected', async () => {
    const { code, stderr } = await failToStart({ TAILGATE_CONFIG: 'nowhere.yaml' });
    expect(stderr).toMatch(oneLine(/nowhere\.yaml: there is no such file.*TAILGATE_CONFIG/));
    expect(code).toBe(2);
  });

  it('names a rules file that is not there', async () => {
    const { code, stderr } = await failToStart({ TAILGATE_RULES: '/nowhere/rules.yaml' });
    expect(stderr).toMatch(oneLine(/\/nowhere\/rules\.yaml: there is no such rules file/));
    expect(code).toBe(2);
  });

  it('names the line of a mistake in the rules', async () => {
    const { directory } = homeWith({});
    const file = join(directory, 'wrong.yaml');
    writeFileSync(file, 'debug: false\nlatency_treshold_ms: 300\n');
    const { code, stderr } = await failToStart({ TAILGATE_RULES: file });
    expect(stderr).toMatch(oneLine(/wrong\.yaml:2: latency_treshold_ms: .*latency_threshold_ms/));
    expect(code).toBe(2);
  });

  it('names a data directory that cannot be made because a file is in its way', async () => {
    const { file } = homeWith({});
    const { code, stderr } = await failToStart({ TAILGATE_DATA: `${file}/data` });
    expect(stderr).toMatch(oneLine(/cannot make the directory .*gateway\.yaml\/data/));
    expect(code).toBe(2);
  });

  it.runIf(process.platform === 'linux')('names a data directory where the system allows none', async () => {
    const { code, stderr } = await failToStart({ TAILGATE_DATA: '/proc/tailgate' });
    expect(stderr).toMatch(oneLine(/cannot make the directory \/proc\/tailgate/));
    expect(code).toBe(2);
  });

  it('names a command that it does not know, and those that it does', () => {
    const { status, stderr } = spawnSync(tailgate, ['rnu'], { encoding: 'utf8', timeout: 40_000 });
    expect(stderr).toMatch(/^tailgate: unknown command 'rnu'\nusage: tailgate COMMAND\n {2}run /);
    expect(status).toBe(2);
  });

  it.each([['--help'], ['-h'], ['check', '--help'], ['run', '--help']])(
    'tells how to call it when asked: %s %s',
    (...argv) => {
      const { status, stdout } = spawnSync(tailgate, argv, { encoding: 'utf8', timeout: 40_000 });
      expect(stdout).toMatch(/^usage: tailgate COMMAND\n {2}run /);
      expect(status).toBe(0);
    },
  );

  it('tells how to call it when called wrongly', async () => {
    const { code, stderr } = await failToStart({}, '--konfig', 'x');
    expect(stderr).toMatch(oneLine(/--konfig.*usage: tailgate run/));
    expect(code).toBe(2);
  });
});

it('picks free ports where the port is 0, and names them in the ready line', async () => {
  const gateway = await start(homeWith({}));
  const ports = [gateway.grpc, gateway.http, gateway.admin].map((address) => Number(address.split(':')[1]));
  expect(new Set(ports).size).toBe(3);
  expect(Math.min(...ports)).toBeGreaterThan(0);
  await gateway.sender.grpc(requestBytes({ trace: 'a' }));
  await gateway.sender.http(requestBytes({ trace: 'b' }));
  expect((await gateway.status()).buffer.spans).toBe(2);
  expect(gateway.events('ready')).toHaveLength(1);
});

it('listens on IPv6 where told to, and names it so that it can be copied', async () => {
  const home = homeWith({});
  const gateway = await startGatewayProcess({
    args: home.args,
    env: { TAILGATE_HTTP: '[::1]:0', TAILGATE_ADMIN: '[::1]:0' },
  });
  onTestFinished(() => gateway.kill());
  expect(gateway.http).toMatch(/^\[::1\]:\d+$/);
  expect((await fetch(`http://${gateway.admin}/livez`)).status).toBe(200);
  expect(gateway.output()).toContain(`http://${gateway.http}/v1/traces`);
});

it('goes on when whoever read its output is gone', async () => {
  const { directory } = homeWith({});
  const rules = join(directory, 'rules.yaml');
  const child = spawn(tailgate, ['run'], {
    cwd: directory,
    env: { PATH: process.env.PATH ?? '', ...freePorts, TAILGATE_RULES: rules },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  const admin = await new Promise<string>((resolve) =>
    child.stdout.on('data', (chunk: Buffer) => {
      const found = /"admin":"([^"]+)"/.exec(String(chunk));
      if (found) resolve(found[1]);
    }),
  );
  child.stdout.destroy();
  child.stderr.destroy();
  const revision = async (): Promise<string> =>
    ((await (await fetch(`http://${admin}/api/status`)).json()) as Status).rules.revision;
  for (let i = 0; i < 3; i++) {
    const before = await revision();
    writeFileSync(rules, `baseline_percent: ${i}\n`);
    await eventually(async () => expect(await revision()).not.toBe(before));
  }
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});

/** A POST of traces of which only the first half has been sent. */
async function halfSent(gateway: GatewayProcess, body: Uint8Array) {
  const half = body.length >> 1;
  const request: ClientRequest = httpRequest(`http://${gateway.http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length },
  });
  const answered = new Promise<number>((resolve, reject) => {
    request.once('response', (response: IncomingMessage) => resolve(response.resume().statusCode ?? 0));
    request.once('error', reject);
  });
  answered.catch(() => {});
  await new Promise<void>((resolve) => request.write(body.subarray(0, half), () => resolve()));
  return { answered, sendTheRest: () => void request.end(body.subarray(half)), close: () => void request.destroy() };
}

const readiness = async (gateway: GatewayProcess): Promise<number> =>
  (await fetch(`http://${gateway.admin}/readyz`)).status;

describe('SIGTERM', () => {
  it.each([
    ['one shard', '1'],
    ['two shards', '2'],
  ])(
    'drains %s: not ready at once, what is under way is finished, what waits is decided and delivered, and the end is 0',
    async (_, shards) => {
      const target = await sink();
      const release = Promise.withResolvers<void>();
      target.answers(async () => {
        await release.promise;
        return { status: 200 };
      });
      const home = homeWith({ ...patient, export: [sinkExporter(target.url), { name: 'store', store: {} }] });
      const gateway = await start(home, { TAILGATE_SHARDS: shards });
      await gateway.sender.grpc(failing('over grpc', { trace: 'healthy' }));
      await gateway.sender.http(failing('over http', { trace: 'over grpc', parent: 'x' }), 'gzip');
      const late = await halfSent(gateway, failing('under way'));
      expect(await readiness(gateway)).toBe(200);

      gateway.signal('SIGTERM');
      await eventually(async () => expect(await readiness(gateway)).toBe(503));
      await expect(gateway.sender.http(failing('too late'))).rejects.toThrow();
      await expect(gateway.sender.grpc(failing('too late'))).rejects.toThrow();
      late.sendTheRest();
      expect(await late.answered).toBe(200);

      const explained = await eventually(async () => {
        const explanation = JSON.parse(await gateway.get(`/api/explain/${traceIdHex('over grpc')}`));
        expect(explanation.verdict).toBe('keep');
        return explanation;
      });
      expect(explained).toMatchObject({ policy: 'errors', trigger: 'shutdown', spans: 2 });
      release.resolve();
      expect(await gateway.exited()).toBe(0);
      expect(gateway.events('stopped')).toMatchObject([{ lostSpans: 0 }]);
      const arrived = target.spans().map(({ traceId }) => traceId);
      const kept = ['over grpc', 'over grpc', 'over http', 'under way'].map(traceIdHex);
      expect(arrived.sort()).toEqual(kept.sort());

      const again = await start(home);
      const stored = async (trace: string) =>
        (await fetch(`http://${again.admin}/api/traces/${traceIdHex(trace)}`)).status;
      expect(await Promise.all(['over grpc', 'over http', 'under way', 'healthy'].map(stored))).toEqual([
        200, 200, 200, 404,
      ]);
    },
  );

  it.each([
    ['one shard', '1'],
    ['two shards', '2'],
  ])('loses nothing that %s acknowledged when it comes in the middle of traffic', async (_, shards) => {
    const target = await sink();
    const home = homeWith({ ...patient, export: [sinkExporter(target.url)] });
    const gateway = await start(home, { TAILGATE_SHARDS: shards });
    const acknowledged: string[] = [];
    const sendUntilRefused = async (way: 'grpc' | 'http'): Promise<void> => {
      for (let i = 0; ; i++) {
        const trace = `${way} ${i}`;
        const taken = await gateway.sender[way](failing(trace, { trace, parent: 'x' })).then(
          () => true,
          () => false,
        );
        if (!taken) return;
        acknowledged.push(trace);
      }
    };
    const senders = ['grpc', 'http', 'grpc', 'http'].map((way) => sendUntilRefused(way as 'grpc' | 'http'));
    await eventually(async () => expect(acknowledged.length).toBeGreaterThan(500));
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    await Promise.all(senders);
    const arrived = Map.groupBy(target.spans(), ({ traceId }) => traceId);
    expect(acknowledged.filter((trace) => (arrived.get(traceIdHex(trace))?.length ?? 0) < 2)).toEqual([]);
  });

  it('is heard while the gateway still starts, and Consul does not answer', async () => {
    const consul = createServer(() => {});
    await new Promise<void>((resolve) => consul.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void consul.close());
    const asked = new Promise<void>((resolve) =>
      consul.once('connection', (socket) => {
        onTestFinished(() => void socket.destroy());
        resolve();
      }),
    );
    const { directory } = homeWith({});
    const env = { ...freePorts, CONSUL_HTTP_ADDR: `127.0.0.1:${(consul.address() as AddressInfo).port}` };
    const child = spawn(tailgate, ['run'], {
      cwd: directory,
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
    await asked;
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('ends with 3 and tells what is lost when the sink is down', async () => {
    const nobody = `http://127.0.0.1:${await freePort()}`;
    const gateway = await start(homeWith({ ...patient, shutdown_timeout: '2s', export: [sinkExporter(nobody)] }));
    await gateway.sender.http(failing('a', { trace: 'a', parent: 'x' }, { trace: 'healthy' }));
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(3);
    expect(gateway.events('stopped')).toMatchObject([{ level: 'error', lostSpans: 2 }]);
  });

  it('waits as long as it is told to, not longer, when the sink does not answer', async () => {
    const target = await sink();
    target.answers(() => new Promise(() => {}));
    const otlp = { endpoint: target.url, protocol: 'http', timeout: '1m' };
    const exporters = [sinkExporter(target.url, { otlp })];
    const gateway = await start(homeWith({ ...patient, shutdown_timeout: '1s', export: exporters }));
    await gateway.sender.http(failing('a'));
    const from = performance.now();
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(3);
    expect(performance.now() - from).toBeLessThan(15_000);
    expect(gateway.events('stopped')).toMatchObject([{ lostSpans: 1 }]);
  });

  it('delivers what was acknowledged although one sender never comes to the end of its request', async () => {
    const target = await sink();
    const gateway = await start(homeWith({ ...patient, shutdown_timeout: '6s', export: [sinkExporter(target.url)] }));
    await gateway.sender.http(failing('acknowledged'));
    const stuck = await halfSent(gateway, failing('never whole'));
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    stuck.close();
    expect(target.spans().map(({ traceId }) => traceId)).toEqual([traceIdHex('acknowledged')]);
  });

  it('ends at once, with 1, when it comes a second time', async () => {
    const target = await sink();
    target.answers(() => new Promise(() => {}));
    const gateway = await start(homeWith({ ...patient, shutdown_timeout: '1m', export: [sinkExporter(target.url)] }));
    await gateway.sender.http(failing('a'));
    gateway.signal('SIGTERM');
    await eventually(async () => expect(target.asked).toBeGreaterThan(0));
    const from = performance.now();
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(1);
    expect(performance.now() - from).toBeLessThan(20_000);
  });

  it('is heard from the terminal as well: SIGINT drains too', async () => {
    const target = await sink();
    const gateway = await start(homeWith({ ...patient, export: [sinkExporter(target.url)] }));
    await gateway.sender.grpc(failing('a'));
    gateway.signal('SIGINT');
    expect(await gateway.exited()).toBe(0);
    expect(target.spans()).toHaveLength(1);
  });
});

describe('rules of a running gateway', () => {
  /** Milliseconds until the revision is another one. */
  async function untilRevisionAfter(gateway: GatewayProcess, old: string): Promise<number> {
    const from = performance.now();
    await eventually(async () => expect((await gateway.status()).rules.revision).not.toBe(old));
    return performance.now() - from;
  }

  it('are in force for traces that wait already as well', async () => {
    const target = await sink();
    const home = homeWith({ buffer: { decision_wait: '6s' }, export: [sinkExporter(target.url)] });
    const gateway = await start(home);
    const { revision } = (await gateway.status()).rules;
    await gateway.sender.http(
      requestBytes({ trace: 'waits', attributes: { 'http.route': '/new' } }, { trace: 'other' }),
    );
    home.rules('baseline_percent: null\nroutes: [/new]\n');
    await untilRevisionAfter(gateway, revision);
    const span = await eventually(async () => {
      expect(target.spans()).toHaveLength(1);
      return target.spans()[0];
    });
    expect(span.traceId).toBe(traceIdHex('waits'));
    expect(attribute(span, 'tailgate.policy')).toBe('routes');
    expect(attribute(span, 'tailgate.revision')).toBe((await gateway.status()).rules.revision);
  });

  it.each([
    ['of an edit', (home: Home, rules: string) => home.rules(rules)],
    [
      'when an editor puts a new file in the old one’s place',
      ({ rulesFile }: Home, rules: string) => {
        writeFileSync(`${rulesFile}.new`, rules);
        renameSync(`${rulesFile}.new`, rulesFile);
      },
    ],
  ])('are in force within a second %s', async (_, edit) => {
    const home = homeWith({});
    const gateway = await start(home);
    const waitedMs: number[] = [];
    for (let n = 0; n < 5; n++) {
      const { revision } = (await gateway.status()).rules;
      edit(home, `routes: [/edited-${n}]\n`);
      waitedMs.push(await untilRevisionAfter(gateway, revision));
    }
    // On a machine that others keep busy some may be later.
    expect(waitedMs.toSorted((a, b) => a - b)[2]).toBeLessThan(1_000);
  });

  it('stay as they are when an edit is broken, and the status says where, until it is mended', async () => {
    const home = homeWith({});
    const gateway = await start(home);
    const { revision } = (await gateway.status()).rules;
    home.rules('baseline_percent: 5\nroutes: [login]\n');
    const { rules } = await eventually(async () => {
      const status = await gateway.status();
      expect(status.rules.lastRefusal).not.toBeNull();
      return status;
    });
    expect(rules.lastRefusal?.error).toContain(`${home.rulesFile}:2: routes[0]: "login": expected a path`);
    expect(rules.revision).toBe(revision);
    expect(await gateway.get('/metrics')).toMatch(/^tailgate_rules_last_load_success 0$/m);

    home.rules('baseline_percent: 5\nroutes: [/login]\n');
    await untilRevisionAfter(gateway, revision);
    expect(await gateway.get('/metrics')).toMatch(/^tailgate_rules_last_load_success 1$/m);
  });

  it('stay as they are when the file is deleted', async () => {
    const home = homeWith({});
    const gateway = await start(home);
    const { revision } = (await gateway.status()).rules;
    renameSync(home.rulesFile, `${home.rulesFile}.gone`);
    await eventually(async () =>
      expect((await gateway.status()).rules.lastRefusal?.error).toContain('there is no such rules file'),
    );
    expect((await gateway.status()).rules.revision).toBe(revision);
  });

  it('are read again on SIGHUP, which ends nothing', async () => {
    const home = homeWith({});
    const gateway = await start(home);
    const { revision } = (await gateway.status()).rules;
    gateway.signal('SIGHUP');
    home.rules('routes: [/after]\n');
    gateway.signal('SIGHUP');
    await untilRevisionAfter(gateway, revision);
    await gateway.sender.grpc(requestBytes({ trace: 'a' }));
    expect(await gateway.stop()).toBe(0);
  });
});

it('is not ended by a SIGHUP that comes before anything of it is loaded', async () => {
  const home = homeWith({});
  // Sends it when the first module beyond the entry is asked for.
  const early = join(home.directory, 'early.mjs');
  writeFileSync(
    early,
    `import { registerHooks } from 'node:module';
    let isSent = false;
    registerHooks({ resolve(name, context, next) {
      if (!isSent && /cli\\/(io|run\\/)/.test(name)) {
        isSent = true;
        process.kill(process.pid, 'SIGHUP');
      }
      return next(name, context);
    } });`,
  );
  const gateway = await start(home, { NODE_OPTIONS: `--import ${pathToFileURL(early)}` });
  await gateway.sender.grpc(requestBytes({ trace: 'a' }));
  expect(await gateway.stop()).toBe(0);
});

it('keeps everything under TRACE_DEBUG=1, with a weight of 1', async () => {
  const target = await sink();
  const home = homeWith(
    { buffer: { decision_wait: '200ms' }, export: [sinkExporter(target.url)] },
    'baseline_percent: 1\n',
  );
  const gateway = await start(home, { TRACE_DEBUG: '1' });
  await gateway.sender.http(requestBytes(...Array.from({ length: 40 }, (_, i) => ({ trace: `healthy ${i}` }))));
  await eventually(async () => expect(target.spans()).toHaveLength(40));
  expect(new Set(target.spans().map(({ traceState }) => traceState))).toEqual(new Set(['ot=th:0']));
  expect(new Set(target.spans().map((span) => attribute(span, 'tailgate.policy')))).toEqual(new Set(['debug']));
  const { rules } = JSON.parse(await gateway.get('/api/status'));
  expect(rules).toMatchObject({ debug: true, policies: expect.arrayContaining(['debug', 'baseline']) });
  expect(await gateway.get('/metrics')).toMatch(/^tailgate_\w*debug\w*(\{[^}]*\})? 1$/m);
});
