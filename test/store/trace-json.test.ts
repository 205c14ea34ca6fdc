import { expect, it } from 'vitest';
import { type MessageForm, resourceSpans } from '../../src/store/json-forms.ts';
import { traceV2 } from '../../src/store/trace-answer.ts';
import { resourceSpansJson } from '../../src/store/trace-json.ts';
import { Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { requestBytes } from '../support/spans.ts';
import { Double, fullRequest } from './told-json.ts';

const trace: MessageForm = { 1: { name: 'all', wireType: 2, repeated: true, form: () => resourceSpans } };

/** The same message, each one in it beside a field that nobody knows, which makes it as long as a whole step. */
function padded(r: Reader, form: MessageForm): Uint8Array {
  const out = new Writer(1024);
  for (let from = r.pos; r.next(); from = r.pos) {
    const field = form[r.field];
    if (field === undefined || !('form' in field)) {
      r.skip();
      out.raw(r.buf, from, r.pos);
    } else out.bytes(r.field, padded(r.message(), field.form()));
  }
  out.bytes(1000, new Uint8Array(9000));
  return out.finish();
}

function stepsOf(body: Uint8Array): { text: string; steps: number } {
  const work = resourceSpansJson(body);
  for (let steps = 1; ; steps++) {
    const step = work.next();
    if (step.done === true) return { text: step.value, steps };
  }
}

const odd = fullRequest({
  trace: 't',
  name: 'quote " and \n',
  resource: { 'service.name': 'лавка', list: ['a', 1, true, null, new Double(Number.NaN)], nested: { a: { b: [{}] } } },
  scope: { name: 'scope', version: '1' },
  attributes: { zero: 0, empty: '', bytes: new Uint8Array([0, 255]), large: 2n ** 62n, 'key "': { '': '' } },
  events: [{ name: 'exception', attributes: { a: 1 } }, {}],
  links: [{ trace: 'other', attributes: { b: 'c' } }],
});

it('a large message is written as the same text as a small one', () => {
  const many = Buffer.concat([odd, requestBytes({ trace: 't', id: 'b', status: 'ERROR' }), odd]);
  const small = stepsOf(many);
  const large = stepsOf(padded(new Reader(many), trace));
  expect(large.text).toBe(small.text);
  expect(JSON.parse(`[${small.text}]`)).toHaveLength(3);
  expect([small.steps, large.steps > 50]).toEqual([1, true]);
});

it('one large span is written in steps, and others have their turns between them', async () => {
  const attributes = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`key-${i}`, `value ${i}`]));
  const body = requestBytes({ trace: 't', id: 'a', attributes });
  let turns = 0;
  const pace = { isOver: true, next: async () => void turns++ };
  const read = { bytes: body.length, isWhole: true };
  const parts = (async function* () {
    yield body;
  })();
  const answer = await traceV2({ read, parts }, { accept: '', pace });
  expect(turns).toBeGreaterThan(body.length / 10_000);
  const [{ scopeSpans }] = JSON.parse(answer.body as string).trace.resourceSpans;
  expect(scopeSpans[0].spans[0].attributes).toHaveLength(20_000);
});
