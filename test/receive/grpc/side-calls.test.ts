import type { ClientHttp2Session } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { call, connect, ended, exportPath, fields, frame, open } from '../support/grpc-wire.ts';
import { refusals, start, until } from '../support/receivers.ts';
import { requestOf } from '../support/requests.ts';

const [OK, RESOURCE_EXHAUSTED] = [0, 8];
const watchPath = '/grpc.health.v1.Health/Watch';
const checkPath = '/grpc.health.v1.Health/Check';

/** Begins to watch; the first word of the answer is what our health is, or the end. */
function watch(session: ClientHttp2Session) {
  const stream = open(session, { ':path': watchPath });
  const heard = new Promise<number>((resolve) => {
    stream.once('data', (bytes: Buffer) => resolve(fields(bytes.subarray(5)).get(1) as number));
  });
  const end = ended(stream);
  stream.end(frame(Buffer.alloc(0)));
  return { stream, heard, end };
}

describe('watches of our health', () => {
  it('are 16 at most on a connection; others and their checks are served all the same', async () => {
    await using gateway = await start('http2');
    const session = await connect(gateway.port);
    const watches = Array.from({ length: 16 }, () => watch(session));
    expect(await Promise.all(watches.map(({ heard }) => heard))).toEqual(Array(16).fill(1));
    expect(await watch(session).end).toMatchObject({ status: RESOURCE_EXHAUSTED });
    expect(refusals(gateway.stats)).toEqual({ calls_full: 1 });

    // Whoever asks once is answered, here too, and other connections watch.
    const check = open(session, { ':path': checkPath });
    const answer = ended(check);
    check.end(frame(Buffer.alloc(0)));
    expect(await answer).toMatchObject({ status: OK });
    const other = await connect(gateway.port);
    expect(await watch(other).heard).toBe(1);
    expect(await call(gateway.port, [frame(requestOf(1))], { ':path': exportPath })).toMatchObject({ status: OK });

    // One that ends makes room for another.
    watches[3].stream.close();
    await watches[3].end;
    expect(await watch(session).heard).toBe(1);
    session.destroy();
    other.destroy();
  });

  it('are 1,024 at most in all, until a connection goes', async () => {
    await using gateway = await start('http2');
    const sessions = await Promise.all(Array.from({ length: 64 }, () => connect(gateway.port)));
    const watches = sessions.flatMap((session) => Array.from({ length: 16 }, () => watch(session)));
    expect(new Set(await Promise.all(watches.map(({ heard }) => heard)))).toEqual(new Set([1]));
    const late = await connect(gateway.port);
    expect(await watch(late).end).toMatchObject({ status: RESOURCE_EXHAUSTED });
    sessions[0].destroy();
    await until(() => watches.slice(0, 16).every(({ stream }) => stream.closed));
    await expect.poll(() => Promise.race([watch(late).heard, new Promise((r) => setTimeout(r, 500))])).toBe(1);
    for (const session of [...sessions, late]) session.destroy();
  });
});

describe('messages beside Export', () => {
  it('that come in part are kept for 16 calls of a connection', async () => {
    await using gateway = await start('http2');
    const session = await connect(gateway.port);
    const message = frame(Buffer.concat([Buffer.from([0x0a, 100]), Buffer.alloc(100, 'x')]));
    const begin = () => {
      const stream = open(session, { ':path': checkPath });
      stream.write(message.subarray(0, 50));
      return { stream, end: ended(stream) };
    };
    const begun = Array.from({ length: 16 }, begin);
    expect(await begin().end).toMatchObject({ status: RESOURCE_EXHAUSTED });
    for (const { stream } of begun) stream.end(message.subarray(50));
    const answers = await Promise.all(begun.map(({ end }) => end));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([5]));
    const after = begin();
    after.stream.end(message.subarray(50));
    expect(await after.end).toMatchObject({ status: 5 });
    session.destroy();
  });

  it.each([1, 3, 8192])('are read whatever their chunks of %i bytes', async (bytes) => {
    await using gateway = await start('http2');
    const session = await connect(gateway.port);
    const stream = open(session, { ':path': '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo' });
    const end = ended(stream);
    const asked = Buffer.concat([
      frame(Buffer.from([0x3a, 0])),
      frame(Buffer.from([0x1a, 1, 0x41])),
      frame(Buffer.from([0x3a, 0])),
    ]);
    for (let at = 0; at < asked.length; at += bytes) stream.write(asked.subarray(at, at + bytes));
    stream.end();
    const { status, body } = await end;
    expect(status).toBe(OK);
    const answers: number[] = [];
    for (let at = 0; at < body.length; at += 5 + body.readUInt32BE(at + 1))
      answers.push([...fields(body.subarray(at + 5, at + 5 + body.readUInt32BE(at + 1))).keys()].at(-1) as number);
    expect(answers).toEqual([6, 7, 6]);
    session.destroy();
  });
});
