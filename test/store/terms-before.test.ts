import { expect, it } from 'vitest';
import { Cutter } from '../../src/store/cut.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { digestBefore } from './digest-before.ts';
import { hour, start, temporaryDirectory } from './fixture.ts';
import { writeFormat3 } from './format-3.ts';
import { opened } from './open-parts.ts';

const noTags = { knows: () => true, note: () => {}, noteText: () => {}, noteKey: () => {} };

/** One trace each, with values of every kind. */
const told: Told[] = Array.from({ length: 40 }, (_, i) => ({
  trace: `t${i}`,
  name: `n${i}`,
  service: `s${i % 4}`,
  attributes: { text: `v${i}`, n: i, half: i + 0.5, below: -i - 1, ok: i % 2 === 0, long: `${i} `.padEnd(500, 'x') },
}));

/** What finds the trace `i`, and for some of these others. */
const queriesFor = (i: number): string[] => [
  ...[`{ span.text = "v${i}" }`, `{ span.n = ${i} }`, `{ .half = ${i}.5 }`, `{ span.below = ${-i - 1} }`],
  ...[`{ name = "n${i}" }`, `{ .service.name = "s${i % 4}" && span.n = ${i} }`, `{ span.ok = ${i % 2 === 0} }`],
  ...[`{ span.long = "${`${i} `.padEnd(500, 'x')}" }`, `{ span.text =~ "v${i}|no" }`],
];

/** A store as a version left it whose digests had the terms of before. */
function leftBefore(path: string): void {
  writeFormat3(path, told, start);
  using store = opened(path);
  for (const [i, span] of told.entries()) {
    const digest = digestBefore([...new Cutter(noTags).cut(requestBytes(span))][0]);
    store.db.prepare('UPDATE trace_row SET digest = ? WHERE id = ?').run(digest, i + 1);
  }
}

it('a store of a version that had other terms is searched with no miss, and so is a trace of both', async () => {
  using home = temporaryDirectory();
  leftBefore(home.path);
  using store = opened(home.path);
  for (const query of queriesFor(7))
    expect([query, await store.found(query)]).toEqual([query, expect.arrayContaining(['n7'])]);
  expect(await store.found('{ span.text = "v40" }')).toEqual([]);
  // Late spans: each trace has a part of either kind.
  const late = told.map(({ trace, attributes }, i) => ({
    trace,
    parent: 'x',
    name: `late ${i}`,
    attributes: { ...attributes, late: i },
  }));
  store.keep(start + hour, ...late);
  for (let i = 0; i < told.length; i++)
    for (const query of [...queriesFor(i), `{ span.late = ${i} }`, `{ name = "late ${i}" }`])
      expect([query, await store.found(query)]).toEqual([query, expect.arrayContaining([`n${i}`])]);
  expect(await store.found('{ span.late = 40 }')).toEqual([]);
});

it('and lists each value once, though it came before and after', async () => {
  using home = temporaryDirectory();
  leftBefore(home.path);
  using store = opened(home.path);
  const rows = () => Number(store.db.prepare('SELECT count(*) AS n FROM tag').get()!.n);
  const before = rows();
  store.keep(start + hour, ...told);
  expect(rows()).toBe(before);
});
