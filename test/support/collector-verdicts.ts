import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { startCollector } from '../../tools/servers/start.ts';
import { eventually } from './gateway.ts';
import { decodeRequest, spansIn } from './otlp.ts';
import { senderTo } from './otlp-send.ts';
import { readRequestFile } from './request-file.ts';

/**
 * Asks a Collector which spans each list of policies lets through, by span id. Every list is a pipeline of its own behind
 * one receiver; the file that it writes to says which spans are its.
 */
export async function collectorKeeps(
  lists: readonly (readonly PolicyDocument[])[],
  requests: readonly Uint8Array[],
  traces: number,
): Promise<Set<string>[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-verdicts-'));
  const fileOf = (index: number) => join(folder, `${index}.pb`);
  const collector = await startCollector({ config: configuration(lists, fileOf) });
  try {
    const sender = senderTo({ grpc: collector.otlpGrpc, http: collector.otlpHttp.replace('http://', '') });
    for (const request of requests) await sender.grpc(request);
    sender.close();
    const expected = lists.length * traces;
    await eventually(async () => {
      if (collector.exited()) return;
      const decided = await decisions(collector.metricsUrl);
      if (decided !== expected) throw new Error(`${decided} of ${expected} decisions\n${collector.output()}`);
    }, 90_000);
    if (collector.exited()) throw new Error(`the Collector has ended: ${collector.output()}`);
    // Its end flushes the files.
    await collector.stop();
    return lists.map((_, index) => {
      const ids = readRequestFile(fileOf(index))
        .flatMap((each) => spansIn(decodeRequest(each)))
        .map((span) => span.spanId);
      const kept = new Set(ids);
      if (kept.size !== ids.length) throw new Error(`list ${index}: a span came twice`);
      return kept;
    });
  } finally {
    await collector.stop();
    rmSync(folder, { recursive: true });
  }
}

/** JSON is YAML. */
function configuration(lists: readonly (readonly PolicyDocument[])[], fileOf: (index: number) => string): string {
  const each = <T>(name: string, of: (index: number) => T) =>
    Object.fromEntries(lists.map((_, index) => [`${name}/${index}`, of(index)]));
  return JSON.stringify({
    receivers: { otlp: { protocols: { grpc: { endpoint: `\${env:OTLP_GRPC}`, max_recv_msg_size_mib: 64 } } } },
    processors: each('tail_sampling', (index) => ({
      decision_wait: '1s',
      num_traces: 100_000,
      policies: lists[index],
    })),
    exporters: each('file', (index) => ({ path: fileOf(index), format: 'proto', flush_interval: '50ms' })),
    service: {
      pipelines: each('traces', (index) => ({
        receivers: ['otlp'],
        processors: [`tail_sampling/${index}`],
        exporters: [`file/${index}`],
      })),
    },
  });
}

/** How many traces it has decided, all lists together. */
async function decisions(metricsUrl: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text();
  const counts = text.matchAll(/^otelcol_processor_tail_sampling_global_count_traces_sampled\S* (\S+)$/gm);
  return [...counts].reduce((sum, [, value]) => sum + Number(value), 0);
}
