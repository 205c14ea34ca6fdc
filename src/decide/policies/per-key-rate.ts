import type { TraceFacts } from '../../model/predicates.ts';
import { KeyTable } from '../rates/key-table.ts';
import { Limiter, limiterWords } from '../rates/limiter.ts';
import { keyOf, keyParameters, maxKeys } from './keys.ts';
import { kind } from './kind.ts';
import { limiting } from './limited.ts';
import { number, optional } from './parameters.ts';
import { per, sharedBy } from './per.ts';

/** Key and last use. */
const headWords = 2;
/** A bucket that nobody has asked for so long is full again. */
const idleSeconds = 60;

/** A bucket for each key, so that no service drowns another. */
export const perKeyRate = kind({
  type: 'per_key_rate',
  says: 'of each service, route, or whatever attributes are named, so many traces or spans a second',
  parameters: {
    traces_per_second: optional(number('traces a second of each key', 1e-3, 1e9), undefined),
    spans_per_second: optional(number('spans a second of each key; one of the two', 1e-3, 1e9), undefined),
    burst_capacity: optional(
      number('what a bucket holds; twice the rate, at least 1, where left out', 1, 1e9),
      undefined,
    ),
    ...keyParameters,
    max_keys: maxKeys(1000),
    per,
  },
  compile(values, { identity }) {
    const { traces_per_second: traces, spans_per_second: spans, max_keys: most, per: its } = values;
    const rate = traces ?? spans;
    if (rate === undefined || (traces !== undefined && spans !== undefined))
      return [{ path: [], message: 'expected either traces_per_second or spans_per_second' }];
    const burst = values.burst_capacity ?? Math.max(1, 2 * rate);
    const key = keyOf(values, { attributes: ['service.name'], shape: false, from: 'root' });
    const longIdle = Math.max(idleSeconds, Math.ceil(burst / rate));
    const entryWords = headWords + limiterWords;
    return {
      op: 'stateful',
      asked: identity,
      open: (state) => {
        const words = state.shared(identity, KeyTable.words(most, entryWords));
        const table = new KeyTable(words, 0, most, entryWords);
        const limiter = new Limiter(words, rate, burst, 1, sharedBy(state, its));
        const keys = state.keys(key);
        const tokens = (facts: TraceFacts): number => (traces === undefined ? facts.spans : 1);
        return limiting(
          (facts) => {
            const at = table.at(keys.of(facts), Math.floor(facts.now / 1000), longIdle);
            return limiter.ask(at + headWords, tokens(facts), facts.now);
          },
          (facts) => {
            const at = table.find(keys.of(facts));
            return limiter.wouldPass(at < 0 ? at : at + headWords, tokens(facts), facts.now);
          },
        );
      },
    };
  },
});
