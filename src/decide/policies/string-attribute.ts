import type { ValueTest } from '../../model/predicates.ts';
import type { Problem } from '../../model/rules.ts';
import { compileRegex, isProblem, type Regex } from '../../regex/regex.ts';
import { readAnyValue, valueEnd, valueKind, valueStart } from '../../wire/any-value-at.ts';
import { AnyValue } from '../../wire/otlp.ts';
import { ofSpanOrResource, someOrNone } from './attribute.ts';
import { kind } from './kind.ts';
import { bool, optional, string, strings, whole } from './parameters.ts';

/** An empty value matches nothing, as in the Collector: it has them for attributes that are not there. */
export const stringAttribute = kind({
  type: 'string_attribute',
  says: 'traces in which this attribute of a span or its resource is one of these texts',
  parameters: {
    key: string('the attribute'),
    values: strings('the texts; upper and lower case differ'),
    enabled_regex_matching: optional(
      bool('`values` are regular expressions with the syntax of RE2, found anywhere in the text unless anchored'),
      false,
    ),
    cache_max_size: optional(whole("the Collector's cache of results; not needed here"), 0),
    invert_match: optional(bool('traces in which no span has such a text'), false),
  },
  compile: ({ key, values, enabled_regex_matching: isRegex, invert_match: none }) => {
    const is = isRegex ? matchesOne(values) : isOneOf(values);
    return 'is' in is ? someOrNone(ofSpanOrResource(key, is), none) : is;
  },
});

function isOneOf(values: readonly string[]): ValueTest | readonly Problem[] {
  const texts = values.filter((value) => value !== '');
  if (texts.length > 0) return { is: 'string', values: texts };
  return [{ path: ['values'], message: 'expected at least one text that is not empty' }];
}

function matchesOne(patterns: readonly string[]): ValueTest | readonly Problem[] {
  const compiled = patterns.map(compileRegex);
  const problems = compiled.flatMap((each, index): Problem[] =>
    isProblem(each) ? [{ path: ['values', index], message: `${each.problem} (character ${each.at + 1})` }] : [],
  );
  if (problems.length > 0) return problems;
  const regexes = compiled as readonly Regex[];
  const test = (buf: Uint8Array, start: number, end: number): boolean => {
    readAnyValue(buf, start, end);
    if (valueKind !== AnyValue.string || valueStart === valueEnd) return false;
    const [from, to] = [valueStart, valueEnd];
    for (const regex of regexes) if (regex.test(buf, from, to)) return true;
    return false;
  };
  return { is: 'asked', asked: `matches ${JSON.stringify(patterns)}`, test };
}
