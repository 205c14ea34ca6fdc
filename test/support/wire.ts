import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to an address that can be cut. */
export interface Wire {
  readonly address: string;
  /** Nothing arrives from now on, and nobody hears of it: as where a network drops packets. */
  cut(): void;
  /** What was sent meanwhile arrives late. */
  mend(): void;
  close(): void;
}

/** Copies bytes in both directions between whoever connects and `target` (`host:port`). */
export async function startWire(target: string): Promise<Wire> {
  const [host, port] = target.split(':');
  const ends = new Set<{ readonly from: Socket; readonly to: Socket }>();
  let isCut = false;
  const join = (from: Socket, to: Socket): void => {
    if (!isCut) from.pipe(to);
    const both = { from, to };
    ends.add(both);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      ends.delete(both);
      // Whoever was cut off does not hear that the other end is gone either.
      if (!isCut) to.destroy();
    });
  };
  const server = createServer({ pauseOnConnect: true }, (here) => {
    const there = connect(Number(port), host);
    join(here, there);
    join(there, here);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: () => {
      isCut = true;
      for (const { from, to } of ends) from.unpipe(to).pause();
    },
    mend: () => {
      isCut = false;
      for (const { from, to } of ends) to.destroyed ? from.destroy() : from.pipe(to);
    },
    close: () => {
      server.close();
      for (const { from } of ends) from.destroy();
    },
  };
}
