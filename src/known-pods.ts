import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from './clock.ts';
import type { KubernetesConfig } from './enrich/options.ts';
import { apiAt } from './kubernetes/api.ts';
import { PodsWatch } from './kubernetes/pods-watch.ts';
import type { KubernetesStats } from './model/stats.ts';
import type { Log } from './telemetry/log.ts';
import type { Shards } from './threads/shards.ts';

interface KnownPods {
  stats(): KubernetesStats;
  stop(): void;
}

/** Tells the shards which pods there are, from now on and as well as the API server says it; nothing waits for that. */
export function knowPods(config: KubernetesConfig, shards: Pick<Shards, 'knowPods'>, log: Log): KnownPods {
  const { address, node, maxPods } = config;
  const world = {
    ask: apiAt(config),
    sleep: (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal, ref: false }),
    monotonicMs: systemClock.monotonicMs,
    random: Math.random,
  };
  const watch = new PodsWatch(config, world, {
    publish: (changes) => shards.knowPods(changes),
    failed: (why) => log.warn('kubernetes_failing', { address }, `the API server: ${why}; what is known of pods stays`),
    recovered: () => log.info('kubernetes_recovered', { address }),
    full: () =>
      log.warn(
        'kubernetes_full',
        { node, maxPods },
        'more pods than enrich.kubernetes.max_pods: the rest add nothing to their spans',
      ),
  });
  void watch.run();
  return {
    stats: () => ({
      pods: watch.stats.pods,
      failures: watch.stats.failures,
      ageSeconds: (systemClock.monotonicMs() - watch.stats.answeredMs) / 1e3,
    }),
    stop: () => watch.stop(),
  };
}
