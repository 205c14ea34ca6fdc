import { AnyValue, KeyValue, ListValue } from '../wire/otlp.ts';
import type { Reader } from '../wire/reader.ts';
import { keyOf } from './attributes.ts';
import type { RuleOf } from './key-rules.ts';

/**
 * Which items of an ArrayValue are secrets because of the item before: "--password" says it of the next one,
 * "x-api-key" of the other one of two. By item the rule that hides it, '' for none.
 */
export function secretItems(r: Reader, ruleOf: RuleOf): string[] {
  const items: string[] = [];
  for (; r.next(); ) {
    if (r.field === ListValue.values && r.wireType === 2) items.push(stringOf(r.message()));
    else r.skip();
  }
  return items.map((item, i) => {
    const before = i > 0 ? items[i - 1] : '';
    if (before.startsWith('-'))
      return item.startsWith('-') || before.includes('=') ? '' : (ruleOf(before.replace(/^-+/, '')) ?? '');
    const pair = items.length === 2 && i === 1 && /^(?:[\w-]+-[\w-]+|authorization|cookie)$/i.test(before);
    return pair && !/^[a-z]+(?:-[a-z]+)*$/i.test(item) ? (ruleOf(before) ?? '') : '';
  });
}

/** Of a KeyValueList with `name: DB_PASSWORD` in it the rule that hides its `value`, '' for none. */
export function valueRule(r: Reader, ruleOf: RuleOf): string {
  let rule = '';
  let pairs = 0;
  for (; r.next(); ) {
    if (r.field !== ListValue.values || r.wireType !== 2) {
      r.skip();
      continue;
    }
    const entry = r.message();
    const start = entry.pos;
    const key = keyOf(entry);
    if (isValueKey(key)) pairs++;
    if (!/^(?:name|key|header)$/i.test(key)) continue;
    for (entry.pos = start; entry.next(); ) {
      if (entry.field === KeyValue.value && entry.wireType === 2) rule = ruleOf(stringOf(entry.message())) ?? '';
      else entry.skip();
    }
  }
  return pairs > 0 ? rule : '';
}

export const isValueKey = (key: string): boolean => /^(?:value|val)$/i.test(key);

/** The string of the AnyValue under `r`, '' where it has another type or is no name. */
function stringOf(r: Reader): string {
  let text = '';
  while (r.next()) {
    if (r.field === AnyValue.string && r.wireType === 2) text = r.string().slice(0, 256);
    else r.skip();
  }
  return text;
}
