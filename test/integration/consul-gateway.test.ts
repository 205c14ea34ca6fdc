import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Explanation } from '../../src/model/explanation.ts';
import { freePort } from '../../tools/servers/ports.ts';
import { type RunningConsul, startConsul } from '../../tools/servers/start.ts';
import { type Home, makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { attribute } from '../support/otlp.ts';
import { type Sender, senderTo } from '../support/otlp-send.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { scrape } from '../support/scrape.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

const folder = 'tailgate/sampling/home';
const fileRules = 'baseline_percent: 0\nlatency_threshold_ms: 500\nerror_status_codes: [ERROR]\nroutes: [/login]\n';
/** Half of the changes must be in the verdicts after so long; others may wait for a machine that is shared. */
const followsWithinMs = 1_000;

/** One trace of each kind comes every 20 ms: what a rule of the test can tell apart. */
const kinds = {
  checkout: { attributes: { 'http.route': '/checkout' } },
  slow: { durationMs: 300 },
  plain: {},
};
type Kind = keyof typeof kinds;
type Decided = Explanation & { readonly kind: Kind };

/** Steady traffic, and the gateway's verdict on each trace of it. */
class Traffic {
  readonly decided: Decided[] = [];
  readonly #gateway: GatewayProcess;
  readonly #sender: Sender;
  readonly #waiting: { kind: Kind; traceId: string; askAt: number }[] = [];
  readonly #running: Promise<void>;
  #going = true;

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
    this.#sender = senderTo(gateway);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#running;
    while (this.#waiting.length > 0) await this.#ask();
    this.#sender.close();
  }

  async #run(): Promise<void> {
    while (this.#going) {
      await Promise.all([this.#send(), this.#ask(), sleep(20)]);
    }
  }

  async #send(): Promise<void> {
    const told = Object.entries(kinds).map(([kind, more]) => ({ trace: `${kind} ${randomUUID()}`, ...more }));
    await this.#sender.grpc(requestBytes(...told));
    const askAt = Date.now() + 250;
    for (const { trace } of told)
      this.#waiting.push({ kind: trace.split(' ')[0] as Kind, traceId: traceIdHex(trace), askAt });
  }

  async #ask(): Promise<void> {
    while (this.#waiting.length > 0 && this.#waiting[0].askAt < Date.now()) {
      const { kind, traceId } = this.#waiting[0];
      const explanation = JSON.parse(await this.#gateway.get(`/api/explain/${traceId}`)) as Explanation;
      // It waits, is on its way to its shard, or the shard is too busy to say.
      if (explanation.verdict !== 'keep' && explanation.verdict !== 'drop') return;
      this.#waiting.shift();
      this.decided.push({ ...explanation, kind });
    }
  }
}

describe('a gateway whose rules live in Consul, under steady traffic', () => {
  let home: Home;
  let sink: OtlpSink;
  let httpPort: number;
  let consul: RunningConsul;
  let gateway: GatewayProcess;
  let traffic: Traffic;
  const all: Decided[] = [];
  const lags: number[] = [];

  const put = async (key: string, value: string) => {
    const { status } = await fetch(`${consul.url}/v1/kv/${folder}/${key}`, { method: 'PUT', body: value });
    expect(status).toBe(200);
  };
  const remove = (key: string) => fetch(`${consul.url}/v1/kv/${folder}/${key}`, { method: 'DELETE' });
  const start = async () => {
    gateway = await startGatewayProcess({ args: home.args, env: { CONSUL_HTTP_ADDR: consul.url } });
    traffic = new Traffic(gateway);
  };
  const stop = async () => {
    await traffic.stop();
    all.push(...traffic.decided);
    const { books } = await gateway.status();
    expect(books).toMatchObject({ balanced: true, spans: { waiting: 0, lost: 0, invalid: 0 } });
    expect(books).toMatchObject({ spans: { received: traffic.decided.length } });
    expect(await gateway.stop()).toBe(0);
  };

  beforeAll(async () => {
    httpPort = await freePort();
    sink = await startSink();
    const boot = {
      environment: 'home',
      buffer: { decision_wait: '200ms' },
      batch: { max_age: '50ms' },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
      rules: { file: 'rules.yaml', consul: { address: '${env:CONSUL_HTTP_ADDR:-}' } },
      export: [sinkExporter(sink.url)],
    };
    home = makeHome(boot, fileRules);
    consul = await startConsul({ httpPort });
    await start();
  });
  afterAll(async () => {
    await consul?.kill();
    await gateway?.kill();
    await sink?.[Symbol.asyncDispose]();
    home?.[Symbol.dispose]();
  });

  /** The next verdict on a trace of this kind that is like `wanted`; how long after now it was given. */
  const verdictOn = async (kind: Kind, wanted: Partial<Explanation>, withinMs = 30_000) => {
    const since = Date.now();
    const found = await eventually(async () => {
      const later = traffic.decided.filter((it) => it.kind === kind && it.decidedAt >= since);
      expect(later.at(-1)).toMatchObject(wanted);
      return later.find((it) => Object.entries(wanted).every(([key, value]) => it[key as keyof Decided] === value))!;
    }, withinMs);
    return { ...found, lagMs: found.decidedAt - since };
  };

  /** Makes a change, and waits until verdicts are as it wants them. */
  const follow = async (change: () => Promise<unknown>, kind: Kind, wanted: Partial<Explanation>) => {
    const [verdict] = await Promise.all([verdictOn(kind, wanted), change()]);
    lags.push(verdict.lagMs);
    return verdict;
  };

  const refusal = (text: string, withinMs?: number) =>
    eventually(async () => {
      const { rules } = await gateway.status();
      expect(rules.lastRefusal?.error ?? '').toContain(text);
      expect((await scrape(gateway.admin)).value('tailgate_rules_last_load_success')).toBe(0);
      return rules;
    }, withinMs);

  it('starts by the file where Consul has no keys', async () => {
    expect((await gateway.status()).rules).toMatchObject({ source: `file:${home.rulesFile}`, lastRefusal: null });
    await verdictOn('checkout', { verdict: 'drop' });
  });

  it('follows a key that is put', async () => {
    const { revision } = await follow(() => put('routes', '/checkout'), 'checkout', {
      verdict: 'keep',
      policy: 'routes',
    });
    const { rules } = await gateway.status();
    expect(rules).toMatchObject({ source: `consul:${folder}`, revision });
  });

  it('follows a key that is changed, and one beside it', async () => {
    await follow(() => put('latency_threshold_ms', '100'), 'slow', { verdict: 'keep', policy: 'slow' });
    await follow(() => put('routes', '["/basket"]'), 'checkout', { verdict: 'drop' });
    await follow(() => put('routes', '["/basket", "/checkout"]'), 'checkout', { verdict: 'keep' });
  });

  it('follows a key that is deleted back to the file', async () => {
    await follow(() => remove('latency_threshold_ms'), 'slow', { verdict: 'drop' });
  });

  it('refuses a bad value, names its key, and goes on by the last good rules', async () => {
    const { revision } = (await gateway.status()).rules;
    const before = (await scrape(gateway.admin)).by('tailgate_rules_loads_total', 'result');
    await put('baseline_percent', 'banana');
    const rules = await refusal('baseline_percent');
    expect(rules.lastRefusal?.error).toContain('banana');
    expect(rules.revision).toBe(revision);
    const after = (await scrape(gateway.admin)).by('tailgate_rules_loads_total', 'result');
    expect(after).toEqual({ ...before, refused: before.refused + 1 });
    await verdictOn('checkout', { verdict: 'keep', revision });
    await follow(() => put('baseline_percent', '100'), 'plain', { verdict: 'keep', policy: 'baseline' });
    expect((await scrape(gateway.admin)).value('tailgate_rules_last_load_success')).toBe(1);
    await follow(() => remove('baseline_percent'), 'plain', { verdict: 'drop' });
  });

  it('refuses an unknown key, whatever else was changed with it', async () => {
    const { revision } = (await gateway.status()).rules;
    await put('latencey_threshold_ms', '100');
    const rules = await refusal('latencey_threshold_ms');
    expect(rules.revision).toBe(revision);
    await follow(
      async () => {
        await put('latency_threshold_ms', '100');
        await remove('latencey_threshold_ms');
      },
      'slow',
      { verdict: 'keep', policy: 'slow' },
    );
    expect((await scrape(gateway.admin)).value('tailgate_rules_last_load_success')).toBe(1);
  });

  it('goes on by its rules when the agent is killed, ready all the while', async () => {
    const { revision } = (await gateway.status()).rules;
    await consul.kill();
    const age = async () => (await scrape(gateway.admin)).value('tailgate_rules_source_age_seconds');
    await eventually(async () => expect(gateway.output()).toContain('the rules source does not answer'));
    const first = await age();
    await sleep(1_000);
    expect(await age()).toBeGreaterThan(first + 0.9);
    expect(await gateway.get('/readyz')).toBe('ok\n');
    await verdictOn('checkout', { verdict: 'keep', revision });
    await verdictOn('slow', { verdict: 'keep', revision });
  });

  it('keeps them when the agent comes back empty, and says so', async () => {
    const { revision } = (await gateway.status()).rules;
    consul = await startConsul({ httpPort });
    const rules = await refusal('no key is left where there were some', 60_000);
    expect(rules.revision).toBe(revision);
    await verdictOn('checkout', { verdict: 'keep', revision });
    const metrics = await scrape(gateway.admin);
    expect(metrics.value('tailgate_rules_source_age_seconds')).toBeLessThan(30);
  });

  it('follows keys that are put again', async () => {
    await follow(() => put('latency_threshold_ms', '100'), 'checkout', { verdict: 'drop' });
    await follow(() => put('routes', '/checkout'), 'checkout', { verdict: 'keep' });
    await verdictOn('slow', { verdict: 'keep' });
  });

  it('starts on the last good rules while Consul is down, and follows when it is back', async () => {
    const { revision } = (await gateway.status()).rules;
    await stop();
    await consul.kill();
    await start();
    const { rules } = await gateway.status();
    expect(rules).toMatchObject({ source: `last-good:consul:${folder}`, revision });
    expect(await gateway.get('/readyz')).toBe('ok\n');
    await verdictOn('checkout', { verdict: 'keep', policy: 'routes', revision });
    consul = await startConsul({ httpPort });
    await put('routes', '/login');
    await verdictOn('checkout', { verdict: 'drop' }, 60_000);
    expect((await gateway.status()).rules.source).toBe(`consul:${folder}`);
    await follow(() => put('debug', 'true'), 'plain', { verdict: 'keep', policy: 'debug' });
  });

  it('and in the end every trace has the verdict of its revision, every kept span its name, and the books balance', async () => {
    await stop();
    const kept = new Map(sink.spans().map((span) => [span.traceId, attribute(span, 'tailgate.revision')]));
    const expected = all.filter(({ verdict }) => verdict === 'keep');
    expect(kept.size).toBe(expected.length);
    for (const { traceId, revision } of expected) expect(kept.get(traceId)).toBe(revision);

    const byRevision = new Map<string, Set<string>>();
    for (const { revision, kind, verdict } of all) {
      const verdicts = byRevision.get(`${revision} ${kind}`) ?? new Set();
      byRevision.set(`${revision} ${kind}`, verdicts.add(verdict));
    }
    for (const [, verdicts] of byRevision) expect(verdicts.size).toBe(1);
    console.log(`Consul: a change was in the verdicts after ${lags.join(', ')} ms; ${all.length} traces`);
    expect(lags.toSorted((a, b) => a - b)[lags.length >> 1]).toBeLessThan(followsWithinMs);
  });
});

describe('a gateway whose Consul has access control', () => {
  const management = randomUUID();
  let home: Home;
  let consul: RunningConsul;
  let gateway: GatewayProcess | undefined;

  const call = async (path: string, body: string) => {
    const headers = { 'x-consul-token': management };
    const answer = await fetch(`${consul.url}/v1/${path}`, { method: 'PUT', headers, body });
    expect(answer.status).toBe(200);
    return (await answer.json()) as { ID: string; SecretID: string };
  };
  const put = (key: string, value: string) => call(`kv/${folder}/${key}`, value);
  /** Makes or changes a policy; its rules are in Consul's own language. */
  const policy = (name: string, rules: string, id = '') =>
    call(`acl/policy/${id}`, JSON.stringify({ Name: name, Rules: rules }));
  const tokenWith = async ({ ID }: { ID: string }) =>
    (await call('acl/token', JSON.stringify({ Policies: [{ ID }] }))).SecretID;
  const startWith = async (token: string) => {
    const env = { CONSUL_HTTP_ADDR: consul.url, CONSUL_HTTP_TOKEN: token };
    gateway = await startGatewayProcess({ args: home.args, env });
    return gateway;
  };

  beforeAll(async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
    home = makeHome({ rules: { file: 'rules.yaml', consul: { address: '${env:CONSUL_HTTP_ADDR:-}' } } }, fileRules);
    consul = await startConsul({ aclToken: management, aclDefault: 'deny' });
    await put('routes', '/checkout');
  });
  afterEach(async () => {
    if (gateway) expect(await gateway.stop()).toBe(0);
    gateway = undefined;
    rmSync(join(home.directory, 'data'), { recursive: true, force: true });
  });
  afterAll(async () => {
    await consul?.kill();
    home?.[Symbol.dispose]();
  });

  const inForce = async () => (await gateway!.status()).rules;
  const warnings = () => gateway!.events('rules').filter(({ level }) => level !== 'info');

  it.each([
    ['has no rights', async () => tokenWith(await policy('nothing', '')), /the token may not read all of its keys/],
    ['does not exist', async () => randomUUID(), /ACL not found.*the token needs `read` on the key prefix/],
    ['was forgotten', async () => '', /no key there.*look at the environment and the token/],
  ])('starts by the file when its token %s, and says so', async (_, token, told) => {
    await startWith(await token());
    expect(await inForce()).toMatchObject({ source: `file:${home.rulesFile}` });
    await eventually(async () => expect(JSON.stringify(warnings())).toMatch(told));
    expect(await gateway!.get('/readyz')).toBe('ok\n');
  });

  it('keeps its rules when its token loses its rights, says so, and follows when it has them again', async () => {
    const read = `key_prefix "${folder}" { policy = "read" }`;
    const { ID } = await policy('read', read);
    await startWith(await tokenWith({ ID }));
    const { revision } = await eventually(async () => {
      const rules = await inForce();
      expect(rules).toMatchObject({ source: `consul:${folder}`, lastRefusal: null });
      return rules;
    });
    await policy('read', '', ID);
    await put('routes', '/basket'); // the question that waits is answered by the rights of when it was asked
    await eventually(async () => expect((await inForce()).revision).not.toBe(revision));
    await put('routes', '/seen-by-nobody');
    await eventually(async () =>
      expect((await inForce()).lastRefusal?.error ?? '').toContain('the token may not read all of its keys'),
    );
    await policy('read', read, ID);
    await put('debug', 'true');
    await eventually(async () => expect((await inForce()).policies).toContain('debug'));
  });
});
