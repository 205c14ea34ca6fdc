import { z } from 'zod';
import { block, list, mapOf, show, text } from '../options.ts';
import { type BuiltInName, builtInRules, defaultRules } from './default-rules.ts';
import { compilePattern, type RedactRule } from './rule.ts';

export type { RedactRule } from './rule.ts';

const builtIns = ['default', ...Object.keys(builtInRules)];

const keys = list(text(/./, 'an attribute key, * for anything')).min(1);
const parameters = list(text(/^[\w*-]+$/, 'a parameter name of letters, digits, "_" and "-", * for anything')).min(1);
const pattern = z.unknown().transform((input, context): string => {
  const wrong = typeof input === 'string' ? whyNot(input) : `${show(input)}: expected a regular expression`;
  if (wrong === '') return input as string;
  context.issues.push({ code: 'custom', message: wrong, input });
  return z.NEVER;
});

const rule = block({
  name: text(/^[A-Za-z][\w.-]{0,63}$/, 'a name of letters, digits, "_", "-" and ".": the label of its counter'),
  keys: keys.optional().describe('attributes whose whole value is hidden'),
  keep: keys.optional().describe('attributes that no rule touches'),
  query: parameters.optional().describe('names in name=value whose value is hidden'),
  userinfo: z.literal(true).optional().describe('hide user:password@ in URLs'),
  pattern: pattern.optional().describe('what to hide in any text, a JavaScript regular expression'),
  contains: list(text(/^.{3,}$/s, 'at least 3 characters'))
    .min(1)
    .optional()
    .describe('texts one of which every match has'),
  luhn: z.literal(true).optional().describe('a match counts only when its digits pass the Luhn check'),
}).superRefine((raw, context) => {
  if (!raw.keys && !raw.keep && !raw.query && !raw.userinfo && !raw.pattern) {
    context.addIssue({
      code: 'custom',
      message: 'hides nothing: expected one of keys, keep, query, userinfo, pattern',
    });
  }
  if (!raw.pattern && (raw.contains || raw.luhn)) {
    context.addIssue({ code: 'custom', message: 'contains and luhn belong to a pattern, and there is none' });
  }
});

const builtIn = z.unknown().transform((input, context): readonly RedactRule[] => {
  if (input === 'default') return defaultRules;
  if (typeof input === 'string' && input in builtInRules) return [builtInRules[input as BuiltInName]];
  context.issues.push({
    code: 'custom',
    message: `${show(input)}: expected a rule, or the name of a built-in one: ${builtIns.join(', ')}`,
    input,
  });
  return z.NEVER;
});

// Not a union: its errors would not say which of the two forms was meant.
const entry = z.unknown().transform((input, context): readonly RedactRule[] => {
  const parsed = typeof input === 'object' && input !== null ? rule.safeParse(input) : builtIn.safeParse(input);
  if (parsed.success) return Array.isArray(parsed.data) ? parsed.data : [parsed.data as RedactRule];
  for (const issue of parsed.error.issues) context.issues.push({ ...issue, input } as (typeof context.issues)[number]);
  return z.NEVER;
});

/** `redact:`. Rules, and names of built-in ones; `default` stands for the default list, which alone applies where nothing is said. */
export const redactOptions = list(entry)
  .prefault(['default'])
  .transform((entries): readonly RedactRule[] => entries.flat());

const attribute = z.union([z.string(), z.number(), z.boolean()], { error: 'expected text, a number, true or false' });

/** `enrich:`. */
export const enrichOptions = block({
  resource: mapOf(attribute).prefault({}).describe('resource attributes added to kept traces where absent'),
  set: mapOf(attribute).prefault({}).describe('resource attributes written whether present or not'),
});

export type EnrichConfig = z.output<typeof enrichOptions>;

function whyNot(pattern: string): string {
  try {
    return compilePattern(pattern).test('') ? `${show(pattern)}: matches the empty text` : '';
  } catch (error) {
    return `${show(pattern)}: not a regular expression: ${(error as Error).message}`;
  }
}
