import { request } from 'node:http';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { get, launch, type Running, withPorts } from './start.ts';

export interface S3Options {
  port?: number;
  /** Keeps the objects here, over restarts. Without it all is in memory and gone at the end. */
  dir?: string;
  /** Made at the start where it is not there. */
  bucket?: string;
  readyTimeoutMs?: number;
}

export interface RunningS3 extends Running {
  /** host:port; url is the same with a scheme. It takes any access key and any secret. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly port: number;
}

/** gofakes3: S3's requests by path (http://host:port/bucket/key). It checks no signatures and deletes nothing by itself. */
export function startS3(options: S3Options = {}): Promise<RunningS3> {
  return withPorts(async () => {
    const port = options.port ?? (await freePort());
    const bucket = options.bucket ?? 'traces';
    const endpoint = `127.0.0.1:${port}`;
    const url = `http://${endpoint}`;
    const { dir } = options;
    const backend = dir === undefined ? ['-backend=memory'] : ['-backend=bolt', `-bolt.db=${join(dir, 'objects.db')}`];
    const running = await launch({
      name: 'gofakes3',
      args: [`-host=${endpoint}`, '-quiet', ...backend],
      url,
      ports: [port],
      readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
      stopTimeoutMs: 5000,
      ready: async () => (await get(url)).status === 200,
    });
    const made = await put(`${url}/${bucket}`);
    if (made !== 200 && made !== 409) {
      await running.kill();
      throw new Error(`gofakes3 did not make the bucket ${bucket}: ${made}`);
    }
    return { ...running, endpoint, bucket, port };
  });
}

/** An empty PUT on a connection of its own; its status. */
function put(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'PUT', agent: false, timeout: 5000 }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
    });
    asked.once('timeout', () => asked.destroy(new Error(`no answer from ${url} in 5 s`)));
    asked.once('error', reject).end();
  });
}
