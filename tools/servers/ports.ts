import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const given = new Set<number>();

/**
 * A port on 127.0.0.1 that is free for TCP and UDP. It lies below the range from which outgoing connections
 * get theirs, so none of these takes it before the server listens; and it is given out once in this process.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (given.has(port)) continue;
    if ((await canListen(port)) && (await canBindUdp(port))) {
      given.add(port);
      return port;
    }
  }
  throw new Error('no free port between 15000 and 32000 on 127.0.0.1');
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function canBindUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
