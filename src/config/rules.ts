import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { whyUnknown } from '../decide/policies/index.ts';
import { routePattern } from '../decide/policies/route.ts';
import type { Problem, RulesDocument } from '../model/rules.ts';
import { block, expected, fields, list, mapOf, oneOf, ownNames, text } from '../options.ts';
import { isBlock } from '../units.ts';
import { type CollectorBlock, collectorBlock, knobsOff } from './collector-rules.ts';
import { problemsOf, readYaml, told, type YamlText } from './document.ts';

/** What a source says: fields present there, and its own words for where a problem lies. */
export interface RulesLayer {
  readonly fields: Partial<RulesDocument>;
  /** What stands in it and is no rule, each with what becomes of it: a line each. */
  readonly notes?: readonly string[];
  report(problems: readonly Problem[]): readonly string[];
}

export type LayerResult = { readonly layer: RulesLayer } | { readonly errors: readonly string[] };

/** A share in per cent. */
export const percent = v.custom<number>(
  (input) => typeof input === 'number' && input >= 0 && input <= 100,
  expected('a number from 0 to 100'),
);
const perEnvironment = mapOf(percent);
const notAShare = v.never(expected('a percentage from 0 to 100, a block of environment: percentage, or null'));
/** Each form tells its own mistakes. */
const share = v.lazy((input) => (typeof input === 'number' ? percent : isBlock(input) ? perEnvironment : notAShare));

const code = oneOf('ERROR', 'OK', 'UNSET');
const route = text(routePattern, 'a path such as /login, or /prefix/*');
const milliseconds = v.pipe(
  v.number(expected('milliseconds as a number, such as 500, or null')),
  v.check((ms) => ms >= 0 && ms < Number.POSITIVE_INFINITY, expected('0 or more milliseconds')),
);

/** The knobs are policies of these names. */
const policyName = text(
  /^(?!(debug|errors|slow|routes|baseline|none|overload|rescue|keep:id|keep:query|keep:archive)$)(?=.*\S)\P{C}{1,128}$/u,
  'a name of at most 128 characters, but not debug, errors, slow, routes, baseline, none, overload, rescue, keep:id, keep:query or keep:archive',
);
/** Where the knobs are off, their names are free. */
const foreignName = text(
  /^(?!(debug|none|overload)$)(?=.*\S)\P{C}{1,128}$/u,
  'a name of at most 128 characters, but not debug, none or overload',
);

/** What its type asks for, decide/compile.ts knows. */
const policiesNamed = (name: typeof policyName) =>
  v.pipe(
    list(
      fields(
        { name, type: text(/\S/, 'a policy type, such as latency or string_attribute') },
        () => v.unknown(),
        expected('a policy: a block with name and type'),
      ),
    ),
    ownNames('is taken by a policy above'),
  );
const policies = policiesNamed(policyName);
const foreignPolicies = policiesNamed(foreignName);

const late = block({
  rescue: v.optional(v.boolean(expected('true or false')), false),
});

const commonFields = {
  baseline_percent: v.nullable(share),
  latency_threshold_ms: v.nullable(milliseconds),
  error_status_codes: v.nullable(list(code)),
  routes: v.nullable(list(route)),
  debug: v.nullable(v.boolean(expected('true or false'))),
  late,
  policies,
  shadow: policies,
};

const someOf = (fields: Readonly<Record<string, v.GenericSchema>>) =>
  block(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, v.optional<v.GenericSchema>(field)])));

/** Each field as a document of one line or more may write it; docs/rules.md says what it means. */
export const ruleFields = { ...commonFields, tenants: mapOf(someOf(commonFields)) };

const document = someOf(ruleFields);

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

/** What a rules document may have where nobody says otherwise. */
const usualMaxBytes = 256 * 1024;

/** What to say of one that is missing. */
export const noRulesFile =
  'there is no such rules file: rules.file in the boot file names it, TAILGATE_RULES with the one that is shipped';

/** A rules file's text. An empty one is an error: it is more often half a write than the wish for the defaults. */
export function parseRules(text: string, name: string, maxBytes = usualMaxBytes): LayerResult {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) return { errors: [`${name}: ${bytes} bytes: expected at most ${maxBytes} (rules.max_bytes)`] };
  const yaml = readYaml(text, name);
  if (yaml.errors.length > 0) return { errors: told(yaml.errors) };
  if (yaml.value === null) return { errors: [`${name}:1: empty: expected rules; write {} for the defaults`] };
  const pasted = collectorBlock(yaml.value);
  if (pasted) return pastedLayer(pasted, yaml);
  const parsed = v.safeParse(document, yaml.value);
  if (parsed.success) return { layer: { fields: parsed.output as Partial<RulesDocument>, report: yaml.report } };
  const types = isBlock(yaml.value) ? unknownTypes(yaml.value.policies) : [];
  return { errors: told(yaml.report([...problemsOf(parsed.issues), ...types])) };
}

/** The Collector's policies alone; problems are told where they stand in its text. */
function pastedLayer({ path, policies, notes, problems }: CollectorBlock, yaml: YamlText): LayerResult {
  const inBlock = (found: readonly Problem[]) => found.map((each) => ({ ...each, path: [...path, ...each.path] }));
  const inList = (found: readonly Problem[]) =>
    inBlock(found.map((each) => ({ ...each, path: ['policies', ...each.path] })));
  const parsed = v.safeParse(foreignPolicies, policies);
  if (!parsed.success)
    problems = [...problems, ...inList(problemsOf(parsed.issues)), ...inBlock(unknownTypes(policies))];
  if (problems.length > 0) return { errors: told(yaml.report(problems)) };
  const fields = { ...knobsOff, policies: parsed.output as RulesDocument['policies'] };
  return { layer: { fields, notes: told(notes), report: (found) => yaml.report(inBlock(found)) } };
}

/** Found when the rules are compiled, which those with mistakes of form are not: told together with them. */
function unknownTypes(policies: unknown): Problem[] {
  if (!Array.isArray(policies)) return [];
  return policies.flatMap((policy: unknown, index) => {
    const type = isBlock(policy) ? policy.type : undefined;
    const message = typeof type === 'string' && /\S/.test(type) ? whyUnknown(type) : '';
    return message === '' ? [] : [{ path: ['policies', index, 'type'], message }];
  });
}

/**
 * The layers as one document: a field of a later layer counts, and problems are told in the words of the layer they
 * come from.
 */
export function mergeLayers(layers: readonly RulesLayer[]): {
  document: RulesDocument;
  notes: readonly string[];
  report: RulesLayer['report'];
} {
  const document = Object.assign({ ...defaultRules }, ...layers.map((layer) => layer.fields)) as RulesDocument;
  const owner = ({ path }: Problem) =>
    layers.findLast((layer) => Object.hasOwn(layer.fields, String(path[0]))) ?? layers[0];
  return {
    document,
    notes: layers.flatMap(({ notes }) => notes ?? []),
    report: (problems) =>
      told(layers.flatMap((layer) => layer.report(problems.filter((problem) => owner(problem) === layer)))),
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
