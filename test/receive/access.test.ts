import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import type { Intake } from '../../src/model/intake.ts';
import type { Access, RequestHead } from '../../src/receive/access.ts';
import { call, connect, ended, frame, open } from './support/grpc-wire.ts';
import { post, Wire } from './support/http-wire.ts';
import { ParsingIntake } from './support/intake.ts';
import { refusals, start } from './support/receivers.ts';
import { requestOf } from './support/requests.ts';

/** Two who may send, each to an intake of its own, and what was asked. */
class TwoTenants implements Access {
  readonly tenantHeader = 'x-scope-orgid';
  readonly asked: { authorization: string | undefined; tenant: string | undefined; address: string }[] = [];
  readonly intakes: Readonly<Record<string, ParsingIntake>> = { a: new ParsingIntake(), b: new ParsingIntake() };

  admit({ authorization, tenant, peer }: RequestHead): Intake | Refusal {
    this.asked.push({ authorization, tenant, address: peer.address });
    if (authorization !== 'Bearer secret') return new Refusal('unauthenticated', 'no credentials that are known here');
    return this.intakes[tenant ?? ''] ?? new Refusal('malformed', 'no such tenant');
  }

  refuses(): undefined {}
}

const [ofA, ofB] = [requestOf(2), requestOf(3)];
const lines = (tenant: string): string => `Authorization: Bearer secret\r\nX-Scope-OrgID: ${tenant}\r\n`;
const headers = (tenant: string) => ({ authorization: 'Bearer secret', 'x-scope-orgid': tenant });

describe.each(['http2', 'grpc-js'] as const)('%s', (kind) => {
  it('hands each call to whom its head says', async () => {
    const access = new TwoTenants();
    await using gateway = await start(kind, { access });
    expect(await call(gateway.port, [frame(ofA)], headers('a'))).toMatchObject({ http: 200, status: 0 });
    expect(await call(gateway.port, [frame(ofB)], headers('b'))).toMatchObject({ http: 200, status: 0 });
    expect(access.intakes.a.took(ofA)).toBe(true);
    expect(access.intakes.b.took(ofB)).toBe(true);
    expect(access.asked[0]).toEqual({ authorization: 'Bearer secret', tenant: 'a', address: '127.0.0.1' });
    expect(access.asked).toHaveLength(2);
  });

  it('answers a call that may not come in before any of its message has come, and goes on', async () => {
    const access = new TwoTenants();
    await using gateway = await start(kind, { access });
    const session = await connect(gateway.port);
    expect(await ended(open(session))).toMatchObject({ http: 200, status: 16 });
    const allowed = open(session, headers('a'));
    allowed.end(frame(ofA));
    expect(await ended(allowed)).toMatchObject({ status: 0 });
    session.close();
    expect(refusals(gateway.stats)).toEqual({ unauthenticated: 1 });
    expect(access.asked).toHaveLength(2);
  });
});

// With a query a request is node:http's.
describe.each([
  ['a plain request', '/v1/traces'],
  ['one by node:http', '/v1/traces?'],
])('%s', (_way, target) => {
  it('goes to whom its head says', async () => {
    const access = new TwoTenants();
    await using gateway = await start('http', { access });
    using wire = new Wire(gateway);
    await wire.write(post(ofA, undefined, lines('a'), target));
    await wire.write(post(ofB, undefined, lines('b'), target));
    expect(await wire.answers(2)).toEqual([200, 200]);
    expect(access.intakes.a.took(ofA)).toBe(true);
    expect(access.intakes.b.took(ofB)).toBe(true);
    expect(access.asked[0]).toEqual({ authorization: 'Bearer secret', tenant: 'a', address: '127.0.0.1' });
    expect(access.asked).toHaveLength(2);
  });

  it('is answered before any of its body has come when it may not come in, and the connection goes on', async () => {
    const access = new TwoTenants();
    await using gateway = await start('http', { access });
    using wire = new Wire(gateway);
    const refused = post(ofA, undefined, '', target);
    await wire.write(refused.subarray(0, -ofA.length));
    expect(await wire.answers(1)).toEqual([401]);
    expect(gateway.admission.inflightBytes).toBe(0);
    await wire.write(ofA);
    await wire.write(post(ofA, undefined, lines('a'), target));
    expect(await wire.answers(2)).toEqual([401, 200]);
    expect(access.intakes.a.took(ofA)).toBe(true);
    expect(refusals(gateway.stats)).toEqual({ unauthenticated: 1 });
  });

  it.each([
    ['Authorization: Bearer secret\r\nX-Scope-OrgID: a\r\nAuthorization: Bearer secret\r\n', 401],
    ['Authorization: Bearer secret\r\nX-Scope-OrgID: a\r\nx-scope-orgid: a\r\n', 400],
  ])('says a header that came twice as both of them: %j', async (more, status) => {
    const access = new TwoTenants();
    await using gateway = await start('http', { access });
    using wire = new Wire(gateway);
    await wire.write(post(ofA, undefined, more, target));
    expect(await wire.answers(1)).toEqual([status]);
    expect([access.asked[0].authorization, access.asked[0].tenant].join(' / ')).toBe(
      status === 401 ? 'Bearer secret, Bearer secret / a' : 'Bearer secret / a, a',
    );
  });
});
