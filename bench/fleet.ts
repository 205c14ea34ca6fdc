// What a fleet costs beside one gateway, and beside two tiers of Collectors: bin/node bench/fleet.ts [ROUNDS]
//
// One run, in turns of four seconds each, since machines have speeds that change: a gateway alone; an agent before a
// gateway, where every span takes a hop; two gateways, all sent to the first, where half of them do; and a Collector
// that passes everything on to one with tail_sampling. The first of those two has the plain exporter, which is cheaper
// than one that looks at trace ids. CPU-seconds of all processes of each, one shard a gateway; less is better.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeHome, sinkExporter } from '../test/support/boot-file.ts';
import { type GatewayProcess, startGatewayProcess } from '../test/support/gateway.ts';
import { freePort } from '../tools/servers/ports.ts';
import { startCollector } from '../tools/servers/start.ts';
import { caseOf } from './corpus.ts';
import { cpuSeconds, metricOf, PostLoad, until } from './post-load.ts';
import { collectorPolicies } from './subjects.ts';

const rounds = Number(process.argv[2] ?? 5);
const turnSeconds = 4;
const warmUpSeconds = 2;
const connections = 16;
const decisionWait = '1s';
const rules = 'baseline_percent: 1\nlatency_threshold_ms: 500\nroutes: [/login, /upload]\n';

/** It remembers nothing: what it took of five minutes' load would be gigabytes in the process that sends. */
const server = createServer((request, response) => void request.resume().on('end', () => response.end()));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const sink = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
const start = (boot: Record<string, unknown>): Promise<GatewayProcess> =>
  startGatewayProcess({ args: makeHome(boot, rules).args, env: { TAILGATE_SHARDS: '1' } });
const deciding = {
  buffer: { decision_wait: decisionWait, max_bytes: '2GiB' },
  export: [sinkExporter(sink.url)],
};

interface Member {
  readonly name: string;
  readonly listen: string;
}
const member = async (name: string): Promise<Member> => ({ name, listen: `127.0.0.1:${await freePort()}` });
const inFleet = (self: Member, ...others: readonly Member[]) => ({
  ...self,
  members: { static: [self, ...others].map(({ name, listen }) => `${name}=${listen}`) },
});

const alone = await start(deciding);
const owner = await member('owner');
const behindAgent = await start({ ...deciding, cluster: inFleet(owner) });
const members = { static: [`owner=${owner.listen}`] };
const agent = await start({ mode: 'agent', export: undefined, cluster: { name: 'agent', members } });
const [first, second] = [await member('first'), await member('second')];
const pair = [
  await start({ ...deciding, cluster: inFleet(first, second) }),
  await start({ ...deciding, cluster: inFleet(second, first) }),
];
const deciders = await startCollector({
  config: `receivers: { otlp: { protocols: { grpc: { endpoint: "\${env:OTLP_GRPC}", max_recv_msg_size_mib: 64 } } } }
processors:
  tail_sampling:
    decision_wait: ${decisionWait}
    num_traces: 2000000
    policies:${collectorPolicies}
exporters: { otlp_http: { endpoint: "${sink.url}" } }
service: { pipelines: { traces: { receivers: [otlp], processors: [tail_sampling], exporters: [otlp_http] } } }
`,
});
const front = await startCollector({
  config: `receivers: { otlp: { protocols: { http: { endpoint: "\${env:OTLP_HTTP}" } } } }
exporters: { otlp_grpc: { endpoint: "${deciders.otlpGrpc}", tls: { insecure: true }, compression: none, sending_queue: { enabled: false } } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [otlp_grpc] } } }
`,
});

interface Subject {
  readonly name: string;
  readonly http: string;
  readonly pids: readonly number[];
  readonly gateways: readonly GatewayProcess[];
  spans: number;
  cpu: number[];
}
const subject = (
  name: string,
  http: string,
  pids: readonly number[],
  gateways: readonly GatewayProcess[],
): Subject => ({
  ...{ name, http, pids, gateways },
  spans: 0,
  cpu: pids.map(() => 0),
});
const subjects = [
  subject('a gateway alone', alone.http, [alone.pid], [alone]),
  subject('an agent, a gateway', agent.http, [agent.pid, behindAgent.pid], [behindAgent]),
  subject('two gateways, one asked', pair[0].http, [pair[0].pid, pair[1].pid], pair),
  subject('two Collectors', front.otlpHttp.slice('http://'.length), [front.pid, deciders.pid], []),
];

const load = new PostLoad(caseOf('whole'), connections);
/** Sends for so long, and waits until all that came is decided; the spans that were taken. */
async function turn({ http, gateways }: Subject, seconds: number): Promise<number> {
  const spans = await load.send(http, seconds);
  // A Collector says nothing of it, so it has its wait and a half.
  if (gateways.length === 0) await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (const gateway of gateways) await until(async () => (await metricOf(gateway, 'tailgate_waiting_spans')) === 0);
  return spans;
}

for (let round = 0; round <= rounds; round++) {
  for (const each of subjects) {
    await turn(each, warmUpSeconds);
    const before = each.pids.map(cpuSeconds);
    const spans = await turn(each, turnSeconds);
    // The first round warms up.
    if (round === 0) continue;
    each.spans += spans;
    each.cpu = each.pids.map((pid, i) => each.cpu[i] + cpuSeconds(pid) - before[i]);
  }
}

const microseconds = ({ spans }: Subject, seconds: number): number => (seconds / spans) * 1e6;
const whole = (each: Subject): number =>
  microseconds(
    each,
    each.cpu.reduce((sum, one) => sum + one),
  );
for (const each of subjects) {
  const parts = each.cpu.map((one) => microseconds(each, one).toFixed(2)).join(' + ');
  const times = (whole(each) / whole(subjects[0])).toFixed(2);
  console.log(`${each.name}: ${parts} µs of CPU a span, ${times} × one alone (${each.spans} spans)`);
}
load.close();
await Promise.all([...subjects.flatMap(({ gateways }) => gateways.map((it) => it.stop())), agent.stop()]);
await front.stop();
await deciders.stop();
server.close();
process.exit(0);
