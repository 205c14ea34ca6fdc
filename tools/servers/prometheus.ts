import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { get, launch, type Running, serverBinary, temporaryDir, withPorts } from './start.ts';

export interface PrometheusOptions {
  /** Its configuration; the paths in it are relative to where it is. */
  configFile: string;
  port?: number;
  /** Its data; kept. Default: a temporary folder. */
  dir?: string;
  /** It reads `${NAME}` in external labels only; everything else stands in the file. */
  extraArgs?: string[];
  readyTimeoutMs?: number;
}

export interface RunningPrometheus extends Running {
  readonly port: number;
  readonly dir: string;
}

/** Prometheus with exemplars kept, as the local stack has it. */
export function startPrometheus(options: PrometheusOptions): Promise<RunningPrometheus> {
  return withPorts(async () => {
    const port = options.port ?? (await freePort());
    serverBinary('prometheus'); // before a folder is made
    const dir = options.dir ?? temporaryDir('prometheus');
    const url = `http://127.0.0.1:${port}`;
    const running = await launch({
      name: 'prometheus',
      args: [
        `--config.file=${options.configFile}`,
        `--storage.tsdb.path=${join(dir, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--enable-feature=exemplar-storage',
        '--log.level=warn',
        ...(options.extraArgs ?? []),
      ],
      url,
      ports: [port],
      readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
      stopTimeoutMs: 10_000,
      ready: async () => (await get(`${url}/-/ready`)).status === 200,
      cleanup: options.dir === undefined ? () => rmSync(dir, { recursive: true, force: true }) : undefined,
    });
    return { ...running, port, dir };
  });
}

/** Runs promtool to its end. */
export function promtool(...args: string[]): { readonly code: number; readonly output: string } {
  const run = spawnSync(serverBinary('promtool'), args, { encoding: 'utf8', timeout: 60_000 });
  return { code: run.status ?? 1, output: `${run.stdout}${run.stderr}${run.error?.message ?? ''}` };
}
