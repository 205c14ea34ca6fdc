import type { Field, Query } from '../traceql/ast.ts';
import { TraceQLError } from '../traceql/error.ts';
import { parseField, parseQuery } from '../traceql/parse.ts';
import { BadRequest } from './bad-request.ts';
import type { Pace } from './pace.ts';
import { parseWindow } from './search-request.ts';
import { type AskedTags, attributeScopes } from './tags.ts';

/** The parameters of a question for tags or values. What Tempo takes for nothing (`limit=x`) is nothing here. Throws BadRequest. */
export function parseTagRequest(params: URLSearchParams, pace: Pace): AskedTags {
  return {
    filter: filterOf(params),
    window: parseWindow(params),
    limit: count(params, 'limit') || Number.MAX_SAFE_INTEGER,
    maxStaleValues: count(params, 'maxStaleValues'),
    pace,
  };
}

const count = (params: URLSearchParams, name: string): number => {
  const text = params.get(name) ?? '';
  return /^\d{1,10}$/.test(text) ? Number(text) : 0;
};

/** Which scopes `scope` asks for; throws BadRequest for one there is not. */
export function parseScopes(params: URLSearchParams) {
  const wanted = params.get('scope') ?? '';
  const all = wanted === '' || wanted === 'none';
  const attributes = attributeScopes.filter((scope) => all || scope === wanted);
  if (attributes.length === 0 && wanted !== 'intrinsic')
    throw new BadRequest(`invalid scope: ${wanted.slice(0, 40)}: there are ${attributeScopes.join(', ')}, intrinsic`);
  return { attributes, hasIntrinsics: all || wanted === 'intrinsic', isIntrinsicOnly: wanted === 'intrinsic' };
}

/** A filter that does not parse is none, as in Tempo: completion asks while the query is being typed. */
function filterOf(params: URLSearchParams): Query | undefined {
  const q = params.get('q') ?? '';
  if (q === '' || q.replaceAll(/\s/g, '') === '{}') return undefined;
  try {
    return parseQuery(q);
  } catch {
    return undefined;
  }
}

/** What version 1 lists beside an attribute's values, for a search by tags. */
export function virtualValues(tag: string): string[] {
  if (tag === 'status.code') return ['error', 'ok', 'unset'];
  return tag === 'error' ? ['true'] : [];
}

export function traceQLField(tag: string): Field {
  try {
    return parseField(tag);
  } catch (error) {
    if (error instanceof TraceQLError) throw new BadRequest(`please provide a valid tagName: ${error.message}`);
    throw error;
  }
}
