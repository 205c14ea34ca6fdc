import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { obsctl } from '../../../src/cli/obsctl/obsctl.ts';
import { terminalSafe } from '../../../src/cli/obsctl/terminal.ts';
import { fakeProcess } from '../fake-process.ts';

/**
 * A server that answers whatever it likes: somebody else's process on the gateway's port, or a broken proxy before it.
 */
let answer: (response: ServerResponse) => void;
let server: Server;
let base: string;
let authorization: string | undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    authorization = request.headers.authorization;
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const commands = [['status'], ['explain', id], ['trace', 'show', id, '--attrs', '--events'], ['trace', 'find']];
const outputs = ['table', 'json', 'jsonl', 'ids'];

async function run(argv: readonly string[], gateway = `http://${base}`) {
  const process = fakeProcess({ env: { OBSCTL_GATEWAY: gateway }, isTTY: true, columns: 100 });
  const code = await obsctl(argv, process);
  return { code, text: process.out + process.err };
}

const evil = 'a\x1b]0;owned\x07\x1b[2J\x9b31m\u202eb\r\nc\x00';
// biome-ignore lint/suspicious/noControlCharactersInRegex: that none of these is left is what is tested
const dangerous = /[\x00-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\x1b(?!\[\d{1,2}m)/;

/** Answers of the right names and any content, so that some of them get far. */
const text = fc.oneof(fc.string(), fc.constant(evil), fc.constant('1795625940123000000'), fc.constant('9'.repeat(400)));
const names =
  'traces traceID rootServiceName rootTraceName startTimeUnixNano durationMs serviceStats spanCount trace resourceSpans batches resource attributes key value stringValue arrayValue kvlistValue values intValue scopeSpans scope spans traceId spanId parentSpanId name kind status code message events links endTimeUnixNano verdict policy votes vote shadowVotes revision trigger firstSpanAt decidedAt rules buffer export books exporters lastRefusal at error loadedAt'.split(
    ' ',
  );
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    text,
    fc.double(),
    fc.constantFrom(null, true, 1e308, -1, 2),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...names), tie('tree'), { maxKeys: 8 }),
  ),
}));

describe('obsctl and a server that lies', () => {
  it('ends in a code of the contract, and no control character reaches the terminal', async () => {
    await fc.assert(
      fc.asyncProperty(
        tree,
        fc.constantFrom(200, 200, 200, 400, 404, 500),
        fc.constantFrom(...commands),
        fc.constantFrom(...outputs),
        async (body, status, command, output) => {
          answer = (response) => response.writeHead(status).end(JSON.stringify(body));
          const { code, text } = await run([...command, '-o', output]);
          expect(code).toBeLessThanOrEqual(5);
          expect(text).not.toMatch(dangerous);
          expect(text).not.toMatch(/^\s+at .*:\d+:\d+/m);
        },
      ),
      { numRuns: 400 },
    );
  }, 60_000);

  it('hears only so much', async () => {
    answer = (response) => {
      const piece = Buffer.alloc(1 << 20, '[');
      const more = (): void => {
        while (!response.destroyed && response.write(piece));
      };
      response.on('drain', more);
      more();
    };
    const { code, text } = await run(['status']);
    expect(code).toBe(1);
    expect(text).toContain('more than 128 MiB');
  });

  it('reads values nested a hundred thousand deep', async () => {
    const deep = `${'{"arrayValue":{"values":['.repeat(20_000)}{"stringValue":"x"}${']}}'.repeat(20_000)}`;
    answer = (response) =>
      response.end(
        `{"trace":{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","attributes":[{"key":"k","value":${deep}}]}]}]}]}}`,
      );
    expect((await run(['trace', 'show', id, '--attrs'])).code).toBe(0);
    expect((await run(['trace', 'show', id, '-o', 'json'])).code).toBeLessThanOrEqual(1);
  });

  it('an error text of the server is told without what it would do to the terminal', async () => {
    answer = (response) => response.writeHead(500).end(`${evil}\x1b[31mred`);
    expect((await run(['status'])).text).not.toMatch(dangerous);
  });
});

describe("the credentials of the gateway's address", () => {
  it('are sent, and shown nowhere', async () => {
    answer = (response) => response.writeHead(403).end();
    const { code, text } = await run(['status'], `http://jo:s%40cret@${base}/`);
    expect(code).toBe(5);
    expect(authorization).toBe(`Basic ${Buffer.from('jo:s@cret').toString('base64')}`);
    expect(text).not.toMatch(/jo|cret/);
  });

  it('are not shown where the address is wrong, or nobody is there', async () => {
    for (const address of ['http://jo:secret@', 'ftp://jo:secret@host', 'http://jo:secret@127.0.0.1:1'])
      expect((await run(['status'], address)).text).not.toMatch(/jo|secret/);
  });
});

describe('the way to the terminal', () => {
  it('lets lines and our own colours through, and nothing else', () => {
    expect(terminalSafe('a\n\x1b[31mred\x1b[0m ü 世界')).toBe('a\n\x1b[31mred\x1b[0m ü 世界');
    expect(terminalSafe('\x1b[2J\x1b[8m\x9b1m\rx\tx')).not.toMatch(dangerous);
  });
});
