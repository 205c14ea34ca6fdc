import { decodeRequest, type KeyValue } from '../../support/otlp.ts';
import type { DataSet } from './data-sets.ts';

/** A question of any route. What is `{so}` in the path or a parameter stands for a fact of the data set. */
export interface RouteQuestion {
  readonly path: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly accept?: string;
}

export const nameOf = ({ path, parameters = {}, accept = '' }: RouteQuestion): string => {
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
  return [path, query.length > 0 ? `?${query.join('&')}` : '', accept && ` as ${accept}`].join('');
};

/** The question as one data set is asked it. */
export function filledIn(question: RouteQuestion, facts: Readonly<Record<string, string>>): RouteQuestion {
  const fill = (text: string): string => text.replaceAll(/\{(\w+)\}/g, (all, name) => facts[name] ?? all);
  const parameters = Object.entries(question.parameters ?? {}).map(([name, value]) => [name, fill(value)]);
  return { ...question, path: fill(question.path), parameters: Object.fromEntries(parameters) };
}

/** What questions name of a data set: a trace, its service, when it was. */
export function factsOf({ requests }: DataSet): Record<string, string> {
  const all = requests.flatMap((request) => decodeRequest(request).resourceSpans ?? []);
  const { resource, scopeSpans = [] } = all.find(({ resource: of }) => serviceIn(of) !== '')!;
  const [span] = scopeSpans[0].spans ?? [];
  const second = Math.floor(Number(span.startTimeUnixNano) / 1e9);
  return {
    trace: span.traceId,
    upper: span.traceId.toUpperCase(),
    short: span.traceId.replace(/^0+/, ''),
    service: serviceIn(resource),
    name: (span.name ?? '').replaceAll(/[\\"]/g, '\\$&'),
    before: String(second - 3600),
    after: String(second + 3600),
    long: String(second - 100 * 86_400),
  };
}

const serviceIn = (resource: { readonly attributes?: KeyValue[] } | undefined): string =>
  resource?.attributes?.find(({ key }) => key === 'service.name')?.value?.stringValue ?? '';

const both = (path: string, ...parameters: Record<string, string>[]): RouteQuestion[] =>
  ['/api', '/api/v2'].flatMap((version) =>
    (parameters.length > 0 ? parameters : [{}]).map((each) => ({ path: version + path, parameters: each })),
  );

const scopes = ['', 'none', 'resource', 'span', 'event', 'link', 'instrumentation', 'intrinsic', 'parent', 'wrong'];
const valuesOf = (field: string): string => `/api/v2/search/tag/${encodeURIComponent(field)}/values`;

const noTimes: Record<string, string>[] = [
  { start: 'x' },
  { end: 'x' },
  { start: '1.5' },
  { start: ' 5' },
  { end: '99999999999' },
  { start: '5', end: '3' },
  { start: '{long}', end: '{before}' },
  { start: '{before}' },
  { end: '{after}' },
  { start: '', end: '' },
];
const limits: Record<string, string>[] = [
  { limit: '1' },
  { limit: '0' },
  { limit: 'x' },
  { limit: '-1' },
  { limit: '100000' },
  { maxStaleValues: 'x' },
  { maxStaleValues: '0' },
];

/** Asked for as they are. */
const fields = (
  'span:name status span:status kind span:kind duration span:duration traceDuration span:statusMessage trace:rootName ' +
  'trace:rootService instrumentation:version span:id span:parentID trace:id link:spanID link:traceID .missing ' +
  'event.missing resource.missing .exception.type'
).split(' ');
/** With every filter. */
const filtered = (
  'name statusMessage rootName rootServiceName event:name instrumentation:name .service.name resource.service.name ' +
  'span.http.method'
).split(' ');
const filters = [
  '',
  '{}',
  '{ true }',
  '{ resource.service.name = "{service}" }',
  '{ status = error }',
  '{ kind = server }',
  '{ duration > 10ms }',
  '{ resource.service.name = "nobody" }',
  '{ resource.service.name = "{service}" && status = error }',
  '{ resource.service.name = ',
];
const oldTags = (
  'name status kind service.name http.method http.status_code http.url status.code error root.name rootName ' +
  'root.service.name rootServiceName missing exception.type instrumentation:name statusMessage'
).split(' ');

const traces = ['{trace}', '{upper}', '{short}', 'dead', '0', 'xyz', '1'.repeat(33)].map((id) => `/traces/${id}`);
const ofTrace: Record<string, string>[] = [
  { start: 'x' },
  { end: '1.5' },
  { start: '5', end: '3' },
  { start: '5', end: '5' },
  { mode: 'wrong' },
];

const searches: Record<string, string>[] = [
  {},
  { limit: '10000' },
  { limit: '0' },
  { limit: '-1' },
  { limit: 'x' },
  { limit: '300000' },
  { q: '{}', limit: '10000', spss: '0' },
  { q: '{}', limit: '10000', spss: 'x' },
  { q: '{}', limit: '10000', spss: '101' },
  { q: '{}', limit: '10000', spss: '1' },
  { q: '{}', start: '5', end: '5' },
  { q: '{}', start: '-5', end: '{after}' },
  { q: '{}', tags: 'a=b' },
  { q: '{' },
  { q: 'x' },
  { q: '{}', minDuration: 'x' },
  { q: '{}', minDuration: '5' },
  { q: '{}', limit: '10000', minDuration: '10ms' },
  { q: '{}', minDuration: '1s', maxDuration: '1ms' },
  { minDuration: '10ms', limit: '10000' },
  { maxDuration: '10ms', limit: '10000' },
  { minDuration: '1ms', maxDuration: '1s', limit: '10000' },
  ...[
    ...['service.name={service}', 'service.name="{service}"', 'name="{name}"', 'root.name="{name}"'],
    ...['root.service.name={service}', 'status.code=error', 'status.code=ok', 'status.code=unset'],
    ...['status.code=bad', 'error=true', 'service.name=nobody', 'name=nothing', 'http.method=GET'],
    ...['http.method=get', 'http.method=GE', 'http.status_code=200', 'http.status_code=20'],
    ...['service.name={service} status.code=error', 'service.name={service} name="{name}"'],
    ...['a=b a=c', 'a="b', 'a=b=c', '"a"=b', 'a', '=b', 'a=', 'exception.type=E'],
  ].map((tags) => ({ tags, limit: '10000' })),
  { 'service.name': '{service}', limit: '10000' },
];

/** Everything but TraceQL itself. */
export const routeQuestions: Readonly<Record<string, readonly RouteQuestion[]>> = {
  'keys of tags': both(
    '/search/tags',
    ...scopes.map((scope): Record<string, string> => (scope === '' ? {} : { scope })),
  ),
  'what limits keys': both('/search/tags', ...limits, { scope: 'span', limit: '2' }, { q: '{ broken' }),
  'times of keys': both('/search/tags', ...noTimes),
  'values of version 1': oldTags.map((tag) => ({ path: `/api/search/tag/${encodeURIComponent(tag)}/values` })),
  'values of version 2': fields.map((field) => ({ path: valuesOf(field) })),
  'values with a filter': filtered.flatMap((field) =>
    filters.map((q) => ({ path: valuesOf(field), ...(q !== '' && { parameters: { q } }) })),
  ),
  'names that are no fields': ['service.name', 'foo', '{}', 'resource.'].map((field) => ({ path: valuesOf(field) })),
  'what limits values': [...limits, ...noTimes].flatMap((parameters) => [
    { path: '/api/search/tag/service.name/values', parameters },
    { path: '/api/v2/search/tag/resource.service.name/values', parameters },
  ]),
  traces: traces.flatMap((path) => both(path)),
  'traces in another form': ['/api', '/api/v2'].flatMap((version) =>
    ['application/protobuf', 'text/plain', ''].flatMap((accept) =>
      ['{trace}', 'dead'].map((id) => ({ path: `${version}/traces/${id}`, accept })),
    ),
  ),
  'parameters of traces': [
    ...both('/traces/{trace}', ...ofTrace),
    ...[{ start: '{before}', end: '{after}' }, { start: '5' }].map((parameters: Record<string, string>) => ({
      path: '/api/v2/traces/{trace}',
      parameters,
    })),
  ],
  searches: searches.map((parameters) => ({ path: '/api/search', parameters })),
  'what else Grafana asks': [
    '/api/echo',
    '/api/search/',
    '/api/search/tag//values',
    '/api/nothing',
    '/api/v2/search',
  ].map((path) => ({ path })),
};
