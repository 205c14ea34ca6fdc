import type { RulesReading, RulesTexts } from '../config/rules-reading.ts';
import { aside } from './aside.ts';
import type { CheckedRules, RulesSetting } from './checking-rules.ts';

/** Rules that were in force before must be read on a machine that is short of CPU, too. */
const longestMs = 60_000;

/** Plain values, for a thread. */
export interface RulesAsked {
  readonly texts: RulesTexts;
  readonly place: RulesSetting;
}

/** Reads and checks rules in a thread of their own, since this one may be the path's. Rejects when `over` is aborted. */
export const readRulesAside = (asked: RulesAsked, over: AbortSignal): Promise<RulesReading<CheckedRules>> =>
  aside<RulesReading<CheckedRules>>('rules-thread', asked, { longestMs, over });
