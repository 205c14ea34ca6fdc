import * as v from 'valibot';
import { block, count, expected, list, mapOf, scalar, someOf, text } from '../options.ts';
import { compileReplacer } from '../regex/replacer.ts';
import { isBlock, show } from '../units.ts';
import { type BuiltInName, builtInRules, defaultRules } from './default-rules.ts';
import type { RedactRule } from './rule.ts';

export type { RedactRule } from './rule.ts';

const builtIns = ['default', ...Object.keys(builtInRules)];

const keys = someOf(text(/./, 'an attribute key, * for anything'));
const parameters = someOf(text(/^[\w*-]+$/, 'a parameter name of letters, digits, "_" and "-", * for anything'));
const pattern = v.custom<string>(
  (input) => whyNot(input) === '',
  ({ input }) => whyNot(input),
);
const yes = v.literal(true, expected('true, or no such key'));

const rule = v.pipe(
  block({
    name: text(/^[A-Za-z][\w.-]{0,63}$/, 'a name of letters, digits, "_", "-" and ".": the label of its counter'),
    keys: v.pipe(v.optional(keys), v.description('attributes whose whole value is hidden')),
    keep: v.pipe(v.optional(keys), v.description('attributes that no rule touches')),
    query: v.pipe(v.optional(parameters), v.description('names in name=value whose value is hidden')),
    userinfo: v.pipe(v.optional(yes), v.description('hide user:password@ in URLs')),
    pattern: v.pipe(
      v.optional(pattern),
      v.description('what to hide in any text, a regular expression with RE2 syntax'),
    ),
    contains: v.pipe(
      v.optional(someOf(text(/^.{3,}$/s, 'at least 3 characters'))),
      v.description('texts one of which every match has'),
    ),
    luhn: v.pipe(v.optional(yes), v.description('a match counts only when its digits pass the Luhn check')),
  }),
  v.check(
    (raw) => Boolean(raw.keys || raw.keep || raw.query || raw.userinfo || raw.pattern),
    'hides nothing: expected one of keys, keep, query, userinfo, pattern',
  ),
  v.check(
    (raw) => Boolean(raw.pattern || !(raw.contains || raw.luhn)),
    'contains and luhn belong to a pattern, and there is none',
  ),
  v.transform((raw): readonly RedactRule[] => [raw as RedactRule]),
);

const builtIn = scalar(
  `a rule, or the name of a built-in one: ${builtIns.join(', ')}`,
  (input): readonly RedactRule[] | undefined => {
    if (input === 'default') return defaultRules;
    return Object.hasOwn(builtInRules, String(input)) ? [builtInRules[input as BuiltInName]] : undefined;
  },
);

/**
 * `redact:`. Rules, and names of built-in ones; `default` stands for the default list, which alone applies where
 * nothing is said.
 */
export const redactOptions = v.pipe(
  v.optional(list(v.lazy((entry) => (isBlock(entry) ? rule : builtIn))), ['default']),
  v.transform((entries): readonly RedactRule[] => entries.flat()),
);

const attribute = v.union(
  [v.string(), v.pipe(v.number(), v.finite()), v.boolean()],
  expected('text, a number, true or false'),
);

const inPod = '/var/run/secrets/kubernetes.io/serviceaccount';
const file = text(/./, 'a file name');
const names = list(text(/./, 'a name'));

const kubernetes = v.pipe(
  block({
    address: v.pipe(
      v.optional(
        text(/^https?:\/\/[^/\s]+$/, 'a URL such as https://kubernetes.default.svc'),
        'https://kubernetes.default.svc',
      ),
      v.description(
        'of the API server, which is asked for pods; resources that name theirs by k8s.pod.uid or k8s.pod.ip get its k8s.* attributes',
      ),
    ),
    token_file: v.pipe(v.optional(file, `${inPod}/token`), v.description('read again for every request')),
    ca_file: v.pipe(v.optional(file, `${inPod}/ca.crt`), v.description('PEM of the authority that vouches for it')),
    node: v.pipe(
      v.optional(text(/^[a-z0-9.-]*$/, "a node's name"), ''),
      v.description('only pods of this node; empty: of all'),
    ),
    labels: v.pipe(v.optional(names, []), v.description('labels of pods that become k8s.pod.label.NAME')),
    annotations: v.pipe(v.optional(names, []), v.description('annotations that become k8s.pod.annotation.NAME')),
    by_connection: v.pipe(
      v.optional(v.boolean(expected('true or false')), false),
      v.description(
        'resources that name no pod are of the one from whose address their request comes; not where a proxy or a Collector in a pod is between',
      ),
    ),
    max_pods: v.pipe(
      v.optional(count(1, 200_000), 20_000),
      v.description('so many are known, by some 2 kB each and shard; others are left out'),
    ),
  }),
  v.transform(({ token_file, ca_file, max_pods, by_connection, ...rest }) => ({
    ...rest,
    byConnection: by_connection,
    tokenFile: token_file,
    caFile: ca_file,
    maxPods: max_pods,
  })),
);

/** `enrich:`. */
export const enrichOptions = block({
  resource: v.pipe(
    v.optional(mapOf(attribute), {}),
    v.description(
      'resource attributes added to kept traces, by an agent to all that it brings, where absent; an empty text adds nothing',
    ),
  ),
  set: v.pipe(
    v.optional(mapOf(attribute), {}),
    v.description('resource attributes written whether present or not; an empty text writes nothing'),
  ),
  kubernetes: v.optional(kubernetes),
});

export type KubernetesConfig = v.InferOutput<typeof kubernetes>;

function whyNot(pattern: unknown): string {
  if (typeof pattern !== 'string') return `${show(pattern)}: expected a regular expression`;
  const compiled = compileReplacer(pattern);
  if ('problem' in compiled)
    return `${show(pattern)}: not a regular expression: ${compiled.problem} (character ${compiled.at + 1})`;
  return compiled.matchesEmpty ? `${show(pattern)}: matches the empty text` : '';
}
