import type { Intended } from './differences.ts';

const everyRange = 'Tempo refuses more than 168 hours, and a start without an end; the store searches all that it has';
const lenient = 'tags find numbers and booleans, and texts whatever their case: as Tempo documents it';

const openRanges = ['start={long}&end={before}', 'start={before}', 'end={after}'].flatMap((range) =>
  [
    ...['/api/search/tags', '/api/v2/search/tags', '/api/search/tag/service.name/values'],
    '/api/v2/search/tag/resource.service.name/values',
  ].map((path) => [`${path}?${range}`, everyRange]),
);
const noFields = ['service.name', 'foo', '%7B%7D', 'resource.'].map((field) => [
  `/api/v2/search/tag/${field}/values`,
  'what is no field is 400; Tempo answers 500, or nothing',
]);
const tags = ['error=true', 'http.method=get', 'http.status_code=200', 'http.status_code=20'].map((each) => [
  `/api/search?tags=${each}&limit=10000`,
  lenient,
]);

/** Questions that our store answers otherwise than Tempo 2.8, on purpose: see docs/tempo-api.md. */
export const routeIntended: Intended = {
  ...Object.fromEntries([...openRanges, ...noFields, ...tags]),
  '/api/v2/search/tags?limit=1': 'so many of each scope; Tempo ends all scopes where one has so many',
  '/api/search/tag/status.code/values': 'the names; Tempo lists the numbers 0, 1 and 2 beside them, which find nothing',
  '/api/search': 'the newest first; Tempo answers with the first it finds',
  '/api/search?limit=300000': 'bounded at 262144, as in Tempo 3',
  '/api/search?q={}&limit=10000&minDuration=10ms': 'minDuration holds beside q, too',
  '/api/search?tags=status.code=bad&limit=10000': 'no such status, no trace; Tempo passes over the condition',
};
