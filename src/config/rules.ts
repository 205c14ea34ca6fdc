import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { PolicyDocument, Problem, RulesDocument, StatusCodeName } from '../model/rules.ts';
import { block, list, show, text } from '../options.ts';
import { problemsOf, readYaml } from './document.ts';

/** What a source says: fields present there, and its own words for where a problem lies. */
export interface RulesLayer {
  readonly fields: Partial<RulesDocument>;
  report(problems: readonly Problem[]): string[];
}

export type LayerResult = { readonly layer: RulesLayer } | { readonly errors: readonly string[] };

/** A share in per cent. */
export const percent = z
  .number({ error: (issue) => `${show(issue.input)}: expected a number from 0 to 100` })
  .min(0)
  .max(100);
const code = text(/^(ERROR|OK|UNSET)$/, 'one of ERROR, OK, UNSET') as unknown as z.ZodType<StatusCodeName>;
const route = text(/^\/([^\s*?#]*|[^\s*?#]*\/\*|\*)$/, 'a path such as /login, or /prefix/*');
const milliseconds = z
  .number({ error: (issue) => `${show(issue.input)}: expected milliseconds as a number, such as 500, or null` })
  .min(0, { error: (issue) => `${show(issue.input)}: expected 0 or more milliseconds` });

/** The knobs are policies of these names. */
const policyName = text(
  /^(?!(debug|errors|slow|routes|baseline)$).*\S/,
  'a name, but not debug, errors, slow, routes or baseline',
);

const policy = z
  .looseObject(
    { name: policyName, type: text(/\S/, 'a policy type, such as latency or string_attribute') },
    { error: (issue) => `${show(issue.input)}: expected a policy: a block with name and type` },
  )
  .transform((raw) => raw as PolicyDocument);

const policies = list(policy).superRefine((all, context) => {
  const names = all.map(({ name }) => name);
  names.forEach((name, at) => {
    const message = `"${name}" is taken by a policy above: expected a name of its own`;
    if (names.indexOf(name) !== at) context.addIssue({ code: 'custom', path: [at, 'name'], message });
  });
});

const late = block({
  rescue: z.literal(false, { error: 'expected false: true is not supported in this version' }).default(false),
});

const shadow = z.tuple([], { error: 'expected []: shadow policies are not supported in this version' });

/** Each field as a document of one line or more may write it; docs/rules.md says what it means. */
export const ruleFields = {
  baseline_percent: z.union([percent, z.record(z.string(), percent), z.null()], {
    error: (issue) =>
      `${show(issue.input)}: expected a percentage from 0 to 100, a block of environment: percentage, or null`,
  }),
  latency_threshold_ms: milliseconds.nullable(),
  error_status_codes: list(code).nullable(),
  routes: list(route).nullable(),
  debug: z.boolean({ error: (issue) => `${show(issue.input)}: expected true or false` }).nullable(),
  late,
  policies,
  shadow,
};

const document = block(
  Object.fromEntries(Object.entries(ruleFields).map(([name, field]) => [name, field.optional()])),
) as unknown as z.ZodType<Partial<RulesDocument>>;

/** What holds for a field that no source names. */
export const defaultRules: RulesDocument = {
  baseline_percent: { home: 10, staging: 5, production: 1 },
  latency_threshold_ms: 500,
  error_status_codes: ['ERROR'],
  routes: ['/login', '/upload'],
  debug: false,
  late: { rescue: false },
  policies: [],
  shadow: [],
};

/** A rules file's text. An empty one is an error: it is more often half a write than the wish for the defaults. */
export function parseRules(text: string, name: string): LayerResult {
  const yaml = readYaml(text, name);
  if (yaml.errors.length > 0) return { errors: yaml.errors };
  if (yaml.value === null) return { errors: [`${name}:1: empty: expected rules; write {} for the defaults`] };
  const parsed = document.safeParse(yaml.value);
  if (!parsed.success) return { errors: yaml.report(problemsOf(parsed.error)) };
  return { layer: { fields: parsed.data, report: yaml.report } };
}

/** The layers as one document: a field of a later layer counts, and problems are told in the words of the layer they come from. */
export function mergeLayers(layers: readonly RulesLayer[]): { document: RulesDocument; report: RulesLayer['report'] } {
  const document = Object.assign({ ...defaultRules }, ...layers.map((layer) => layer.fields)) as RulesDocument;
  const owner = ({ path }: Problem) =>
    layers.findLast((layer) => Object.hasOwn(layer.fields, String(path[0]))) ?? layers[0];
  return {
    document,
    report: (problems) =>
      layers.flatMap((layer) => layer.report(problems.filter((problem) => owner(problem) === layer))),
  };
}

/** 64 hex digits that stand for these rules in this environment, however they were written. */
export function hashOf(document: RulesDocument, environment: string): string {
  return createHash('sha256').update(canonical({ document, environment })).digest('hex');
}

/** JSON with the keys of every object in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each) =>
    each && typeof each === 'object' && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort()) : each,
  );
}
