// Starts Kubernetes' own API server, with an etcd of its own, for tests; start.ts says how servers are started.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { get, launch, type Running, temporaryDir, withPorts } from './start.ts';

export interface RunningKubernetes extends Running {
  /** Of an administrator. */
  readonly token: string;
  /** PEM of the authority that vouches for it, in a file. */
  readonly caFile: string;
  /** Asks it, as an administrator or with another token; the answer's JSON. */
  ask(method: string, path: string, body?: object, token?: string): Promise<{ status: number; body: ApiAnswer }>;
}

// biome-ignore lint/suspicious/noExplicitAny: Kubernetes objects of every kind
type ApiAnswer = any;

/**
 * Kubernetes' own API server on an etcd of its own: objects are admitted and kept as in a cluster, and no pod ever runs, for
 * there is no node.
 */
export async function startKubernetes(): Promise<RunningKubernetes> {
  const directory = temporaryDir('kubernetes');
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const etcd = await startEtcd(directory);
  const token = 'administrator-of-the-tests';
  writeFileSync(join(directory, 'tokens.csv'), `${token},administrator,1,"system:masters"\n`);
  const made = spawnSync('openssl', ['genrsa', '-out', join(directory, 'accounts.key'), '2048'], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`openssl genrsa: ${made.stderr}`);
  const caFile = join(directory, 'certs', 'apiserver.crt');
  const ask =
    (at: string): RunningKubernetes['ask'] =>
    (method, path, body, as = token) =>
      askApi(at, method, path, body, as);
  const running = await withPorts(async () => {
    const port = await freePort();
    const url = `https://127.0.0.1:${port}`;
    return launch({
      name: 'kube-apiserver',
      args: [
        `--etcd-servers=${etcd.url}`,
        `--secure-port=${port}`,
        '--bind-address=127.0.0.1',
        '--advertise-address=127.0.0.1',
        `--cert-dir=${join(directory, 'certs')}`,
        `--token-auth-file=${join(directory, 'tokens.csv')}`,
        '--authorization-mode=RBAC',
        '--service-cluster-ip-range=10.0.0.0/24',
        `--service-account-issuer=${url}`,
        `--service-account-key-file=${join(directory, 'accounts.key')}`,
        `--service-account-signing-key-file=${join(directory, 'accounts.key')}`,
        // Nobody makes the ServiceAccount `default` of a namespace here.
        '--disable-admission-plugins=ServiceAccount',
        '--profiling=false',
        '--shutdown-delay-duration=0s',
      ],
      url,
      ports: [port],
      // Namespaces and roles that it makes itself come a moment after it is ready.
      ready: async () =>
        (await ask(url)('GET', '/readyz')).status === 200 &&
        (await ask(url)('GET', '/api/v1/namespaces/default')).status === 200,
      readyTimeoutMs: 120_000,
      stopTimeoutMs: 5_000,
    });
  }).catch(async (error) => {
    await etcd.kill();
    remove();
    throw error;
  });
  return {
    ...running,
    token,
    caFile,
    ask: ask(running.url),
    async stop() {
      await running.stop();
      await etcd.kill();
      remove();
    },
  };
}

function startEtcd(directory: string): Promise<Running> {
  return withPorts(async () => {
    const [client, peer] = [await freePort(), await freePort()];
    const [url, peers] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
    const urls = [`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`];
    const peerUrls = [`--listen-peer-urls=${peers}`, `--initial-advertise-peer-urls=${peers}`];
    return launch({
      name: 'etcd',
      args: [
        `--data-dir=${join(directory, 'etcd')}`,
        ...urls,
        ...peerUrls,
        `--initial-cluster=default=${peers}`,
        '--unsafe-no-fsync',
        '--log-level=error',
      ],
      url,
      ports: [client, peer],
      ready: async () => (await get(`${url}/health`)).status === 200,
      readyTimeoutMs: 60_000,
      stopTimeoutMs: 5_000,
    });
  });
}

function askApi(at: string, method: string, path: string, body: object | undefined, token: string) {
  return new Promise<{ status: number; body: ApiAnswer }>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
    // Its certificate is its own, made at its start.
    const how = { method, headers, agent: false as const, timeout: 30_000, rejectUnauthorized: false };
    const request = httpsRequest(`${at}${path}`, how, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      const isJson = response.headers['content-type']?.startsWith('application/json');
      const end = () => resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
      response.once('end', end);
      response.once('error', reject);
    });
    request.once('timeout', () => request.destroy(new Error(`no answer to ${method} ${path} in 30 s`)));
    request.once('error', reject);
    request.end(body && JSON.stringify(body));
  });
}
