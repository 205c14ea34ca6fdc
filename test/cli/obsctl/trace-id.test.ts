import { describe, expect, it } from 'vitest';
import { parseTraceId } from '../../../src/cli/obsctl/trace-id.ts';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const panes = (query: string) =>
  encodeURIComponent(`{"x7f":{"datasource":"a1b2c3d4e5f60718","queries":[{"refId":"A","query":"${query}"}]}}`);

describe('a trace id, however it was copied', () => {
  it.each([
    ['32 hex digits', id, id],
    ['capitals and spaces', ` ${id.toUpperCase()}\n`, id],
    ['a 64-bit id', 'a3ce929d0e0e4736', `0000000000000000a3ce929d0e0e4736`],
    ['an id that lost its leading zeros', 'f92f3577b34da6a3ce929d0e0e4736', '00f92f3577b34da6a3ce929d0e0e4736'],
    ['a UUID', '4bf92f35-77b3-4da6-a3ce-929d0e0e4736', id],
    ['a traceparent', `00-${id}-00f067aa0ba902b7-01`, id],
    ['a traceparent header', `traceparent: 00-${id}-00f067aa0ba902b7-01`, id],
    ['a Grafana Explore address', `https://grafana.example/explore?schemaVersion=1&panes=${panes(id)}&orgId=1`, id],
    [
      'the same with a 64-bit id',
      `https://grafana.example/explore?panes=${panes('a3ce929d0e0e4736')}`,
      `0000000000000000a3ce929d0e0e4736`,
    ],
    ['an address with the id in its path', `http://jaeger.example/trace/${id}?uiFind=x`, id],
    ['an address with a parameter', `https://logs.example/?traceId=${id}`, id],
    ['an address with the id anywhere', `https://x.example/a/${id}/b`, id],
    ['an address that is not well encoded', `https://x.example/trace/${id}?q=%E0%A4%A`, id],
  ])('%s', (_, text, expected) => {
    expect(parseTraceId(text)).toBe(expected);
  });

  it.each(['', 'abc', '0'.repeat(32), `${id}0`, 'not-a-trace', 'https://grafana.example/explore'])(
    'refuses %j',
    (text) => {
      expect(() => parseTraceId(text)).toThrow(/holds no trace id/);
    },
  );
});
