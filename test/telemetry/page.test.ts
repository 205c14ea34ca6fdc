import { createContext, runInContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import { script } from '../../src/telemetry/page/script.ts';
import { page } from '../../src/telemetry/page.ts';

interface PageFunctions {
  traceQl(text: string, errors: boolean, duration: string): string;
  spansOf(trace: unknown): Span[];
  inOrder(spans: Span[]): [Span, number][];
  isError(span: unknown): boolean;
  leftOut(answer: object): string;
}

interface Span {
  readonly name: string;
  readonly parentSpanId: string;
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

describe('whose traces the page shows', () => {
  /** What it asks, with what it says of the tenant, when it is opened on a search. */
  async function asked(status: object, refused?: { status: number; error: string }) {
    const questions: [string, string | undefined][] = [];
    const elements = new Map<string, object>();
    const element = () => ({
      value: '',
      hidden: true,
      options: [] as { value: string }[],
      addEventListener() {},
      append() {},
      replaceChildren(...options: { value: string }[]) {
        Object.assign(this, { options, value: options[0]?.value ?? '' });
      },
    });
    const byId = (id: string) => {
      const found = elements.get(id) ?? element();
      elements.set(id, found);
      return found;
    };
    const context = createContext({
      document: { getElementById: byId, createElement: element, hidden: true },
      location: { hash: '#/find?text=x' },
      addEventListener() {},
      setInterval() {},
      URLSearchParams,
      fetch: async (path: string, { headers }: { headers: Record<string, string> }) => {
        questions.push([path.split('?')[0], headers['x-scope-orgid']]);
        const isStatus = path === '/api/status';
        if (isStatus && refused !== undefined) return { ok: false, ...refused, json: async () => refused };
        return { ok: true, json: async () => (isStatus ? status : {}) };
      },
    });
    runInContext(script, context);
    while (questions.length < 3) await new Promise((resolve) => setImmediate(resolve));
    return { questions, whose: byId('whose'), health: byId('health') };
  }

  it('are the first tenant’s at first, and there is a field for others', async () => {
    const { questions, whose } = await asked({
      tenantHeader: 'x-scope-orgid',
      tenants: [{ name: 'b' }, { name: 'a' }],
    });
    expect(questions).toEqual([
      ['/api/status', undefined],
      ['/api/v2/search/tag/resource.service.name/values', 'b'],
      ['/api/search', 'b'],
    ]);
    expect(whose).toMatchObject({ hidden: false });
  });

  it('are those of the token, which may not see the state of all, and the page says so', async () => {
    const error = 'the token "ops" is tenant a\'s alone, and this is of all tenants';
    const { questions, health } = await asked({}, { status: 403, error });
    expect(questions.map(([path]) => path)).toContain('/api/search');
    expect(health).toMatchObject({ textContent: error });
  });

  it('are everybody’s where there are no tenants', async () => {
    const { questions, whose } = await asked({});
    expect(questions.map(([, tenant]) => tenant)).toEqual([undefined, undefined, undefined]);
    expect(whose).toMatchObject({ hidden: true });
  });
});

describe('the state of the gateway on the page', () => {
  interface Node {
    hidden: boolean;
    className?: string;
    children: (Node | string)[];
  }
  const textOf = (node: Node | string): string =>
    typeof node === 'string' ? node : node.children.map(textOf).join('|');
  const classesOf = (node: Node | string): string[] =>
    typeof node === 'string' ? [] : [node.className ?? '', ...node.children.flatMap(classesOf)].filter(Boolean);

  /** What is in the page's places when one of its functions was given this. */
  function shown(by: string, state: object): (id: string) => Node {
    const element = (): Node & Record<string, unknown> => ({
      hidden: true,
      className: '',
      ariaLabel: '',
      children: [],
      addEventListener() {},
      setAttribute() {},
      append(...nodes: (Node | string)[]) {
        this.children.push(...nodes);
      },
      replaceChildren(...nodes: (Node | string)[]) {
        this.children = nodes;
      },
    });
    const elements = new Map<string, Node>();
    const byId = (id: string): Node => {
      const found = elements.get(id) ?? element();
      elements.set(id, found);
      return found;
    };
    const context = createContext({
      document: {
        getElementById: byId,
        createElement: element,
        hidden: true,
      },
      location: { hash: '' },
      addEventListener() {},
      setInterval() {},
      URLSearchParams,
      fetch: () => Promise.reject(new Error('offline')),
    });
    runInContext(script, context);
    (context as unknown as Record<string, (it: object) => void>)[by](state);
    return (id) => elements.get(id) as Node;
  }
  const members = [
    { name: 'a', address: '10.0.0.1:4319', state: 'self' },
    { name: 'b', address: '10.0.0.2:4319', state: 'unreachable' },
  ];

  it('has the members of its fleet, whoever cannot be reached in red, and what this gateway owns', () => {
    const page = shown('showFleet', { self: 'a', epoch: '5c0f', members, owned: 0.5 });
    expect(page('fleet').hidden).toBe(false);
    const list = page('members');
    expect(textOf(list)).toContain('a|10.0.0.1:4319|this one|b|10.0.0.2:4319|unreachable');
    expect(textOf(list)).toContain('1 of 2 members, list |5c0f|; a owns 50.0 % of all traces.');
    expect(classesOf(list)).toContain('bad');
  });

  it('has no fleet where a gateway is alone', () => {
    expect(shown('showFleet', { self: '', epoch: '', members: [], owned: 1 })('fleet').hidden).toBe(true);
  });

  it('has the policies in force, and none of an agent, which decides nothing', () => {
    const rules = {
      revision: 'r1',
      hash: '',
      source: 'file:rules.yaml',
      loadedAt: 1,
      policies: ['errors', 'baseline'],
    };
    const textIn = (state: object) => textOf(shown('showRules', state)('rules'));
    expect(textIn(rules)).toContain('errors, baseline');
    expect(textIn({ ...rules, source: 'file:none' })).toBe('None: nothing is decided here.');
    const refused = (settled: boolean) => textIn({ ...rules, lastRefusal: { at: 2, error: 'no such key', settled } });
    expect([refused(false), refused(true)]).toEqual([
      expect.stringMatching(/A newer version was refused .*no such key/),
      expect.stringMatching(/Last refusal .*no such key/),
    ]);
  });
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

  it('takes a parent of zeros for none, and says what an answer leaves out', () => {
    const parents = ['', '0000000000000000', 'AAAAAAAAAAA=', 'AAAAAAAAAAE=', '00000000000000a0'];
    const shown = functions.spansOf(traceOf(...parents.map((parent, i) => span(`${i}`, parent, '1'))));
    expect(shown.map(({ parentSpanId }) => parentSpanId)).toEqual(['', '', '', 'AAAAAAAAAAE=', '00000000000000a0']);
    expect(functions.leftOut({ status: 'PARTIAL', message: 'trace exceeds max size' })).toBe('trace exceeds max size');
    expect(functions.leftOut({ status: 'PARTIAL' })).toContain('this is a part of it');
    expect(functions.leftOut({ status: 'COMPLETE', traces: [] })).toBe('');
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
