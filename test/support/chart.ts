import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { loadBoot } from '../../src/config/load.ts';
import type { BootConfig } from '../../src/config/schema.ts';
import { serverBinary } from '../../tools/servers/start.ts';

export const chart = fileURLToPath(new URL('../../helm/tailgate', import.meta.url));
/** Where releases of the tests are. */
export const namespace = 'observability';

// biome-ignore lint/suspicious/noExplicitAny: Kubernetes objects of every kind
export type Manifest = any;

export interface Ran {
  readonly ok: boolean;
  readonly stdout: string;
  /** Both streams, one after the other. */
  readonly output: string;
}

export function run(program: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Ran {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, ...more },
  });
  if (error) throw error;
  return { ok: status === 0, stdout, output: stdout + stderr };
}

export const render = (...args: string[]): Ran =>
  run(serverBinary('helm'), ['template', 'tailgate', chart, '-n', namespace, ...args]);

/** Of a scenario in ci/. */
export const valuesOf = (scenario: string): string[] => ['-f', join(chart, 'ci', `${scenario}-values.yaml`)];

/** What the chart renders, as objects. */
export function manifests(...args: string[]): Manifest[] {
  const { ok, stdout, output } = render(...args);
  if (!ok) throw new Error(output);
  return parseAllDocuments(stdout).map((document) => (document as { toJS(): Manifest }).toJS());
}

export const find = (all: readonly Manifest[], kind: string, name = 'tailgate'): Manifest =>
  all.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);

/** What a pod has of the downward API, and of the scenarios' own. */
export const podVariables = { POD_NAME: 'tailgate-0', TENANT: '42' };

/** What the gateway itself makes of the boot file in the chart. */
export function bootConfig(
  all: readonly Manifest[],
  env: Record<string, string> = podVariables,
  name = 'tailgate',
): BootConfig {
  const text = find(all, 'ConfigMap', `${name}-boot`).data['gateway.yaml'];
  const result = loadBoot(text, { file: '/etc/tailgate/gateway.yaml', env, cwd: '/app' });
  if ('errors' in result) throw new Error(result.errors.join('\n'));
  return result.config;
}
