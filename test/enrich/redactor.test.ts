import { describe, expect, it } from 'vitest';
import { encodeSpan, enriched, enrichedBytes, enricher, plain, rules, stampOf, text } from './messages.ts';

const attributesOf = (attributes: object[], by = enricher()) => plain(enriched(by, { attributes }).attributes);
const hiding = (value: string, by = enricher()) => attributesOf([text('x', value)], by).x;

describe('an attribute whose key names a secret loses its whole value', () => {
  it.each([
    'http.request.header.authorization',
    'http.request.header.cookie',
    'http.response.header.set-cookie',
    'http.response.header.set_cookie',
    'rpc.grpc.request.metadata.Authorization',
    'http.request.header.proxy-authorization',
    'http.request.header.x-api-key',
    'http.request.header.x-amz-security-token',
    'authorization',
    'db.password',
    'user.PasswordHash',
    'smtp.passwd',
    'client_secret',
    'apiKey',
    'api-key',
    'x.API_KEY.v2',
    'accessToken',
    'oauth_token',
    'session.token',
    'aws.secret_access_key',
    'private-key',
  ])('%s', (key) => {
    const by = enricher();
    expect(attributesOf([text(key, 'hunter2')], by)).toEqual({ [key]: '****' });
    expect(Object.values(by.stats.redactions)).toEqual([1]);
  });

  it.each([
    'token.count',
    'gen_ai.usage.input_tokens',
    'gen_ai.token.type',
    'next_page_token',
    'aws.secretsmanager.secret.arn',
    'k8s.secret.name',
    'password.length',
    'author',
    'http.route',
    'code.function.name',
    'db.query.text',
    'passenger.count',
  ])('but %s is no secret', (key) => {
    const by = enricher();
    expect(attributesOf([text(key, 'ordinary')], by)).toEqual({ [key]: 'ordinary' });
    expect(by.stats.redactions).toEqual({});
  });

  it('whatever the type of the value, but true and false tell nothing', () => {
    const values = [
      { intValue: '1234' },
      { doubleValue: 1.5 },
      { bytesValue: Uint8Array.of(1, 2) },
      { arrayValue: { values: [{ stringValue: 'a' }] } },
      { kvlistValue: { values: [text('a', 'b')] } },
      { boolValue: true },
      { stringValue: '' },
    ];
    const attributes = values.map((value, i) => ({ key: `password.${i}`, value }));
    expect(Object.values(attributesOf(attributes))).toEqual([...Array(5).fill('****'), true, '']);
  });
});

describe('secrets inside texts lose the secret alone', () => {
  it.each([
    ['https://h/login?user=jo&password=hunter2#top', 'https://h/login?user=jo&password=****#top'],
    ['/cb?access_token=abc&state=1', '/cb?access_token=****&state=1'],
    ['token=abc&page=2', 'token=****&page=2'],
    ['GET /x?API-KEY=1 HTTP/1.1', 'GET /x?API-KEY=**** HTTP/1.1'],
    [
      'https://s3/b/o?X-Amz-Credential=AK%2F&X-Amz-Signature=00ff',
      'https://s3/b/o?X-Amz-Credential=****&X-Amz-Signature=****',
    ],
    ['https://c/x?sv=1&sig=a%3D&se=2', 'https://c/x?sv=1&sig=****&se=2'],
    ['/x?user[password]=a&user%5Btoken%5D=b', '/x?user[password]=****&user%5Btoken%5D=****'],
    ['/x?new_password=a&old-password=b', '/x?new_password=****&old-password=****'],
    ['Server=db;User Id=sa;Password=p w;Pooling=true', 'Server=db;User Id=sa;Password=****;Pooling=true'],
    ['curl --token=abc --retry=3 https://h/', 'curl --token=**** --retry=3 https://h/'],
    ["connect failed: password='a b' host=h", "connect failed: password='****' host=h"],
    ['/x?token=a;b&c=d', '/x?token=****&c=d'],
    ['https://jo:hunter2@h:8080/x', 'https://****@h:8080/x'],
    ['amqp://u:p@ss@mq/vhost?a=1', 'amqp://****@mq/vhost?a=1'],
    ['clone https://ghs_abc@github.com/x.git', 'clone https://****@github.com/x.git'],
    ['Authorization: Bearer abc.def-123=', 'Authorization: Bearer ****'],
    ['bearer averylongopaquetokenvalue', 'bearer ****'],
    ['sent Basic dXNlcjpwYXNzd29yZA== to h', 'sent Basic **** to h'],
    ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl.', 'jwt ****'],
    ['id AKIAIOSFODNN7EXAMPLE used', 'id **** used'],
    [`push with ghp_${'a1'.repeat(18)}`, 'push with ****'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nrest', '****\nrest'],
    ['https://ü:ß@h/?päss=1&password=ö&ä=€', 'https://****@h/?päss=1&password=****&ä=€'],
  ])('%j → %j', (before, after) => {
    expect(hiding(before)).toBe(after);
  });

  it.each([
    'SELECT * FROM users WHERE token_count=3',
    'max_tokens=512&stop=1',
    '/password/reset?step=2',
    'https://h/?email=jo@example.com',
    'mail to jo@example.com',
    'Basic authentication failed',
    'Bearer authentication failed',
    'the basic settings',
    'compass=north&bypass=1',
    'signal=9',
    'password=',
    'token=&x=1',
    '/x?token=****&c=d',
    'https://****@h/',
    'eyJ is how they begin',
    '4111111111111111',
    'a://b?c@d',
  ])('%j stays', (value) => {
    const by = enricher();
    expect(hiding(value, by)).toBe(value);
    expect(by.stats.redactions).toEqual({});
  });

  it('counts each by its rule', () => {
    const by = enricher();
    hiding('https://a:b@h/?token=1&sig=2f Bearer abc123', by);
    expect(by.stats.redactions).toEqual({ url_userinfo: 1, query_parameters: 2, authorization_values: 1 });
  });

  it('takes a text of a megabyte that tries to cost more, in a moment', () => {
    const hostile = [
      'eyJ-',
      'password-',
      '--',
      'bearer ',
      'basic OOOO',
      ';a',
      '://',
      '-----BEGIN PRIVATE KEY-----',
      '%5b',
      '1 ',
    ];
    const started = process.cpuUsage();
    for (const part of hostile) hiding(`token=1 a@b://@ eyJ bearer ${part.repeat(1_000_000 / part.length)}`);
    expect(process.cpuUsage(started).user / 1e6).toBeLessThan(5);
  });
});

describe('wherever the secret is', () => {
  const secret = 'https://jo:pw@h/';
  const hidden = 'https://****@h/';

  it('span name, status message, event names and attributes, link attributes', () => {
    const left = enriched(enricher(), {
      name: secret,
      status: { message: secret, code: 2 },
      events: [{ name: secret, attributes: [text('password', 'a'), text('x', secret)] }],
      links: [{ traceId: new Uint8Array(16), traceState: 'a=1', attributes: [text('cookie', 'a'), text('x', secret)] }],
    });
    expect(left).toMatchObject({ name: hidden, status: { message: hidden, code: 2 } });
    expect(left.events?.[0]?.name).toBe(hidden);
    expect(plain(left.events?.[0]?.attributes)).toEqual({ password: '****', x: hidden });
    expect(plain(left.links?.[0]?.attributes)).toEqual({ cookie: '****', x: hidden });
  });

  it('lists in lists, and keys in maps', () => {
    const map = { kvlistValue: { values: [text('authorization', 'a'), text('note', secret), text('b', 'c')] } };
    const list = {
      arrayValue: { values: [{ stringValue: 'a' }, { arrayValue: { values: [{ stringValue: secret }] } }, map] },
    };
    const left = enriched(enricher(), { attributes: [{ key: 'x', value: list }, text('y', 'z')] });
    expect(left.attributes).toEqual([
      {
        key: 'x',
        value: {
          arrayValue: {
            values: [
              { stringValue: 'a' },
              { arrayValue: { values: [{ stringValue: hidden }] } },
              { kvlistValue: { values: [text('authorization', '****'), text('note', hidden), text('b', 'c')] } },
            ],
          },
        },
      },
      text('y', 'z'),
    ]);
  });

  it('a long text, whose length takes fewer bytes afterwards', () => {
    const long = `https://jo:${'p'.repeat(20_000)}@h/`;
    expect(hiding(long)).toBe(hidden);
  });

  it('unknown fields around it stay', () => {
    const unknown = Buffer.from([0xfa, 0x3f, 0x02, 0x68, 0x69]);
    const keyValue = Buffer.concat([
      Buffer.from('\x0a\x08password', 'latin1'),
      unknown,
      Buffer.from('\x12\x03\x0a\x01x', 'latin1'),
      unknown,
    ]);
    const span = Buffer.concat([unknown, Buffer.from([0x4a, keyValue.length]), keyValue, unknown]);
    const left = Buffer.from(enrichedBytes(enricher(), span, stampOf(1)));
    expect(left.toString('latin1').split(unknown.toString('latin1')).length - 1).toBe(4);
    expect(left.includes('****')).toBe(true);
    expect(left.includes('\x12\x03\x0a\x01x')).toBe(false);
  });

  it('tracestate is no place for secrets, and stays', () => {
    const left = enriched(enricher(), {
      traceState: 'ot=th:0,v=eyJhbGciOiJI.eyJzdWIiOiIx.c2ln',
      attributes: [text('token', 'a')],
    });
    expect(left.traceState).toBe('ot=th:0,v=eyJhbGciOiJI.eyJzdWIiOiIx.c2ln');
  });
});

describe("operators' own rules", () => {
  const mine = (...entries: unknown[]) => enricher({ redact: rules(...entries) });

  it('stand alone where the default is not named', () => {
    const by = mine({ name: 'plates', keys: ['car.plate'] });
    expect(attributesOf([text('car.plate', 'B-XY 1'), text('password', 'p')], by)).toEqual({
      'car.plate': '****',
      password: 'p',
    });
  });

  it('add to the default where it is named', () => {
    const by = mine('default', { name: 'plates', keys: ['*plate*'] });
    expect(attributesOf([text('Car.Plate.no', 'x'), text('password', 'p')], by)).toEqual({
      'Car.Plate.no': '****',
      password: '****',
    });
    expect(by.stats.redactions).toEqual({ plates: 1, secret_keys: 1 });
  });

  it('spare keys that the default would hide', () => {
    const by = mine('default', { name: 'ours', keep: ['password.policy'] });
    expect(attributesOf([text('password.policy', 'strict'), text('password.x', 'p')], by)).toEqual({
      'password.policy': 'strict',
      'password.x': '****',
    });
  });

  it('match by pattern, with and without a hint', () => {
    const pattern = 'cust-[0-9]{4}';
    for (const rule of [
      { name: 'c', pattern },
      { name: 'c', pattern, contains: ['cust-'] },
    ]) {
      expect(hiding('order of cust-1234 and cust-5678', mine(rule))).toBe('order of **** and ****');
      expect(hiding('order of CUST-1234', mine({ ...rule, pattern: `(?i)${pattern}` }))).toBe('order of ****');
    }
  });

  it('hide card numbers whose check digit is right', () => {
    const by = mine('card_numbers');
    expect(hiding('paid 4111 1111 1111 1111 for order 4111111111111112', by)).toBe(
      'paid **** for order 4111111111111112',
    );
    expect(hiding('id 378282246310005', by)).toBe('id ****');
    expect(by.stats.redactions).toEqual({ card_numbers: 2 });
  });

  it('hide nothing at all when the list is empty', () => {
    const span = encodeSpan({ attributes: [text('password', 'p')], traceState: 'ot=th:0' });
    expect(enrichedBytes(mine(), span)).toEqual(span);
  });
});
