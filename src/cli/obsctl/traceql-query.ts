import { parseDuration } from '../../traceql/duration.ts';
import { CommandError, exit } from '../exit.ts';

export interface QueryFlags {
  readonly service?: string | undefined;
  readonly route?: string | undefined;
  readonly status?: string | undefined;
  readonly minDuration?: string | undefined;
  readonly maxDuration?: string | undefined;
  readonly attr?: readonly string[] | undefined;
}

/**
 * The flags of `trace find` as one TraceQL spanset filter: what one span of the trace must be. Without flags: `{ }`.
 * It uses only what Tempo 2 and 3 and the embedded store all run (TraceQL, "Construct a TraceQL query").
 */
export function compileQuery(flags: QueryFlags): string {
  const conditions = [
    ...(flags.service === undefined ? [] : [`resource.service.name = ${quote(flags.service)}`]),
    ...(flags.route === undefined ? [] : [routeCondition(flags.route)]),
    ...(flags.status === undefined ? [] : [`status = ${status(flags.status)}`]),
    ...(flags.minDuration === undefined ? [] : [`duration > ${duration(flags.minDuration, '--min-duration')}`]),
    ...(flags.maxDuration === undefined ? [] : [`duration < ${duration(flags.maxDuration, '--max-duration')}`]),
    ...(flags.attr ?? []).map(attributeCondition),
  ];
  return conditions.length === 0 ? '{ }' : `{ ${conditions.join(' && ')} }`;
}

/** A TraceQL string is a Go string: JSON's escapes are among Go's. */
const quote = (text: string): string => JSON.stringify(text.toWellFormed());

/**
 * The route as a framework names it, or the path of the request, which older conventions keep together with its query
 * (`http.target`) and clients and proxies inside a whole URL. `/prefix/*` stands for the prefix and all below it, as in
 * the rules.
 */
function routeCondition(route: string): string {
  const below = route.endsWith('/*');
  const path = below ? `${literal(route.slice(0, -2))}(/.*)?` : literal(route);
  const same = below ? `=~ ${quote(`^${path}$`)}` : `= ${quote(route)}`;
  const target = quote(`^${path}([?].*)?$`);
  const url = quote(`^[a-z]+://[^/]+${path}([?#].*)?$`);
  return `(span.http.route ${same} || span.url.path ${same} || span.http.target =~ ${target} || span.http.url =~ ${url} || span.url.full =~ ${url})`;
}

/** Text that stands for itself in a regular expression; classes rather than backslashes, which a string doubles. */
const literal = (text: string): string =>
  text.replace(/[.+*?(){}$|[\]\\^]/g, (it) => ('[]\\^'.includes(it) ? `\\${it}` : `[${it}]`));

function status(text: string): string {
  const name = text.toLowerCase();
  if (name !== 'error' && name !== 'ok' && name !== 'unset')
    throw usage(`--status ${text}: expected error, ok or unset`);
  return name;
}

function duration(text: string, flag: string): string {
  if (parseDuration(text) === undefined || text === '0')
    throw usage(`${flag} ${text}: expected a duration such as 500ms or 1.5s`);
  return text;
}

const scoped = /^(resource|span|event|link|instrumentation)?\.(.+)$/;

/**
 * `k=v`; without a scope the key is looked for on the span and on its resource. A number also finds itself as a string,
 * as Envoy writes it.
 */
function attributeCondition(text: string): string {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined) throw usage(`--attr ${text}: expected key=value, e.g. http.response.status_code=503`);
  const field = attributeField(key.trim());
  const typed = /^(true|false|-?(0|[1-9]\d{0,17})(\.\d+)?)$/.test(value);
  return typed ? `(${field} = ${value} || ${field} = ${quote(value)})` : `${field} = ${quote(value)}`;
}

function attributeField(key: string): string {
  const [, scope = '', name = key] = scoped.exec(key) ?? [];
  return `${scope}.${/^[^\d\s{}()=~!<>&|^,"`\\][^\s{}()=~!<>&|^,"`\\]*$/.test(name) ? name : quote(name)}`;
}

const usage = (message: string): CommandError => new CommandError(message, exit.usage);
