import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { freePort } from '../../tools/servers/ports.ts';
import { type Home, makeHome, sinkExporter } from './boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from './gateway.ts';
import { postTraces } from './post-traces.ts';
import { requestBytes, type Told } from './spans.ts';

/** Spans of each trace of the traffic; a trace is kept where so many of them met in one place, and only then. */
export const spansPerTrace = 6;
const tracesPerRequest = 20;
/** Of traces with errors, where a policy asks for these: they are kept by a gateway that a busy machine holds up, too. */
const keepWhole = `baseline_percent: 0
error_status_codes: []
latency_threshold_ms: null
policies:
  - name: whole
    type: and
    and:
      and_sub_policy:
        - { name: all, type: span_count, span_count: { min_spans: ${spansPerTrace} } }
        - { name: failed, type: status_code, status_code: { status_codes: [ERROR] } }
`;

/**
 * Gateways on loopback addresses, each a process; the list of members is the same for all, started or not. What each
 * exports comes to the sink under its name: `/NAME/v1/traces`.
 */
export interface FleetOfProcesses {
  readonly up: Map<string, GatewayProcess>;
  /** Where members reach each other, by name. */
  readonly addresses: Readonly<Record<string, string>>;
  start(name: string): Promise<GatewayProcess>;
  /** Senders go to others from now on; then SIGTERM. The exit code. */
  stop(name: string): Promise<number | null>;
  /** Of members that senders may go to. */
  readonly open: Set<string>;
  close(name: string): void;
  /** An agent before them; `boot` beside the least that it needs. */
  startAgent(boot?: Record<string, unknown>): Promise<GatewayProcess>;
  kill(name: string): Promise<void>;
  metric(name: string, gateway: GatewayProcess): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function makeFleet(
  names: readonly string[],
  sinkUrl: string,
  more: {
    readonly boot?: Record<string, unknown>;
    readonly rules?: string;
    /** Where members reach each other, by name; else each at a free port of 127.0.0.1. */
    readonly addresses?: Readonly<Record<string, string>>;
    /** Where a member has another one in its list, where that is not its address. */
    readonly seenAt?: (by: string, name: string, address: string) => Promise<string | undefined>;
  } = {},
): Promise<FleetOfProcesses> {
  const addresses: Record<string, string> = {};
  for (const name of names) addresses[name] = more.addresses?.[name] ?? `127.0.0.1:${await freePort()}`;
  const homes = new Map<string, Home>();
  const up = new Map<string, GatewayProcess>();
  const open = new Set<string>();
  for (const name of names) {
    const members: string[] = [];
    for (const it of names) {
      const seen = it === name ? undefined : await more.seenAt?.(name, it, addresses[it]);
      members.push(`${it}=${seen ?? addresses[it]}`);
    }
    const cluster = { name, listen: addresses[name], members: { static: members } };
    const { cluster: moreOfCluster = {}, ...boot } = more.boot ?? {};
    homes.set(
      name,
      makeHome(
        {
          shards: 1,
          shutdown_timeout: '30s',
          buffer: { max_bytes: '128MiB', decision_wait: '10s' },
          batch: { max_age: '100ms' },
          export: [sinkExporter(`${sinkUrl}/${name}`)],
          ...boot,
          cluster: { ...cluster, ...(moreOfCluster as object) },
        },
        more.rules ?? keepWhole,
      ),
    );
  }
  const start = async (name: string): Promise<GatewayProcess> => {
    const home = homes.get(name) as Home;
    const gateway = await startGatewayProcess({ args: home.args });
    up.set(name, gateway);
    open.add(name);
    return gateway;
  };
  return {
    up,
    addresses,
    open,
    start,
    startAgent: async (boot = {}) => {
      const members = { static: names.map((it) => `${it}=${addresses[it]}`) };
      const home = makeHome(
        { mode: 'agent', export: undefined, cluster: { name: 'agent', members }, ...boot },
        keepWhole,
      );
      homes.set('agent', home);
      return startGatewayProcess({ args: home.args });
    },
    close: (name) => void open.delete(name),
    stop: async (name) => {
      open.delete(name);
      // As long as a load balancer needs to see it.
      await sleep(100);
      const code = await (up.get(name) as GatewayProcess).stop();
      up.delete(name);
      return code;
    },
    kill: async (name) => {
      open.delete(name);
      await (up.get(name) as GatewayProcess).kill();
      up.delete(name);
    },
    metric: async (name, gateway) => {
      const lines = (await gateway.get('/metrics')).split('\n').filter((line) => line.startsWith(name));
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...up.values()].map((gateway) => gateway.kill()));
      for (const home of homes.values()) home[Symbol.dispose]();
    },
  };
}

/** Each gateway that is up says that so many are in force. */
export const settled = (fleet: FleetOfProcesses, members: number, withinMs?: number): Promise<void> =>
  eventually(async () => {
    for (const gateway of fleet.up.values()) {
      const said = [...gateway.events('fleet_joined'), ...gateway.events('fleet_changed')].at(-1);
      expect(said?.members).toHaveLength(members);
    }
  }, withinMs);

/** Nothing waits any more in those that are up, and what they kept has been taken. */
export async function delivered(fleet: FleetOfProcesses): Promise<void> {
  // What one hands to another is in neither for a moment.
  for (const pauseMs of [500, 0]) {
    await eventually(async () => {
      for (const [name, gateway] of fleet.up) {
        const { buffer, books } = await gateway.status();
        expect(buffer.spans).toBe(0);
        const exporters = books.exporters as { readonly queued: number }[];
        if (name !== 'agent') expect(exporters.map(({ queued }) => queued)).toEqual([0]);
      }
    }, 60_000);
    await sleep(pauseMs);
  }
}

/** What was sent, and what became of it. */
export interface Traffic {
  /** Bodies that a gateway acknowledged. */
  readonly acknowledged: Uint8Array[];
  /** Answers other than 200, and connections that broke, after which a request was sent again. */
  repeats: number;
  /** Repeats whose first sending may have been taken: the connection broke under it. */
  unsure: number;
  stop(): Promise<void>;
}

/**
 * Traces whose spans come one by one, each to another gateway, over `spreadMs`; a request is sent again, to another
 * gateway, until one takes it.
 */
export function sendTraffic(
  fleet: FleetOfProcesses,
  { spreadMs = 1_500, everyMs = 300, name = 't', headers = {} } = {},
): Traffic {
  const agent = new Agent({ keepAlive: true });
  const under = new Set<Promise<void>>();
  const traffic: Traffic = { acknowledged: [], repeats: 0, unsure: 0, stop: async () => {} };
  let isOver = false;
  const send = async (body: Uint8Array): Promise<void> => {
    for (;;) {
      const open = [...fleet.open];
      const gateway = fleet.up.get(open[Math.floor(Math.random() * open.length)] ?? '');
      const status =
        gateway && (await postTraces(gateway.http, agent, body, headers).catch((error) => `${error.code}`));
      if (status === 200) break;
      traffic.repeats++;
      if (status === 'ECONNRESET') traffic.unsure++;
      await sleep(20);
    }
    traffic.acknowledged.push(body);
  };
  const group = async (g: number): Promise<void> => {
    for (let k = 0; k < spansPerTrace; k++) {
      const spans = Array.from({ length: tracesPerRequest }, (_, i): Told => {
        const trace = `${name}-${g}-${i}`;
        const service = `service-${i % 3}`;
        return { trace, id: `${trace}-${k}`, service, status: 'ERROR', ...(k > 0 && { parent: `${trace}-0` }) };
      });
      await send(requestBytes(...spans));
      await sleep(Math.random() * 2 * (spreadMs / spansPerTrace));
    }
  };
  const loop = (async () => {
    for (let g = 0; !isOver; g++) {
      const one: Promise<void> = group(g).finally(() => under.delete(one));
      under.add(one);
      await sleep(everyMs);
    }
  })();
  traffic.stop = async () => {
    isOver = true;
    await loop;
    await Promise.all(under);
    agent.destroy();
  };
  return traffic;
}
