import { compiled, scanning } from './policies.ts';
import { inTurns, print } from './turns.ts';

const regex = '^/api/v[0-9]+/items';

/** What a condition adds to the scan of a span that has the attribute in question. */
const policies: readonly (readonly [name: string, type: string, block: object])[] = [
  ['string_attribute: one text', 'string_attribute', { key: 'url.path', values: ['/nowhere'] }],
  ['string_attribute: a regex', 'string_attribute', { key: 'url.path', values: [regex], enabled_regex_matching: true }],
  ['ottl: attribute == "…"', 'ottl_condition', { span: ['attributes["url.path"] == "/nowhere"'] }],
  ['ottl: and of two attributes', 'ottl_condition', { span: ['attributes["url.path"] == "/x" and name == "y"'] }],
  ['ottl: IsMatch, a text', 'ottl_condition', { span: ['IsMatch(attributes["url.path"], "nowhere")'] }],
  ['ottl: IsMatch, a regex', 'ottl_condition', { span: [`IsMatch(attributes["url.path"], "${regex}")`] }],
  ['ottl: HasPrefix', 'ottl_condition', { span: ['HasPrefix(attributes["url.path"], "/nowhere")'] }],
  ['ottl: two paths compared', 'ottl_condition', { span: ['attributes["url.path"] == attributes["http.route"]'] }],
  ['ottl: a path and one of the resource', 'ottl_condition', { span: ['name == resource.attributes["service.name"]'] }],
];

/** The scan with the seed rules, then with one policy more, in turns: what each adds to a span. */
export function reportExpressions(): void {
  const [seed, ...others] = inTurns([
    scanning(compiled()),
    ...policies.map(([, type, block]) => scanning(compiled({ policies: [{ name: 'it', type, [type]: block }] }))),
  ]);
  print('scan: seed rules; a span', seed);
  policies.forEach(([name], i) => {
    print(`scan: ${name} adds`, others[i] - seed);
  });
}

if (import.meta.main) reportExpressions();
