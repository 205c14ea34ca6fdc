import { anchors as named } from './name-table.ts';
import type { RedactRule } from './rule.ts';
import { schemelessAnchors } from './userinfo.ts';

/** Shorter ones would be found everywhere; `Suspects` looks at windows of this many bytes. */
export const minAnchorBytes = 3;

/** What bytes must hold for a rule to find anything in them. */
export interface Anchors {
  /** One of these texts, in any case, … */
  readonly texts: readonly string[];
  /** … or a URL with a user, … */
  readonly userinfo: boolean;
  /** … or a run of digits as long as a card number, … */
  readonly digits: boolean;
  /** … or anything at all: some rule has no anchor. */
  readonly always: boolean;
}

export function anchorsOf(rules: readonly RedactRule[]): Anchors {
  const found = rules.flatMap(ruleAnchors);
  const texts = found.filter((anchor) => anchor !== null).map(lowerAscii);
  return {
    texts: [...new Set(texts)].filter((text, _, all) => !all.some((other) => other !== text && text.includes(other))),
    userinfo: rules.some((rule) => rule.userinfo),
    digits: rules.some((rule) => rule.luhn),
    always: found.includes(null),
  };
}

/** null stands for: no anchor. */
function ruleAnchors(rule: RedactRule): (string | null)[] {
  return [
    ...wordAnchors(rule),
    ...(rule.userinfo ? schemelessAnchors : []),
    ...(rule.keys ?? []).flatMap(globAnchors),
    ...(rule.query ?? []).flatMap(parameterAnchors),
    ...((rule.pattern ?? rule.expression) === undefined || rule.luhn
      ? []
      : (rule.contains ?? [null]).map((text) => (text === null ? null : long(text)))),
  ];
}

function globAnchors(glob: string): (string | null)[] {
  const longest = glob.split(/[*\P{ASCII}]/u).reduce((best, piece) => (piece.length > best.length ? piece : best));
  return spellings(longest).map(long);
}

/** What may stand behind a name: a separator, raw or encoded, a blank, a bracket or a quote. */
const behindNames = ['=', '%', ' ', '\t', ']', '"', "'", '\\', ':'];

function parameterAnchors(name: string): (string | null)[] {
  if (name.endsWith('*')) return globAnchors(name);
  const last = name.slice(name.lastIndexOf('*') + 1);
  return spellings(last).flatMap((spelling) => behindNames.map((behind) => long(spelling + behind)));
}

function wordAnchors({ words }: RedactRule): readonly string[] {
  if (words === undefined) return [];
  return words === 'headers'
    ? named.headers
    : words === 'keys'
      ? named.keys
      : [...named.keys, ...named.headers, ...named.values];
}

/** `api_key` → api_key, api-key, apikey; of a name with more separators, only the longest word. */
function spellings(name: string): string[] {
  const words = name.split(/[-_]/);
  if (words.length > 2) return [words.reduce((best, word) => (word.length > best.length ? word : best))];
  return words.reduce<string[]>(
    (all, word, i) =>
      i === 0 ? [word] : all.flatMap((start) => ['', '-', '_'].map((between) => start + between + word)),
    [],
  );
}

const lowerAscii = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const long = (text: string): string | null => (new TextEncoder().encode(text).length >= minAnchorBytes ? text : null);
