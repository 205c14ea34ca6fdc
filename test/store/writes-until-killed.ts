import { writeSync } from 'node:fs';
import { openParts } from '../../src/store/opened.ts';
import { requestBytes } from '../support/spans.ts';

/** A process that stores traces, ever more, and says of each when it is stored. Arguments: the database, the first one's number. */
const [file, first] = process.argv.slice(2);
const { appender } = openParts(file, { retentionMs: 1e9, maxBytes: 64 * 1024 * 1024 });
for (let i = Number(first); ; i++) {
  const padding = 1000 + ((i * 7919) % 60_000);
  const spans = [0, 1].map((n) => ({ trace: `t${i}`, id: `${i}-${n}`, name: `n${i}`, padding }));
  appender.append(requestBytes(...spans, { trace: `t${i - 1}`, id: `late-${i}` }), Date.now());
  writeSync(1, `${i}\n`);
}
