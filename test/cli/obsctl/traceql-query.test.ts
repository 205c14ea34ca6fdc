import { describe, expect, it } from 'vitest';
import { compileQuery, type QueryFlags } from '../../../src/cli/obsctl/traceql-query.ts';
import { compilePredicate } from '../../../src/traceql/evaluate.ts';
import { parseQuery } from '../../../src/traceql/parse.ts';

describe('the flags of trace find become one TraceQL filter', () => {
  const cases: [string, QueryFlags, string][] = [
    ['nothing asked', {}, '{ }'],
    ['a service', { service: 'logic-router' }, '{ resource.service.name = "logic-router" }'],
    [
      'service, status and duration',
      { service: 'cart', status: 'ERROR', minDuration: '500ms', maxDuration: '1.5s' },
      '{ resource.service.name = "cart" && status = error && duration > 500ms && duration < 1.5s }',
    ],
    [
      'a route, wherever conventions keep it',
      { route: '/api/v1/content' },
      '{ (span.http.route = "/api/v1/content" || span.url.path = "/api/v1/content"' +
        ' || span.http.target =~ "^/api/v1/content([?].*)?$"' +
        ' || span.http.url =~ "^[a-z]+://[^/]+/api/v1/content([?#].*)?$"' +
        ' || span.url.full =~ "^[a-z]+://[^/]+/api/v1/content([?#].*)?$") }',
    ],
    ['quotes, backslashes and line breaks', { service: 'a"b\\c\nd' }, '{ resource.service.name = "a\\"b\\\\c\\nd" }'],
    ['half a surrogate pair', { service: '\ud800' }, '{ resource.service.name = "\ufffd" }'],
    ['an attribute anywhere', { attr: ['app.shop=Nürnberg'] }, '{ .app.shop = "Nürnberg" }'],
    ['an attribute with a scope', { attr: ['resource.k8s.pod.name=web-0'] }, '{ resource.k8s.pod.name = "web-0" }'],
    ['a number, which Envoy writes as text', { attr: ['code=503'] }, '{ (.code = 503 || .code = "503") }'],
    ['true', { attr: ['span.hit=true'] }, '{ (span.hit = true || span.hit = "true") }'],
    ['a number with a leading zero', { attr: ['id=007'] }, '{ .id = "007" }'],
    ['a number beyond 64 bits', { attr: ['id=12345678901234567890'] }, '{ .id = "12345678901234567890" }'],
    ['a key that needs quotes', { attr: ['my key=1a', '7up=x'] }, '{ ."my key" = "1a" && ."7up" = "x" }'],
    ['a value with an equals sign', { attr: ['q=a=b'] }, '{ .q = "a=b" }'],
  ];
  it.each(cases)('%s', (_, flags, query) => {
    expect(compileQuery(flags)).toBe(query);
    expect(() => parseQuery(query)).not.toThrow();
  });

  it.each([
    [{ status: 'bad' }, /--status bad: expected error, ok or unset/],
    [{ minDuration: '500' }, /--min-duration 500: expected a duration/],
    [{ maxDuration: 'long' }, /--max-duration long: expected a duration/],
    [{ attr: ['no-value'] }, /--attr no-value: expected key=value/],
  ] as [QueryFlags, RegExp][])('refuses %j', (flags, message) => {
    expect(() => compileQuery(flags)).toThrow(message);
  });
});

describe('--route finds a request by any convention, and only that route', () => {
  const found = (route: string, key: string, value: string): boolean => {
    const { spansets } = parseQuery(compileQuery({ route }));
    if (spansets.type !== 'spanset') throw new Error('one spanset is expected');
    const field = (it: { type: string; key?: string }) =>
      it.type === 'attribute' && it.key === key ? value : undefined;
    return compilePredicate(spansets.filter)({ field });
  };
  it.each([
    ['/cart', 'http.route', '/cart', true],
    ['/cart', 'http.route', '/cart/items', false],
    ['/cart', 'url.path', '/cart', true],
    ['/cart', 'http.target', '/cart', true],
    ['/cart', 'http.target', '/cart?id=1', true],
    ['/cart', 'http.target', '/cartoon', false],
    ['/cart', 'http.url', 'http://shop.example:8080/cart?id=1', true],
    ['/cart', 'url.full', 'https://shop.example/cart#top', true],
    ['/cart', 'url.full', 'https://shop.example/my/cart', false],
    ['/v1.0/{id}', 'http.target', '/v1.0/{id}?x', true],
    ['/v1.0/{id}', 'http.target', '/v1x0/{id}', false],
    ['/a[b]^\\$', 'http.target', '/a[b]^\\$?x', true],
    ['/api/*', 'http.route', '/api', true],
    ['/api/*', 'url.path', '/api/v1/content', true],
    ['/api/*', 'http.target', '/api/v1?x=/y', true],
    ['/api/*', 'url.path', '/apiary', false],
    ['/*', 'url.path', '/anything', true],
  ])('%s with %s = %s: %s', (route, key, value, expected) => {
    expect(found(route, key, value)).toBe(expected);
  });
});
