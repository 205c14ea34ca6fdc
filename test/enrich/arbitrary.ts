import fc from 'fast-check';

/** Texts of every script, with secrets and near-secrets among them. */
const morsel = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom(
    ...[
      'https://u:p@h/',
      'http://h/?token=abc&x=1',
      'Password=x;Server=y',
      'user[password]=x',
      'Bearer abc123',
      'bearer ',
    ],
    ...[
      'Basic dXNlcjpwYXNz',
      'eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl',
      'AKIAIOSFODNN7EXAMPLE',
      '://',
      '@',
      '=',
      '****',
      ' ',
    ],
    ...[
      'SIG=',
      'X-Amz-Signature=1',
      '?sig=%20&',
      '--api-key=1',
      'ghp_',
      'ghp_0123456789012345678901234567890123456789',
    ],
  ),
);
const words = fc.array(morsel, { maxLength: 4 }).map((parts) => parts.join(''));
const key = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.constantFrom(
    ...[
      'http.route',
      'password',
      'user.Password.hash',
      'http.request.header.Authorization',
      'set-cookie',
      'Set_Cookie',
    ],
    ...['x.setcookie', 'api-key', 'apiKey', 'token', 'token.count', 'k8s.secret.name', 'PRIVATE_KEY', 'headers', 'pwd'],
  ),
);

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    words.map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((n) => ({ intValue: n.toString() })),
    fc.double({ noNaN: true }).map((doubleValue) => ({ doubleValue })),
    fc.uint8Array({ maxLength: 20 }).map((bytesValue) => ({ bytesValue })),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
    fc.array(fc.record({ key, value: tie('value') }), { maxLength: 3 }).map((values) => ({ kvlistValue: { values } })),
    fc.constant({}),
  ),
}));

const attributes = fc.array(fc.record({ key, value }), { maxLength: 6 });
const id = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes });
const traceState = fc.constantFrom('', '', 'a=1', 'ot=th:8', 'b=2,ot=rv:6e6d1a75832a2f;th:c', 'ot=th:nonsense');

/** A Span as protobufjs takes it. */
export const spanArbitrary = fc.record({
  traceId: id(16),
  spanId: id(8),
  parentSpanId: fc.oneof(id(8), id(0)),
  traceState,
  name: words,
  kind: fc.integer({ min: 0, max: 5 }),
  startTimeUnixNano: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
  endTimeUnixNano: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
  attributes,
  droppedAttributesCount: fc.nat(3),
  events: fc.array(fc.record({ name: words, attributes, droppedAttributesCount: fc.nat(3) }), { maxLength: 2 }),
  links: fc.array(fc.record({ traceId: id(16), spanId: id(8), traceState, attributes }), { maxLength: 2 }),
  status: fc.record({ message: words, code: fc.integer({ min: 0, max: 2 }) }),
  flags: fc.nat(0x3ff),
});
