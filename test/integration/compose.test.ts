import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { projectOf } from '../../tools/obs/compose.ts';
import { configure } from '../../tools/obs/configure.ts';
import { parts } from '../../tools/obs/parts.ts';
import { standardPorts, translate } from '../../tools/obs/stack.ts';
import { serverBinary } from '../../tools/servers/start.ts';

interface Service {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly host_ip: string; readonly published: string; readonly target: number }[];
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string }[];
}

const deploy = new URL('../../deploy/', import.meta.url).pathname;

/** The Compose file as Docker Compose's own loader reads it. */
function loaded(env: Readonly<Record<string, string>> = {}): Readonly<Record<string, Service>> {
  const ran = spawnSync(serverBinary('compose-config'), [`${deploy}local/compose.yaml`], { encoding: 'utf8', env });
  expect(ran.stderr).toBe('');
  return JSON.parse(ran.stdout).services;
}

it('the local stack’s Compose file has the parts that run as processes, on loopback and the usual ports', () => {
  const services = loaded();
  expect(Object.keys(services).sort()).toEqual([...parts.map(({ name }) => name), 'seed'].sort());
  for (const { name, ports, page } of parts) {
    const published = (services[name]?.ports ?? []).map((port) => `${port.host_ip}:${port.published}`);
    const usual = ports.map((port) => `127.0.0.1:${standardPorts[port]}`);
    expect(usual).toEqual(expect.arrayContaining(published));
    if (page) expect(published).toContain(page({ directory: '', ports: standardPorts }).slice('http://'.length));
  }
  const moved = loaded({ OBS_GATEWAY_GRPC: '14317' }).gateway?.ports?.map(({ published }) => published);
  expect(moved).toEqual(expect.arrayContaining(['14317', '4318', '8888']));
});

it('both ways use the same configurations', () => {
  const services = loaded();
  const directory = mkdtempSync(join(tmpdir(), 'tailgate-compose-'));
  const stack = { directory, ports: standardPorts };
  configure(stack);
  for (const name of ['gateway', 'tempo', 'prometheus'] as const) {
    const process = parts.find((part) => part.name === name)!.command(stack, name)!;
    const there = { ...services[name]?.environment };
    for (const [key, value] of Object.entries(there)) expect(process.env?.[key], key).toBe(translate(value, stack));
    const flags = (args: readonly string[] = []) =>
      args.map((arg) => arg.replace(/=.*/, '')).filter((arg) => !arg.includes('web.listen'));
    if (name !== 'gateway') expect(flags(process.args)).toEqual(flags(services[name]?.command));
  }
  for (const [name, { command = [], environment = {}, volumes = [] }] of Object.entries(services)) {
    const mounted = volumes.filter(({ target }) => target === '/etc/tailgate');
    for (const { source } of mounted) expect(`${source}/`).toBe(deploy);
    for (const [path] of JSON.stringify([command, environment]).matchAll(/\/etc\/tailgate\/[\w./-]+/g)) {
      expect(mounted, name).toHaveLength(1);
      expect(existsSync(path.replace('/etc/tailgate/', deploy)), path).toBe(true);
    }
  }
  rmSync(directory, { recursive: true });
});

it('every host that a configuration names is a part, and its place as a process is known', () => {
  const names = parts.map(({ name }) => name);
  const prometheus = parse(readFileSync(`${deploy}local/prometheus.yaml`, 'utf8'));
  const targets: string[] = prometheus.scrape_configs.flatMap(
    ({ static_configs }: { static_configs: { targets: string[] }[] }) =>
      static_configs.flatMap(({ targets }) => targets),
  );
  const texts = ['gateway', 'tempo', 'grafana'].map((name) => readFileSync(`${deploy}local/${name}.env`, 'utf8'));
  const urls = [...texts.join('').matchAll(/http:\/\/([\w-]+:\d+)/g)].map(([, host]) => host!);
  const hosts = new Set([...targets, ...urls].filter((host) => host !== 'loki:3100')); // a Loki is yours
  expect(hosts.size).toBeGreaterThan(4);
  for (const host of hosts) {
    expect(names).toContain(host.split(':')[0]);
    expect(translate(host, { ports: standardPorts })).toMatch(/^127\.0\.0\.1:/);
  }
});

it('two stacks are two projects of Compose, each its own again and again', () => {
  const of = (directory: string) => projectOf({ directory, ports: standardPorts });
  expect(of('/home/ada/data/obs')).toMatch(/^[a-z0-9][a-z0-9_-]*$/);
  expect(of('/home/ada/data/obs')).toBe(of('/home/ada/data/obs'));
  expect(of('/home/ada/data/obs')).not.toBe(of('/home/bob/data/obs'));
});
