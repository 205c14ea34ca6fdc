import type { AddressInfo, Server } from 'node:net';
import { UsageError } from '../errors.ts';
import type { Endpoint } from './receiver.ts';

const causes: Record<string, string> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'no such address on this machine',
  EACCES: 'permission denied',
  ENOTFOUND: 'unknown host name',
};

/** The error for the operator. `where` is the key of the boot file, e.g. `receive.grpc`. */
export function cannotListen(where: string, { host, port }: Endpoint, cause: string): UsageError {
  return new UsageError(`${where}: cannot listen on ${host}:${port}: ${causes[cause] ?? cause}`);
}

/** Binds `server`; throws UsageError where it cannot. */
export function listen(server: Server, where: string, endpoint: Endpoint): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void =>
      reject(cannotListen(where, endpoint, error.code ?? error.message));
    server.once('error', fail);
    server.listen({ ...endpoint, backlog: 1024 }, () => {
      server.removeListener('error', fail);
      const { address, port } = server.address() as AddressInfo;
      resolve({ host: address, port });
    });
  });
}
