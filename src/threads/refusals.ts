import { defaultRules } from '../enrich/default-rules.ts';
import { mask } from '../enrich/rule.ts';
import { textRules } from '../enrich/text-rules.ts';
import { nameTenant, type RefusedExample, type RefusedSum } from '../model/refused.ts';
import type { Refused } from '../receive/receiver.ts';
import { SumsByCause } from '../telemetry/sums-by-cause.ts';

/** How often a shard tells of one reason. The log says it less often, of all shards together. */
const tellEveryMs = 1_000;
const maxMessageChars = 300;
/** Beyond it no message is looked through for secrets: rules take up to the square of its length. */
const maxSearchedChars = 1_024;

/** With where it came in, or wanted to. */
export type RefusedAt = Refused & Pick<RefusedExample, 'port'> & Pick<RefusedSum, 'what'>;

/** Sums up what a shard refuses: `tell` has the first of each reason at once, and then each second what came. */
export function sumRefusals(
  tell: (sum: RefusedSum) => void,
  after = (run: () => void): void => void setTimeout(run, tellEveryMs).unref(),
): SumsByCause<RefusedAt, RefusedSum> {
  return new SumsByCause({ begin, add, tell, after });
}

/** The first one is the example, so that of a flood only that one is looked at. */
function begin({ reason, what, message, port, peer, ...counts }: RefusedAt): RefusedSum {
  // What is said to strangers quotes nothing, and names what secrets stand behind.
  const said = reason === 'unauthenticated' ? message : sayable(message);
  const example = { port, address: peer?.address ?? '', message: said };
  const sum: RefusedSum = { reason, what, requests: 0, bytes: 0, spans: 0, tenants: new Set(), example };
  add(sum, counts);
  return sum;
}

function add(sum: RefusedSum, { bytes, spans, tenant }: Pick<Refused, 'bytes' | 'spans' | 'tenant'>): void {
  sum.requests++;
  sum.bytes += bytes;
  sum.spans += spans;
  nameTenant(sum, tenant);
}

const secretsInTexts = textRules(defaultRules);
/** A key of no known form, in a header or path: nobody needs it to find the sender. Names of pods have dashes. */
const longWord = /\b(?=[A-Za-z_]*\d)(?=\d*[A-Za-z_])[A-Za-z0-9_]{20,}\b/g;
const quotedText = /"(?:[^"\\]|\\.)*"?/g;

/**
 * What the sender was told, for the log, where others read it: without what is quoted of a body, which may be of a
 * secret any part, and without what looks like one in a path or a header's value.
 */
export function sayable(message: string): string {
  let text = message.slice(0, maxSearchedChars).replace(quotedText, '"…"');
  for (const rule of secretsInTexts) text = rule.apply(text, () => {});
  text = text.replace(longWord, mask);
  if (text.length > maxMessageChars) return `${text.slice(0, maxMessageChars)}…`;
  // A secret that was cut in its middle matches no rule.
  return message.length > maxSearchedChars ? text.replace(/\S*$/, '…') : text;
}
