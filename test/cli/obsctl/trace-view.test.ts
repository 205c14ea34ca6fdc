import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { cellWidth } from '../../../src/cli/obsctl/cells.ts';
import { renderTrace, type ViewOptions } from '../../../src/cli/obsctl/trace-view.ts';
import { view } from './traces.ts';

const shop = [
  view({
    id: 'a',
    service: 'frontend-proxy',
    name: 'ingress',
    kind: 2,
    ms: 1240,
    traceState: 'ot=th:8',
    attributes: { 'tailgate.policy': 'errors', 'tailgate.revision': 'file-3f2a' },
  }),
  view({ id: 'b', parent: 'a', service: 'frontend', name: 'GET /product/{id}', kind: 2, at: 20, ms: 1200 }),
  view({ id: 'c', parent: 'b', service: 'frontend', name: '商品を検索', kind: 3, at: 30, ms: 200 }),
  view({ id: 'd', parent: 'c', service: 'catalogue', name: 'SELECT products', kind: 3, at: 60, ms: 0.0005 }),
  view({
    id: 'e',
    parent: 'b',
    service: 'account',
    name: 'check',
    kind: 2,
    at: 620,
    ms: 600,
    error: 'failed',
    exception: ['OperationalError', 'server closed the connection'],
  }),
  view({
    id: 'f',
    parent: 'e',
    service: 'account',
    name: 'SELECT users',
    kind: 3,
    at: null,
    error: 'no answer',
    attributes: { 'db.system': 'postgresql' },
  }),
  view({ id: '9', parent: '77', service: 'email', name: 'send_confirmation', kind: 5, at: 900, ms: 310 }),
];

const shown = (spans: typeof shop, options: Partial<ViewOptions> = {}): string =>
  renderTrace(spans, { width: 100, color: false, timeZone: 'UTC', ...options });
/** The tree without the head. */
const tree = (...args: Parameters<typeof shown>): string =>
  shown(...args)
    .split('\n\n')
    .slice(1)
    .join('\n\n');

describe('a trace as text', () => {
  it('is a head, one time axis, and a tree with a bar for each span', () => {
    expect(shown(shop)).toBe(`\
trace     4bf92f3577b34da6a3ce929d0e0e4736
root      frontend-proxy ingress
start     2026-11-25 17:02:11.123 +00:00   duration 1.24s
spans     7 in 5 services, 2 errors
sampling  kept by errors, weight 2, revision file-3f2a

                                                       0                 620ms        1.24s
frontend-proxy ingress                        server   ████████████████████████████████████    1.24s
└ frontend GET /product/{id}                  server   ▐██████████████████████████████████▌     1.2s
  ├ frontend 商品を検索                       client   ▐█████▌                                 200ms
  │ └ catalogue SELECT products               client    ▐                                      500ns
  └ ✗ account check                           server                     █████████████████▌    600ms
    │   OperationalError: server closed the connection
    └ ✗ account SELECT users                  client                                               -
          no answer
email send_confirmation                       consumer                           █████████     310ms
    its parent 0000000000000077 is missing
`);
  });

  it('looks as the manual shows it', () => {
    const manual = readFileSync(new URL('../../../docs/obsctl.md', import.meta.url), 'utf8');
    expect(manual).toContain(shown(shop));
  });

  it('gives up kinds, then bars, where the terminal is narrow', () => {
    expect(tree(shop, { width: 60 })).toBe(`\
                             0                1.24s
frontend-proxy ingress       ██████████████████████    1.24s
└ frontend GET /product/{id} █████████████████████▌     1.2s
  ├ frontend 商品を検索      ▐███                      200ms
  │ └ catalogue SELECT prod…  ▌                        500ns
  └ ✗ account check                     ██████████▌    600ms
    │   OperationalError: server closed the connection
    └ ✗ account SELECT users                               -
          no answer
email send_confirmation                     ▐█████▌    310ms
    its parent 0000000000000077 is missing
`);
    expect(tree(shop.slice(0, 3), { width: 37 })).toBe(`\
frontend-proxy ingress          1.24s
└ frontend GET /product/{id}     1.2s
  └ frontend 商品を検索         200ms
`);
  });

  it('shows only the ways to the errors, with attributes and events', () => {
    expect(tree(shop, { errorsOnly: true, attrs: true, events: true })).toBe(`\
                                                       0                 620ms        1.24s
frontend-proxy ingress                        server   ████████████████████████████████████    1.24s
│   tailgate.policy = errors
│   tailgate.revision = file-3f2a
└ frontend GET /product/{id}                  server   ▐██████████████████████████████████▌     1.2s
  └ ✗ account check                           server                     █████████████████▌    600ms
    │   OperationalError: server closed the connection
    │   +600ms exception exception.type=OperationalError exception.message=server closed the connec…
    └ ✗ account SELECT users                  client                                               -
          no answer
          db.system = postgresql
3 spans not shown
`);
  });

  it('shows as many levels as asked for', () => {
    expect(tree(shop, { depth: 1 })).toBe(`\
                                                       0                 620ms        1.24s
frontend-proxy ingress                        server   ████████████████████████████████████    1.24s
email send_confirmation                       consumer                           █████████     310ms
    its parent 0000000000000077 is missing
5 spans not shown
`);
  });

  it('says when the root is missing, when nothing is known of the sampling, and cuts circles', () => {
    const text = shown([view({ id: 'a', parent: 'b', at: 1, ms: 1 }), view({ id: 'b', parent: 'a', at: 0, ms: 3 })], {
      width: 60,
    });
    expect(text).toContain('root      missing; the first span is shop b\n');
    expect(text).toContain('sampling  unknown: no span carries tailgate.policy or ot=th\n');
    expect(text).toContain('its parent 000000000000000a is also below it\n');
  });

  it('says what became of a trace whose spans do not say it', () => {
    const became = { verdict: 'drop', policy: 'noisy' };
    expect(shown([view({ id: 'a', at: 0, ms: 1 })], { became })).toContain('sampling  dropped by noisy\n');
  });

  it('says that a trace was decided without its root', () => {
    const attributes = { 'tailgate.policy': 'slow', 'tailgate.revision': '7', 'tailgate.incomplete': 'true' };
    expect(shown([view({ id: 'a', parent: 'b', attributes })])).toContain(
      'sampling  kept by slow, revision 7, decided without a root\n',
    );
  });

  it('shows a trace in which no span has a time', () => {
    const text = shown([view({ id: 'a', at: null }), view({ id: 'b', parent: 'a', at: null })], { width: 60 });
    expect(text).toContain('start     unknown   duration 0ns\n');
    expect(text).toContain('0                  0ns\n');
  });

  it('colours errors red and services their own colour, and nothing without colours', () => {
    expect(shown(shop, { color: true })).toContain('\x1b[31m  └ ✗ ');
    expect(shown(shop)).not.toContain('\x1b');
    const uncoloured = stripVTControlCharacters(shown(shop, { color: true }));
    expect(uncoloured).toBe(shown(shop));
  });

  it('lets no span write to the terminal', () => {
    const evil = view({
      id: 'a',
      service: '\x1b[2J',
      name: 'x\r\ny\x1b]0;t\x07',
      error: 'a\x1bb',
      attributes: { '\x1bk': '\x9b' },
    });
    expect(shown([evil], { attrs: true }).replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  it('never writes a line wider than the terminal, however deep or long-winded the trace', () => {
    const chain = Array.from({ length: 60 }, (_, i) =>
      view({
        id: `s${i}`,
        ...(i > 0 && { parent: `s${i - 1}` }),
        name: `${'長い名前'.repeat(i % 7)} with a very long name ${'x'.repeat(i * 3)}`,
        ms: 100 - i,
        error: 'e'.repeat(200),
        attributes: { key: 'v'.repeat(500) },
      }),
    );
    for (const width of [40, 60, 80, 100, 200]) {
      const body = tree(chain, { width, attrs: true, events: true }).split('\n');
      expect(Math.max(...body.map(cellWidth))).toBeLessThanOrEqual(width);
    }
  });
});
