import { describe, expect, it } from 'vitest';
import { complaintOf } from '../../src/kafka/complaint.ts';

/** As the library's errors are built: real ones, seen with brokers that were away, or refused. */
const many = (message: string, ...errors: Error[]): Error => new AggregateError(errors, message);
const because = (message: string, cause: Error): Error => new Error(message, { cause });
const coded = (message: string, more: object): Error => Object.assign(new Error(message), more);

const refused = (broker: string): Error =>
  because(`Connection to ${broker} failed.`, coded(`connect ECONNREFUSED ${broker}`, { code: 'ECONNREFUSED' }));
const away = (...brokers: string[]): Error => many('Cannot connect to any broker.', ...brokers.map(refused));

const saslFailed = many(
  'Received response with error while executing API SaslAuthenticate(v2)',
  coded('SASL authentication failed.', {
    apiId: 'SASL_AUTHENTICATION_FAILED',
    serverErrorMessage: 'Authentication failed during authentication due to invalid credentials',
  }),
);

describe('what Kafka complains of', () => {
  it.each([
    [
      'brokers that are away, each once, as of the last try',
      many('metadata failed 2 times.', away('k1:9'), away('k1:9', 'k2:9')),
      'k1:9: nobody listens there: connect ECONNREFUSED k1:9; k2:9: nobody listens there: connect ECONNREFUSED k2:9',
    ],
    [
      'tries within tries',
      many('consumerGroupHeartbeat failed 1 times.', many('findGroupCoordinator failed 1 times.', away('k1:9'))),
      'k1:9: nobody listens there: connect ECONNREFUSED k1:9',
    ],
    [
      'a name that there is not',
      because('Connection to nohost:9 failed.', coded('getaddrinfo ENOTFOUND nohost', { code: 'ENOTFOUND' })),
      'nohost:9: there is no such name: getaddrinfo ENOTFOUND nohost',
    ],
    [
      'a wrong password',
      because('Connection to k1:9 failed.', because('SASL authentication failed.', saslFailed)),
      'k1:9: it does not know this user with this password (sasl): Authentication failed during authentication due to invalid credentials',
    ],
    [
      'TLS on a port without',
      because('Connection to k1:9 failed.', because('TLS handshake failed. Please verify.', new Error('cut off'))),
      'k1:9: no TLS with it (cut off): does it want TLS here (tls)?',
    ],
    [
      'a port that wants more than is said',
      many('metadata failed 2 times.', new Error('Connection closed'), new Error('Connection closed')),
      'the broker ends the connection: does it want TLS or a password (tls, sasl)?',
    ],
    [
      'a topic that there is not',
      new Error('Unknown topic spans.'),
      'there is no topic spans: make it, as gateways make none',
    ],
    ['anything else, in its own words', new Error('no answer within 10 ms'), 'no answer within 10 ms'],
  ])('tells %s', (_, error, words) => {
    expect(complaintOf(error)).toBe(words);
  });

  it('is short, however many brokers there are', () => {
    const brokers = Array.from({ length: 100 }, (_, i) => `k${i}:9`);
    expect(complaintOf(away(...brokers)).split('; ')).toHaveLength(3);
  });
});
