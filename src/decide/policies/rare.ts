import type { TraceFacts } from '../../model/predicates.ts';
import { Limiter, limiterWords } from '../rates/limiter.ts';
import { RecentlySeen } from '../rates/recently-seen.ts';
import { keyOf, keyParameters } from './keys.ts';
import { kind } from './kind.ts';
import { limiting } from './limited.ts';
import { duration, number, optional, whole } from './parameters.ts';
import { per, sharedBy } from './per.ts';

const defaultKeys = 65_536;

/**
 * Keeps what was not seen lately, by default by the trace's shape: so a kind of trace never seen before is kept. Every
 * sighting counts, whoever keeps the trace. A limit stands behind it, as keys that are different each time, such as span
 * names with an id in them, would make every trace rare.
 */
export const rare = kind({
  type: 'rare',
  says: 'the first trace of its kind that a gateway decides for some time; its kind is the set of its services and span names, or what attributes are named',
  parameters: {
    not_seen_for: optional(duration('how long none of its kind came before it', 1000), 10 * 60_000),
    traces_per_second: optional(number('no more than so many of them', 1e-3, 1e6), 10),
    ...keyParameters,
    max_keys: optional(
      whole('kinds that are remembered; those not seen for longest are forgotten', 8, 1_000_000),
      defaultKeys,
    ),
    per,
  },
  compile(values, { identity }) {
    const { not_seen_for: quietMs, traces_per_second: rate, max_keys: most, per: its } = values;
    const key = keyOf(values, { attributes: [], shape: true, from: 'all' });
    return {
      op: 'stateful',
      asked: identity,
      words: `none of its kind was decided by this gateway for ${quietMs / 1000} s, and the limit has room`,
      open: (state) => {
        const seen = new RecentlySeen(state.shared(identity, RecentlySeen.words(most)), most, quietMs / 1000);
        const bucket = state.shared(`${identity}\nlimit`, limiterWords);
        const limiter = new Limiter(bucket, rate, Math.max(1, 2 * rate), 1, sharedBy(state, its));
        const keys = state.keys(key);
        // Zero is no time at all: the first second of a clock counts as the next one.
        const secondsOf = ({ now }: TraceFacts): number => Math.floor(now / 1000) + 1;
        return limiting(
          (facts) => {
            const key = keys.of(facts);
            const seconds = secondsOf(facts);
            const at = seen.placeOf(key);
            if (!seen.isNew(at, key, seconds)) {
              seen.see(at, key, seconds);
              return false;
            }
            // One that the limit refuses was not seen: the next of its kind is tried.
            return limiter.ask(0, 1, facts.now) && seen.see(at, key, seconds);
          },
          (facts) => {
            const key = keys.of(facts);
            return seen.isNew(seen.placeOf(key), key, secondsOf(facts)) && limiter.wouldPass(0, 1, facts.now);
          },
        );
      },
    };
  },
});
