/** A document in OTLP/JSON, and what the gateway makes of it where that is not what the Collector makes of it. */
export interface Document {
  readonly what: string;
  readonly text: string | Buffer;
  /** Why we differ, as docs/otlp.md and docs/decisions/0009 say it; undefined where we must not. */
  readonly differs?: string;
}

const ids = '"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"';
const request = (spans: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[${spans}]}]}]}`;
const span = (more: string): string => request(`{${ids}${more === '' ? '' : `,${more}`}}`);
const valued = (value: string): string => span(`"attributes":[{"key":"k","value":${value}}]`);

/** Where one field of a span is written in many ways. */
const fields: readonly (readonly [field: string, ...(readonly (string | readonly [string, differs: string])[])])[] = [
  ['"name"', '"n"', '""', '"größe 😀"', '"\\u0067\\ud83d\\ude00"', '"\\u0000"', 'null', '5', 'true', '{}', '[]'],
  [
    '"kind"',
    '2',
    '"SPAN_KIND_CLIENT"',
    '"SPAN_KIND_NONSENSE"',
    '"2"',
    '99',
    '-1',
    '1.0',
    '1e0',
    '1.5',
    'null',
    '"toString"',
  ],
  [
    '"startTimeUnixNano"',
    '"5"',
    '5',
    '1753000000123456789',
    '"18446744073709551615"',
    '"18446744073709551616"',
    '"-1"',
    '-1',
    '"1e3"',
    '1e3',
    '1.0',
    '"5.0"',
    '" 5"',
    '"0x5"',
    '""',
    'null',
    '"05"',
  ],
  ['"flags"', '1', '4294967295', '4294967296', '"257"', '-1'],
  ['"droppedAttributesCount"', '4', '"4"', '4294967296', '1.0'],
  ['"traceState"', '"a=b"', 'null'],
  [
    '"parentSpanId"',
    '""',
    '"eee19b7ec3c1b173"',
    '"EEE19B7EC3C1B173"',
    '"0000000000000000"',
    '"12"',
    '"zz"',
    'null',
    '5',
  ],
  ['"status"', '{}', 'null', '{"code":2}', '{"code":"STATUS_CODE_ERROR","message":"m"}', '{"code":"ERROR"}', '[]', '2'],
  [
    '"attributes"',
    '[]',
    'null',
    '{}',
    '[null]',
    '[{}]',
    '[{"key":"k"}]',
    '[{"key":"k","value":null}]',
    '[{"key":"","value":{}}]',
    '[5]',
  ],
  ['"events"', '[{}]', '[null]', '[{"timeUnixNano":"7","name":"e","attributes":[{"key":"k","value":{"intValue":1}}]}]'],
  [
    '"links"',
    '[{}]',
    '[{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b175","flags":1}]',
    '[{"traceId":"12"}]',
  ],
  ['"trace_state"', '"a=b"'],
  ['"later"', '{"a":[1,{"b":null}],"c":-2.5e-3}'],
  ['"__proto__"', '{"name":"x"}'],
];

const values: readonly string[] = [
  ...[
    '{}',
    'null',
    '{"stringValue":"s"}',
    '{"stringValue":""}',
    '{"stringValue":5}',
    '{"boolValue":false}',
    '{"boolValue":"true"}',
  ],
  ...[
    '{"intValue":"5"}',
    '{"intValue":-5}',
    '{"intValue":"9223372036854775807"}',
    '{"intValue":"9223372036854775808"}',
    '{"intValue":1.5}',
    '{"intValue":1e300}',
  ],
  ...[
    '{"doubleValue":1.5}',
    '{"doubleValue":"1.5"}',
    '{"doubleValue":"NaN"}',
    '{"doubleValue":"-Infinity"}',
    '{"doubleValue":1e999}',
  ],
  ...[
    '{"bytesValue":"+/8="}',
    '{"bytesValue":"-_8"}',
    '{"bytesValue":"*"}',
    '{"arrayValue":{}}',
    '{"arrayValue":{"values":[null,{}]}}',
  ],
  ...[
    '{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"intValue":1}]}}}]}}',
    '{"arrayValue":[]}',
  ],
  ...[
    '{"stringValue":"a","intValue":5}',
    '{"intValue":5,"stringValue":null}',
    '{"string_value":"s"}',
    '"s"',
    '5',
    '[]',
  ],
];

const wholes: readonly (readonly [what: string, text: string | Buffer])[] = [
  ['nothing', ''],
  ['blanks', '  \n'],
  ['an empty object', '{}'],
  ['an empty list', '[]'],
  ['null', 'null'],
  ['a number', '5'],
  ['no resources', '{"resourceSpans":[]}'],
  ['resources that are null', '{"resourceSpans":null}'],
  ['a resource that is null', '{"resourceSpans":[null]}'],
  ['empty resources', '{"resourceSpans":[{},{"scopeSpans":[{},{"spans":[]}]}]}'],
  [
    'snake case',
    `{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"5b8efff798038103d269b633813fc60c","span_id":"eee19b7ec3c1b174"}]}]}]}`,
  ],
  [
    'a resource and a scope',
    `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}],"droppedAttributesCount":1},"scopeSpans":[{"scope":{"name":"lib","version":"1"},"spans":[{${ids}}],"schemaUrl":"s"}],"schemaUrl":"r"}]}`,
  ],
  [
    'SDKs of 2021',
    `{"resourceSpans":[{"instrumentationLibrarySpans":[{"instrumentationLibrary":{"name":"old"},"spans":[{${ids},"name":"old"}]}]}]}`,
  ],
  ['a span that is null', request('null')],
  ['a span of nothing', request('{}')],
  ['ids of zeros', request('{"traceId":"00000000000000000000000000000000","spanId":"0000000000000000"}')],
  ['ids in base64', request('{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ="}')],
  ['a trace id that is too short', request('{"traceId":"5b8e","spanId":"eee19b7ec3c1b174"}')],
  ['a name twice', span('"name":"a","name":"b"')],
  ['attributes twice', span('"attributes":[{"key":"a","value":{}}],"attributes":[{"key":"b","value":{}}]')],
  ['half a pair', span('"name":"\\ud800"')],
  ['a comma too many', '{"resourceSpans":[],}'],
  ['something behind it', `${span('')} {"x":1}`],
  ['a second document', `${span('')}${span('')}`],
  ['a byte order mark', `\ufeff${span('')}`],
  ['blanks round it', ` \r\n\t${span('')}\n`],
  [
    'no UTF-8',
    Buffer.concat([Buffer.from(span('"name":"').slice(0, -7)), Buffer.from([0xff]), Buffer.from('"}]}]}]}')]),
  ],
  ['a control character in a string', span('"name":"a\tb"')],
  ['single quotes', "{'resourceSpans':[]}"],
  ['a comment', '{/* none */"resourceSpans":[]}'],
  ['a text that ends early', span('"name":"x"').slice(0, -9)],
  ['names that are escaped', span('"n\\u0061me":"x"')],
  ['a deep value', valued(`${'{"arrayValue":{"values":['.repeat(30)}{"intValue":1}${']}}'.repeat(30)}`)],
  ['an unknown name, nested deep', span(`"later":${'['.repeat(2_000)}${']'.repeat(2_000)}`)],
];

/** By what the document is: why ours is not the Collector's. */
export const differences: Readonly<Record<string, string>> = {
  null: 'a request is an object',
  'ids of zeros': 'they are kept as they came, for the scan to leave out their span',
  'ids in base64': 'an id that is no hex costs its span, not the request',
  'a trace id that is too short': 'an id of a wrong length costs its span, not the request',
  '"parentSpanId" "12"': 'likewise a parent’s',
  '"parentSpanId" "zz"': 'likewise a parent’s',
  '"links" [{"traceId":"12"}]': 'likewise a link’s',
  '"parentSpanId" "0000000000000000"': 'kept as it came; it makes a root all the same',
  'something behind it': 'what follows a request is a fault; the Collector does not look',
  'a second document': 'what follows a request is a fault; the Collector does not look',
  'a byte order mark': 'may be there (RFC 8259)',
  'no UTF-8': 'refused rather than passed on to receivers that refuse it',
  '"kind" "2"': 'ProtoJSON takes numbers as strings',
  '"kind" 1.0': 'ProtoJSON takes integers with a point or an exponent',
  '"kind" 1e0': 'ProtoJSON takes integers with a point or an exponent',
  '"startTimeUnixNano" "1e3"': 'ProtoJSON takes integers with a point or an exponent',
  '"startTimeUnixNano" 1e3': 'ProtoJSON takes integers with a point or an exponent',
  '"startTimeUnixNano" 1.0': 'ProtoJSON takes integers with a point or an exponent',
  '"startTimeUnixNano" "5.0"': 'ProtoJSON takes integers with a point or an exponent',
  '"droppedAttributesCount" 1.0': 'ProtoJSON takes integers with a point or an exponent',
  '"kind" null': 'null is a member that is not set, whatever its type',
  '"startTimeUnixNano" null': 'null is a member that is not set, whatever its type',
  '"parentSpanId" null': 'null is a member that is not set, whatever its type',
  'a value {"intValue":5,"stringValue":null}': 'null is a member that is not set; the Collector forgets the other one',
  'a value {"bytesValue":"-_8"}': 'ProtoJSON takes base64 in either alphabet, padded or not',
};

export const documents: readonly Document[] = [
  ...wholes.map(([what, text]) => ({ what, text })),
  ...fields.flatMap(([field, ...texts]) =>
    (texts as string[]).map((text) => ({ what: `${field} ${text}`, text: span(`${field}:${text}`) })),
  ),
  ...values.map((value) => ({ what: `a value ${value}`, text: valued(value) })),
].map((document) => {
  const differs = differences[document.what];
  return differs === undefined ? document : { ...document, differs };
});
