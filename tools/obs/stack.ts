import { freePort } from '../servers/ports.ts';

/** The ports of the local stack on 127.0.0.1, by part and use, as everybody expects them. */
export const standardPorts = {
  'gateway.grpc': 4317,
  'gateway.http': 4318,
  'gateway.admin': 8888,
  'tempo.http': 3200,
  'tempo.grpc': 9095,
  'tempo.otlp-grpc': 14317,
  'tempo.otlp-http': 14318,
  'prometheus.http': 9090,
  'consul.http': 8500,
  'consul.server': 8300,
  'consul.serf': 8301,
  'grafana.http': 3000,
};

export type PortName = keyof typeof standardPorts;
export type Ports = Readonly<Record<PortName, number>>;

export const portNames = Object.keys(standardPorts) as PortName[];

/** Where a stack is and what it listens on. */
export interface Stack {
  /** Its state: what runs, logs, data and the configurations that are used. Absolute. */
  readonly directory: string;
  readonly ports: Ports;
}

/** Ports that nobody uses now. */
export async function freePorts(): Promise<Ports> {
  const ports: Record<string, number> = {};
  for (const name of portNames) ports[name] = await freePort();
  return ports as Ports;
}

/** `host:port` of one of them. */
export const at = ({ ports }: Pick<Stack, 'ports'>, name: PortName): string => `127.0.0.1:${ports[name]}`;

/** The configurations in deploy/ name hosts as Docker Compose does; these are the same places here. */
export function translate(text: string, stack: Pick<Stack, 'ports'>): string {
  return Object.entries(places).reduce(
    (translated, [place, name]) => translated.replaceAll(new RegExp(`\\b${place}\\b`, 'g'), at(stack, name)),
    text,
  );
}

const places: Readonly<Record<string, PortName>> = {
  'gateway:8888': 'gateway.admin',
  'tempo:3200': 'tempo.http',
  'tempo:4317': 'tempo.otlp-grpc',
  'prometheus:9090': 'prometheus.http',
  'consul:8500': 'consul.http',
};
