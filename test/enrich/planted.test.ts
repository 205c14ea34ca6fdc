import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpanType } from '../support/otlp.ts';
import { encodeSpan, enrichedBytes, enricher, stampOf, text } from './messages.ts';

/** Letters that occur in no name and no separator here: whatever of it is left was shown. */
const plainSecret = fc.string({ unit: fc.constantFrom(...'QXZJqxzj0789'), minLength: 8, maxLength: 24 });
/** Characters that end values elsewhere, each between letters. */
const hardSecret = (marks: string) =>
  fc
    .array(
      fc.tuple(
        fc.string({ unit: fc.constantFrom(...'QXZJqxzj0789'), minLength: 4, maxLength: 6 }),
        fc.constantFrom(...marks),
      ),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((parts) => `${parts.map(([word, mark]) => word + mark).join('')}QXZJ`);

const words = fc.constantFrom(
  'password',
  'passwd',
  'secret',
  'token',
  'api key',
  'access key',
  'auth token',
  'client secret',
  'db pwd',
);
const heads = fc.constantFrom('', 'user', 'db', 'my app', 'github', 'new', 'x');
const spelled = fc.constantFrom<(words: string[]) => string>(
  (name) => name.join('_'),
  (name) => name.join('-'),
  (name) => name.join('.'),
  (name) => name.join('_').toUpperCase(),
  (name) => name.map((word, i) => (i === 0 ? word : word[0].toUpperCase() + word.slice(1))).join(''),
  (name) => name.map((word) => word[0].toUpperCase() + word.slice(1)).join('-'),
);
const name = fc.tuple(heads, words, spelled).map(([head, word, spell]) => spell(`${head} ${word}`.trim().split(' ')));

const encoded = (value: string, times: number): string =>
  times === 0 ? value : encodeURIComponent(encoded(value, times - 1));
const quoted = (value: string, times: number): string =>
  times === 0 ? value : JSON.stringify(quoted(value, times - 1));

/** A text with a secret in it, by name. */
const planted = fc.oneof(
  // queries, raw or within others
  fc.tuple(name, hardSecret('/+;,:!*\'()$&=#"<> '), fc.nat(3)).map(([key, secret, times]) => {
    const inner = `https://h/x?a=1&${key}=${encodeURIComponent(secret)}&b=2`;
    return { secret, text: times === 0 ? inner : `https://h/go?to=${encoded(inner, times)}&b=2` };
  }),
  fc.tuple(name, plainSecret).map(([key, secret]) => ({ secret, text: `/login?next=/cb?${key}=${secret}&x=1#top` })),
  // JSON, in JSON and in URLs
  fc.tuple(name, hardSecret('"\\/\'{}[],:;&#<> '), fc.nat(2), fc.nat(2)).map(([key, secret, times, url]) => {
    const json = quoted(JSON.stringify({ user: 'jo', [key]: secret, list: [1] }), times);
    return { secret, text: url === 0 ? json : `/x?q=${encoded(json, url)}&y=1` };
  }),
  // connection strings
  fc
    .tuple(name, hardSecret('&#<?,: @/%!^*|'))
    .map(([key, secret]) => ({ secret, text: `Server=db;User Id=sa;${key}=${secret};Pooling=true` })),
  fc
    .tuple(name, hardSecret(';&# '))
    .map(([key, secret]) => ({ secret, text: `Server=db;${key}="${secret}";Pooling=true` })),
  fc.tuple(name, hardSecret("\\' ")).map(([key, secret]) => ({
    secret,
    text: `host=h ${key}='${secret.replace(/[\\']/g, '\\$&')}' dbname=x`,
  })),
  // command lines, environments, lists
  fc
    .tuple(name, plainSecret, fc.constantFrom(' ', '='))
    .map(([key, secret, sep]) => ({ secret, text: `cmd --${key}${sep}${secret} --verbose` })),
  fc
    .tuple(name, hardSecret(' ;&"'), fc.constantFrom(' ', '='))
    .map(([key, secret, sep]) => ({ secret, text: `cmd --${key}${sep}'${secret}' -v` })),
  fc.tuple(name, hardSecret('&#/+@:!')).map(([key, secret]) => ({ secret, text: `A=b\n${key}=${secret}\nC=d` })),
  fc.tuple(name, plainSecret).map(([key, secret]) => ({ secret, text: `Cfg{user=jo, ${key}=${secret}, port=1}` })),
  fc.tuple(name, plainSecret).map(([key, secret]) => ({ secret, text: `["run","--${key}","${secret}"]` })),
  fc.tuple(name, plainSecret).map(([key, secret]) => ({ secret, text: `[{"name":"${key}","value":"${secret}"}]` })),
  // headers and lines
  fc
    .tuple(name, hardSecret(' ,;=&"'))
    .map(([key, secret]) => ({ secret, text: `Host: h\r\n${key}-password: ${secret}\r\nAccept: */*` })),
  fc
    .tuple(fc.constantFrom('Cookie', 'Authorization', 'X-Api-Key'), hardSecret(';=" '))
    .map(([key, secret]) => ({ secret, text: `-H '${key}: ${secret}' x` })),
  // URLs; before a raw "/" no "@", and not digits alone: that would be a host and its port
  ...['/?#:&=%!', '@:&=%!'].map((marks) =>
    fc
      .tuple(fc.constantFrom('https', 'postgres', 'amqp', 'redis'), hardSecret(marks), fc.nat(2))
      .map(([scheme, secret, times]) => ({ secret, text: encoded(`${scheme}://jo:Q${secret}@h/x`, times) })),
  ),
);

/** Every four characters in a row of the secret, as they are. */
const pieces = (secret: string): string[] =>
  Array.from({ length: secret.length - 3 }, (_, i) => secret.slice(i, i + 4)).filter((piece) =>
    /^[\w]{4}$/.test(piece),
  );

/** Field numbers and wire types of a message, nested as deep as they are: what redaction leaves alone. */
const shapeOf = (span: object): unknown =>
  JSON.parse(JSON.stringify(span, (key, value) => (typeof value === 'string' && key !== 'key' ? typeof value : value)));

const object = (bytes: Uint8Array) => SpanType.toObject(SpanType.decode(bytes), { longs: String, bytes: String });
const utf8 = new TextDecoder('utf-8', { fatal: true });

describe('a secret that was planted is never seen again, nor four characters of it', () => {
  it('under names, separators, quotes and encodings of every kind, wherever it is', () => {
    const places = (value: string) => ({
      name: value,
      attributes: [
        text('x', value),
        { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { stringValue: value }] } } },
        { key: 'map', value: { kvlistValue: { values: [text('y', value)] } } },
      ],
      events: [{ name: value, attributes: [text('z', value)] }],
      links: [{ traceId: new Uint8Array(16), spanId: new Uint8Array(8), attributes: [text('x', value)] }],
      status: { message: value, code: 2 },
    });
    const by = enricher();
    fc.assert(
      fc.property(
        planted,
        fc.constantFrom('', 'failed: ', 'ü€ ', '\n'),
        fc.constantFrom('', ' ü', '\n'),
        ({ secret, text }, before, after) => {
          const span = encodeSpan(places(before + text + after));
          const left = enrichedBytes(by, span, stampOf(1));
          const shown = Buffer.from(left).toString('utf8');
          for (const piece of pieces(secret)) expect(shown, text).not.toContain(piece);
          const [came, went] = [object(span), object(left)];
          delete went.traceState;
          delete came.traceState;
          expect(shapeOf(went)).toEqual(shapeOf(came));
          utf8.decode(Buffer.from(went.name));
        },
      ),
      { numRuns: Number(process.env.PLANTED ?? 2000) },
    );
  });
});
