import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ask } from '../../../src/decide/ottl/ask.ts';
import { compileCondition } from '../../../src/decide/ottl/condition.ts';
import { Paths } from '../../../src/decide/ottl/expression.ts';
import { functions } from '../../../src/decide/ottl/functions.ts';
import { lowerCondition } from '../../../src/decide/ottl/lower.ts';
import { parseCondition } from '../../../src/decide/ottl/parser.ts';
import { OttlError } from '../../../src/decide/ottl/problem.ts';
import type { SpanPredicate } from '../../../src/model/predicates.ts';
import { asked, placeOf } from '../../support/asked-span.ts';
import type { AnyValue, SpanObject } from '../../support/otlp.ts';
import { randomly, someCondition, someSpan } from '../../support/ottl-conditions.ts';

const b64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64');
const attributes = (values: Record<string, AnyValue>) => Object.entries(values).map(([key, value]) => ({ key, value }));

const checkout: SpanObject = {
  traceId: b64('0af7651916cd43dd8448eb211c80319c'),
  spanId: b64('b7ad6b7169203331'),
  parentSpanId: b64('00f067aa0ba902b7'),
  traceState: 'ot=th:8,vendor=blue',
  name: 'POST /checkout',
  kind: 2,
  startTimeUnixNano: '1790000000000000000',
  endTimeUnixNano: '1790000000750000000',
  status: { code: 2, message: 'deadline exceeded' },
  flags: 257,
  attributes: attributes({
    'http.method': { stringValue: 'POST' },
    'http.status_code': { intValue: '503' },
    ratio: { doubleValue: 0.5 },
    cached: { boolValue: false },
    empty: {},
    text: { stringValue: '' },
    number: { stringValue: '42' },
    raw: { bytesValue: b64('00ff') },
    list: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '2' }] } },
    map: {
      kvlistValue: {
        values: attributes({
          k: { stringValue: 'v' },
          deep: { kvlistValue: { values: attributes({ n: { intValue: '7' } }) } },
        }),
      },
    },
    big: { intValue: '9007199254740993' },
  }),
  events: [
    {
      name: 'exception',
      attributes: attributes({
        'exception.type': { stringValue: 'Timeout' },
        'exception.escaped': { boolValue: true },
      }),
    },
    { name: 'retry', attributes: attributes({ attempt: { intValue: '3' } }) },
  ],
};

const place = placeOf({
  resourceSpans: [
    {
      resource: { attributes: attributes({ 'service.name': { stringValue: 'checkout' }, tier: { intValue: '1' } }) },
      scopeSpans: [{ scope: { name: 'io.opentelemetry.http', version: '2.1' }, spans: [checkout] }],
    },
  ],
});
const bare = placeOf({
  resourceSpans: [
    {
      scopeSpans: [{ spans: [{ traceId: b64('0af7651916cd43dd8448eb211c80319c'), spanId: b64('b7ad6b7169203331') }] }],
    },
  ],
});

const holds = (condition: string, at = place) => asked(lowerCondition(condition, 'span').holds, at);
const ofEvent = (condition: string, at = place) => asked(lowerCondition(condition, 'spanevent').holds, at);

describe('a condition of spans', () => {
  it.each([
    ['attributes["http.method"] == "POST"', true],
    ['span.attributes["http.method"] == "POST"', true],
    ['"POST" == attributes["http.method"]', true],
    ['attributes["http.method"] != "GET"', true],
    ['attributes["nothing"] != "GET"', true],
    ['attributes["nothing"] == nil', true],
    ['attributes["http.method"] != nil', true],
    ['attributes["empty"] == nil', true],
    ['attributes["text"] == ""', true],
    ['attributes["nothing"] == ""', false],
    ['attributes["http.status_code"] >= 500', true],
    ['500 <= attributes["http.status_code"]', true],
    ['attributes["http.status_code"] > 503.0', false],
    ['attributes["http.status_code"] == "503"', false],
    ['attributes["http.status_code"] != "503"', true],
    ['attributes["http.status_code"] < "600"', false],
    ['attributes["ratio"] == 0.5', true],
    ['attributes["ratio"] < 1', true],
    ['attributes["cached"] == false', true],
    ['attributes["cached"] < true', true],
    ['attributes["big"] == 9007199254740993', true],
    ['attributes["big"] == 9007199254740992', false],
    ['attributes["raw"] == 0x00ff', true],
    ['attributes["raw"] > 0x00', true],
    ['attributes["map"]["k"] == "v"', true],
    ['attributes["map"]["deep"]["n"] == 7', true],
    ['attributes["map"]["nothing"] == nil', true],
    ['attributes["list"][1] == 2', true],
    ['attributes["list"] == ["a", 2]', true],
    ['attributes["list"][2] == nil', false],
    ['attributes["http.method"]["k"] != "x"', false],
    ['not attributes["http.method"]["k"] == "x"', false],
    ['resource.attributes["service.name"] == "checkout"', true],
    ['resource.attributes["service.name"] == attributes["http.method"]', false],
    ['instrumentation_scope.name == "io.opentelemetry.http"', true],
    ['scope.version == "2.1"', true],
    ['name == "POST /checkout"', true],
    ['span.name != ""', true],
    ['status.code == STATUS_CODE_ERROR', true],
    ['status.code == 2', true],
    ['span.status.code != STATUS_CODE_OK', true],
    ['status.code > STATUS_CODE_UNSET', true],
    ['status.message == "deadline exceeded"', true],
    ['kind == SPAN_KIND_SERVER', true],
    ['kind.string == "Server"', true],
    ['kind.deprecated_string == "SPAN_KIND_SERVER"', true],
    ['kind > 2', false],
    ['trace_id == TraceID(0x0af7651916cd43dd8448eb211c80319c)', true],
    ['trace_id.string == "0af7651916cd43dd8448eb211c80319c"', true],
    ['span_id == SpanID(0xb7ad6b7169203331)', true],
    ['trace_id == 0x0af7651916cd43dd8448eb211c80319c', false],
    ['parent_span_id == SpanID(0x0000000000000000)', false],
    ['parent_span_id.string == "00f067aa0ba902b7"', true],
    ['trace_state == "ot=th:8,vendor=blue"', true],
    ['trace_state["vendor"] == "blue"', true],
    ['trace_state["other"] == ""', true],
    ['flags == 257', true],
    ['end_time_unix_nano - start_time_unix_nano > 500000000', true],
    ['end_time_unix_nano - start_time_unix_nano == 750000000', true],
    ['(end_time_unix_nano - start_time_unix_nano) / 1000000 >= 750', true],
    ['end_time - start_time > Duration("500ms")', true],
    ['Duration("1s") > span.end_time - span.start_time', true],
    ['end_time - start_time > Duration("0.75s")', false],
    ['Milliseconds(end_time - start_time) > 749', true],
    ['end_time > start_time', true],
    ['start_time_unix_nano == 1790000000000000000', true],
    ['IsMatch(name, "^POST")', true],
    ['IsMatch(attributes["http.status_code"], "^5..$")', true],
    ['IsMatch(attributes["nothing"], ".*")', false],
    ['not IsMatch(attributes["nothing"], ".*")', true],
    ['IsMatch(attributes["map"], "\\"deep\\":{\\"n\\":7}")', true],
    ['IsMatch(resource.attributes["service.name"], "check(out|in)")', true],
    ['IsRootSpan()', false],
    ['not IsRootSpan()', true],
    ['IsString(attributes["http.method"])', true],
    ['IsInt(attributes["http.status_code"]) and not IsInt(attributes["ratio"])', true],
    ['IsDouble(attributes["ratio"])', true],
    ['IsBool(attributes["cached"])', true],
    ['IsMap(attributes["map"])', true],
    ['IsMap(attributes)', true],
    ['IsList(attributes["list"])', true],
    ['IsString(attributes["nothing"])', false],
    ['Len(attributes["list"]) == 2', true],
    ['Len(attributes) == 11', true],
    ['Len(name) > 5', true],
    ['Len(attributes["nothing"]) >= 0', false],
    ['Int(attributes["number"]) == 42', true],
    ['Int(attributes["http.method"]) != 42', false],
    ['Int(attributes["nothing"]) == nil', true],
    ['Double(attributes["number"]) == 42.0', true],
    ['String(attributes["http.status_code"]) == "503"', true],
    ['String(attributes["list"]) == "[\\"a\\",2]"', true],
    ['Concat([attributes["http.method"], name, attributes["nothing"]], "-") == "POST-POST /checkout-<nil>"', true],
    ['ToLowerCase(attributes["http.method"]) == "post"', true],
    ['ToUpperCase(name) == "POST /CHECKOUT"', true],
    ['ToLowerCase(attributes["nothing"]) == "post" or true', false],
    ['true or ToLowerCase(attributes["nothing"]) == "post"', true],
    ['Substring(name, 0, 4) == "POST"', true],
    ['Substring(name, 0, 400) == "POST"', false],
    ['HasPrefix(name, "POST ")', true],
    ['HasSuffix(name, "out")', true],
    ['HasPrefix(target=name, prefix="POST ")', true],
    ['HasPrefix(attributes["nothing"], "x")', false],
    ['not HasPrefix(attributes["nothing"], "x")', false],
    ['not HasPrefix(attributes["http.method"], "x")', true],
    ['attributes["http.status_code"] - 3 == 500', true],
    ['attributes["http.status_code"] / 0 == 500', false],
    ['-attributes["http.status_code"] == -503', true],
    ['1 + 2 * 3 == 7', true],
    ['(1 + 2) * 3 == 9', true],
    ['7 / 2 == 3', true],
    ['nil == nil', true],
    ['nil <= nil', true],
    ['true and not false', true],
    ['name == "x" or kind == SPAN_KIND_SERVER and status.code == STATUS_CODE_ERROR', true],
    ['(name == "x" or kind == SPAN_KIND_SERVER) and status.code == STATUS_CODE_OK', false],
    ['not (name == "x" or name == "y")', true],
  ])('%s: %s', (condition, expected) => {
    expect(holds(condition)).toBe(expected);
  });

  it.each([
    ['name == ""', true],
    ['name != "x"', true],
    ['status.code == STATUS_CODE_UNSET', true],
    ['status.message == ""', true],
    ['kind == SPAN_KIND_UNSPECIFIED', true],
    ['kind.string == "Unspecified"', true],
    ['trace_state["a"] == ""', true],
    ['resource.attributes["service.name"] == nil', true],
    ['scope.name == ""', true],
    ['IsRootSpan()', true],
    ['parent_span_id == SpanID(0x0000000000000000)', true],
    ['parent_span_id.string == "0000000000000000"', true],
    ['IsMatch(name, "^$")', true],
    ['Len(attributes) == 0', true],
  ])('of a span with nothing in it: %s: %s', (condition, expected) => {
    expect(holds(condition, bare)).toBe(expected);
  });
});

describe('a condition of events', () => {
  it.each([
    ['name == "exception"', true],
    ['spanevent.name == "other"', false],
    ['name != "exception"', true],
    ['attributes["exception.type"] == "Timeout"', true],
    ['spanevent.attributes["attempt"] > 2', true],
    ['name == "exception" and attributes["attempt"] == 3', false],
    ['name == "retry" and attributes["attempt"] == 3', true],
    ['name == "other" or attributes["attempt"] == 3', true],
    ['not IsMatch(name, "exception|retry")', false],
    ['attributes["nothing"] == nil', true],
    ['name == "retry" and span.name == "POST /checkout"', true],
    ['name == "retry" and span.name == "GET"', false],
    ['name == "retry" and resource.attributes["service.name"] == "checkout"', true],
    ['span.name == "POST /checkout"', true],
    ['HasPrefix(attributes["exception.type"], "Time")', true],
    ['true', true],
  ])('%s: %s', (condition, expected) => {
    expect(ofEvent(condition)).toBe(expected);
  });

  it.each(['span.kind == 0', 'true', 'name != "x"'])('%s does not hold where there is no event', (condition) => {
    expect(ofEvent(condition, bare)).toBe(false);
  });
});

describe('a span with thousands of events', () => {
  it('is asked once for what its events do not say', () => {
    const span: SpanObject = {
      traceId: b64('0af7651916cd43dd8448eb211c80319c'),
      spanId: b64('b7ad6b7169203331'),
      attributes: attributes({ big: { stringValue: 'a'.repeat(200_000) } }),
      events: Array.from({ length: 20_000 }, () => ({ name: 'x' })),
    };
    const wide = placeOf({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
    const { user } = process.cpuUsage();
    expect(ofEvent('not (name == "y") and IsMatch(span.attributes["big"], "[b-z]+$")', wide)).toBe(false);
    // Twenty thousand searches of it would take a minute.
    expect((process.cpuUsage().user - user) / 1e6).toBeLessThan(2);
  });
});

describe('what is wrong with a condition', () => {
  it.each([
    ['', 0, 'the end: expected a value'],
    ['name = "x"', 5, 'expected "and", "or" or the end'],
    ['name == "x', 8, 'a text that does not end'],
    ["name == 'x'", 8, 'double quotes'],
    ['name == "\\d"', 9, 'write \\\\d'],
    ['nam == "x"', 0, 'nam is not supported of a span: trace_id, '],
    ['span.cache["x"] == 1', 5, 'cache is not supported'],
    ['resource.name == "x"', 9, 'name is not supported of a resource: attributes'],
    ['spanevent.name == "x"', 0, 'conditions of events stand under spanevent'],
    ['status.code == STATUS_ERROR', 15, 'STATUS_ERROR is none of SPAN_KIND_UNSPECIFIED'],
    ['ParseJSON(name) == nil', 0, 'the function ParseJSON is not supported: IsMatch, '],
    ['name == "x" and set(name, "y")', 16, 'set changes data'],
    ['IsMatch(name)', 12, 'IsMatch wants pattern too'],
    ['IsMatch(name, "(")', 15, 'regular expression: missing closing )'],
    ['IsMatch(name, attributes["x"])', 14, 'IsMatch wants a text in double quotes'],
    ['IsMatch(name, "a", "b")', 19, 'IsMatch has the arguments target, pattern'],
    ['HasPrefix(name, 1)', 16, 'HasPrefix wants a text here'],
    ['Duration("1 day") < end_time - start_time', 9, '"1 day" is no duration'],
    ['attributes["x"]', 0, 'a value is no condition'],
    ['attributes[0] == 1', 11, 'attributes has texts for keys'],
    ['name["x"] == 1', 5, 'name has no keys'],
    ['String(name)', 0, 'String is neither true nor false'],
    ['(name == "x") == true', 0, 'a condition is no value'],
    ['not not true', 4, '"not": expected a value'],
    ['name == 99999999999999999999', 8, 'more than 64 bits'],
    ['span_id == SpanID(0x00)', 18, 'SpanID wants 8 bytes'],
    ['attributes["x"] == 0x123', 19, 'two digits for each byte'],
    ['1 / 0 == name', 0, 'never has a value'],
    ['name == {"a": 1}', 8, '"{": expected a value'],
    [`${'('.repeat(65)}true${')'.repeat(65)}`, 64, 'more than 64'],
    ['true '.repeat(2000), 8192, 'longer than 8192'],
  ])('%.60s', (condition, at, message) => {
    let thrown: unknown;
    try {
      lowerCondition(condition, 'span');
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(OttlError);
    expect((thrown as OttlError).message).toContain(message);
    expect((thrown as OttlError).at).toBe(at);
  });

  it('is told with its place, whatever the text', () => {
    const words = fc.constantFrom(
      ...'attributes["a"]|attributes|name|kind.string|status.code|span.|resource.|scope.name|events|==|!=|<|>=|=|and|or|not|(|)|[|]|{|}|,|.|:|+|-|*|/|nil|true|1|1.5|.5|0xab|"t"|"(a+"|"|\\|IsMatch(|Len(|Concat([|HasPrefix(name, |Duration("1s")|SPAN_KIND_SERVER|end_time|start_time|é|0x|IsRootSpan()|Substring(name,1,2)| '.split(
        '|',
      ),
    );
    // One character of a good condition is another, or gone.
    const nearlyGood = fc
      .tuple(fc.integer(), fc.nat(), fc.constantFrom('', '', 'x', '(', '"', ')', ' '))
      .map(([seed, at, char]) => {
        const good = someCondition(randomly(seed), 'span');
        return good.slice(0, at % good.length) + char + good.slice((at % good.length) + 1);
      });
    const texts = fc.oneof(
      nearlyGood,
      fc.string({ unit: 'binary' }),
      fc.array(words, { maxLength: 12 }).map((all) => all.join(' ')),
    );
    let read = 0;
    fc.assert(
      fc.property(texts, fc.constantFrom('span' as const, 'spanevent' as const), (text, context) => {
        let predicate: SpanPredicate;
        try {
          predicate = lowerCondition(text, context).holds;
        } catch (error) {
          expect(error).toBeInstanceOf(OttlError);
          expect((error as OttlError).message).not.toBe('');
          expect((error as OttlError).at).toBeLessThanOrEqual(text.length);
          return;
        }
        read++;
        expect(typeof asked(predicate, place)).toBe('boolean');
        expect(typeof asked(predicate, bare)).toBe('boolean');
      }),
      { numRuns: 2000 },
    );
    expect(read).toBeGreaterThan(50);
  });
});

describe('what a condition is lowered to', () => {
  it.each(['span', 'spanevent'] as const)(
    'says what the whole condition says, asked of one %s after the other',
    (context) => {
      const random = randomly(20_261_129);
      let [true_, asks] = [0, 0];
      for (let n = 0; n < 600; n++) {
        const source = someCondition(random, context, 3);
        const { span, resource, scope } = someSpan(random, n);
        const at = placeOf({
          resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ scope, spans: [span] }] }],
        });
        const { holds } = lowerCondition(source, context);
        const expected = asked(wholly(source, context), at);
        if (expected) true_++;
        if (holds.op === 'ask') asks++;
        expect(`${source}: ${asked(holds, at)}`).toBe(`${source}: ${expected}`);
      }
      expect(true_).toBeGreaterThan(120);
      if (context === 'span') expect(asks).toBeLessThan(120);
    },
  );
});

/** The same condition without atoms. */
function wholly(source: string, context: 'span' | 'spanevent'): SpanPredicate {
  const paths = new Paths();
  return ask(compileCondition(parseCondition(source), context, paths), paths.all, context, true, source);
}

describe('what is said of the span alone, beside its events', () => {
  const withEvents = (name: string, events: readonly string[]) =>
    placeOf({
      resourceSpans: [
        { scopeSpans: [{ spans: [{ ...checkout, name, events: events.map((each) => ({ name: each })) }] }] },
      ],
    });

  it('is reckoned once a span, however many events it has', () => {
    const lower = vi.spyOn(functions.ToLowerCase!, 'call');
    const { holds } = lowerCondition('ToLowerCase(span.name) == spanevent.name', 'spanevent');
    const events = Array.from({ length: 500 }, (_, i) => `e${i}`);
    lower.mockClear();
    expect(asked(holds, withEvents('LAST', [...events, 'last']))).toBe(true);
    expect(lower).toHaveBeenCalledTimes(1);
    expect(asked(holds, withEvents('OTHER', [...events, 'last']))).toBe(false);
    expect(asked(holds, withEvents('Last', ['last']))).toBe(true);
    expect(lower).toHaveBeenCalledTimes(3);
    lower.mockRestore();
  });
});
