import { createContext, runInContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { script } from '../../src/telemetry/page/script.ts';
import { page } from '../../src/telemetry/page.ts';

interface PageFunctions {
  traceQl(text: string, errors: boolean, duration: string): string;
  spansOf(trace: unknown): Span[];
  inOrder(spans: Span[]): [Span, number][];
  isError(span: unknown): boolean;
}

interface Span {
  readonly name: string;
  readonly service: string;
}

const span = (spanId: string, parentSpanId: string, startTimeUnixNano: string) => ({
  spanId,
  parentSpanId,
  name: spanId,
  startTimeUnixNano,
});
const traceOf = (...spans: object[]) => ({
  resourceSpans: [
    { resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }, scopeSpans: [{ spans }] },
  ],
});

describe("the page's script", () => {
  let functions: PageFunctions;
  const tree = (...spans: object[]) =>
    functions.inOrder(functions.spansOf(traceOf(...spans))).map(([it, depth]) => `${depth} ${it.name}`);

  beforeAll(() => {
    const element = () => ({ value: '', addEventListener() {}, replaceChildren() {}, append() {} });
    const document = { getElementById: element, createElement: element, hidden: true };
    const context = createContext({
      document,
      location: { hash: '' },
      addEventListener() {},
      setInterval() {},
      URLSearchParams,
      fetch: () => Promise.reject(new Error('offline')),
    });
    runInContext(script, context);
    functions = context as unknown as PageFunctions;
  });

  it('asks in TraceQL, quoting what was typed', () => {
    expect(functions.traceQl('checkout', true, '500ms')).toBe(
      '{ resource.service.name = "checkout" && status = error && duration > 500ms }',
    );
    expect(functions.traceQl('a"b\\', false, '')).toBe('{ resource.service.name = "a\\"b\\\\" }');
    expect(functions.traceQl('{ span.http.route = "/x" }', true, '')).toBe('{ span.http.route = "/x" }');
  });

  it('puts children under their parents by start time, with the precision of nanoseconds', () => {
    expect(
      tree(
        span('c', 'a', '1700000000000000002'),
        span('b', 'a', '1700000000000000001'),
        span('d', 'b', '1700000000000000003'),
        span('a', '', '1700000000000000000'),
      ),
    ).toEqual(['0 a', '1 b', '2 d', '1 c']);
  });

  it('shows spans without their parent, spans that are their own parent, and circles', () => {
    expect(tree(span('a', 'gone', '2'), span('b', 'b', '1'))).toEqual(['0 b', '0 a']);
    expect(tree(span('a', 'b', '1'), span('b', 'a', '2'))).toEqual(['0 a', '1 b']);
  });

  it('reads both forms of Tempo: batches, and status codes as number or name', () => {
    expect(
      functions.spansOf({ batches: traceOf(span('a', '', '1')).resourceSpans }).map(({ service }) => service),
    ).toEqual(['shop']);
    expect(
      [{ status: { code: 2 } }, { status: { code: 'STATUS_CODE_ERROR' } }, { status: {} }, {}].map((it) =>
        functions.isError(it),
      ),
    ).toEqual([true, true, false, false]);
  });

  it('never makes markup of what a span says, and loads nothing', () => {
    expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|https?:\/\//);
    expect(script).not.toContain('</');
    expect(page.match(/<script>/g)).toHaveLength(1);
  });
});
