import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/errors.ts';
import type { Protocol } from '../../../src/model/outcome.ts';
import type { Tenants } from '../../../src/model/tenant.ts';
import { intakeFinder, tenantAccess } from '../../../src/receive/tenants/intakes.ts';
import { LimitedIntake } from '../../../src/receive/tenants/limited-intake.ts';
import { HandClock } from '../../support/hand-clock.ts';
import { call, frame, retryDelayOf } from '../support/grpc-wire.ts';
import { ParsingIntake } from '../support/intake.ts';
import { refusals, start } from '../support/receivers.ts';
import { requestOf } from '../support/requests.ts';

const tenants: Tenants = {
  header: 'x-scope-orgid',
  each: ['a', 'b'].map((name) => ({ name, share: 1, maxBytesPerSecond: 0 })),
};
const of = (defaultName?: string) => {
  const intakes = [new ParsingIntake(), new ParsingIntake()];
  const find = intakeFinder({ ...tenants, ...(defaultName && { defaultName }) }, intakes);
  return { intakes, find, access: tenantAccess('x-scope-orgid', find) };
};
const reasonOf = (found: unknown) => (found instanceof Refusal ? found.reason : found);

describe('whose a request is', () => {
  it('says its header', () => {
    const { find, intakes } = of();
    expect([find('a'), find('b')]).toEqual(intakes);
  });

  it.each([
    [undefined, 'tenant_missing'],
    ['', 'tenant_malformed'],
    ['a, b', 'tenant_malformed'],
    ['a,a', 'tenant_malformed'],
    ['a|b', 'tenant_malformed'],
    [' a', 'tenant_malformed'],
    ['..', 'tenant_malformed'],
    ['ü', 'tenant_malformed'],
    ['x'.repeat(151), 'tenant_malformed'],
    ['A', 'tenant_unknown'],
    ['c', 'tenant_unknown'],
    ['__proto__', 'tenant_unknown'],
  ])('%j is refused as %s, and not to be sent again', (value, reason) => {
    const found = of().find(value);
    expect(reasonOf(found)).toBe(reason);
    expect((found as Refusal).retryAfterMs).toBe(0);
  });

  it('is the default where there is no header, and not where there is a wrong one', () => {
    const { find, intakes } = of('b');
    expect(find(undefined)).toBe(intakes[1]);
    expect(['', 'c'].map((value) => reasonOf(find(value)))).toEqual(['tenant_malformed', 'tenant_unknown']);
  });

  it("is its credentials' where they name one, and a header that says otherwise is refused", () => {
    const { find, intakes } = of('b');
    expect([find(undefined, 'a'), find('a', 'a')]).toEqual([intakes[0], intakes[0]]);
    expect([find('b', 'a'), find('', 'a')].map(reasonOf)).toEqual(['tenant_denied', 'tenant_denied']);
    expect(reasonOf(find(undefined, 'gone'))).toBe('tenant_unknown');
  });
});

describe.each(['http2', 'grpc-js'] as const)('%s', (kind) => {
  it('refuses a call without the header, with two of them and with an unknown name, before its message', async () => {
    const { access, intakes } = of();
    await using gateway = await start(kind, { access });
    const ask = (headers: Record<string, string | string[]>) => call(gateway.port, [frame(requestOf(2))], headers);
    expect(await ask({})).toMatchObject({ status: 3, message: expect.stringContaining('no x-scope-orgid') });
    expect(await ask({ 'x-scope-orgid': ['a', 'b'] })).toMatchObject({ status: 3 });
    expect(await ask({ 'x-scope-orgid': ['a', 'a'] })).toMatchObject({ status: 3 });
    expect(await ask({ 'x-scope-orgid': '' })).toMatchObject({ status: 3 });
    expect(await ask({ 'x-scope-orgid': 'c' })).toMatchObject({ status: 7 });
    expect(await ask({ 'x-scope-orgid': 'b' })).toMatchObject({ status: 0 });
    expect(refusals(gateway.stats)).toEqual({ tenant_missing: 1, tenant_malformed: 3, tenant_unknown: 1 });
    expect([intakes[0].took(requestOf(2)), intakes[1].took(requestOf(2))]).toEqual([false, true]);
  });
});

describe('a tenant with a limit', () => {
  const limited = () => {
    const clock = new HandClock();
    const inner = new ParsingIntake();
    return { clock, intake: new LimitedIntake(inner, 10_000, clock) };
  };
  const message = (length: number) => ({ length, copyTo: () => {} });
  /** No message that anybody could read: the intake behind refuses it. */
  const send = ({ intake }: ReturnType<typeof limited>, length: number, protocol: Protocol = 'grpc') =>
    intake.refuses(length) ?? intake.accept(message(length), protocol);

  it('is told when to try again, and not before', () => {
    const it = limited();
    const steps = it.intake.acceptInSteps(message(25_000), 'grpc', () => false);
    expect(it.intake.refuses(1)).toBe(undefined);
    steps.next();
    const refusal = it.intake.refuses(1) as Refusal;
    expect(refusal).toMatchObject({ reason: 'tenant_limited', retryAfterMs: 1500 });
    it.clock.pass(1500);
    expect(it.intake.refuses(1)).toMatchObject({ reason: 'tenant_limited' });
    it.clock.pass(1);
    expect(it.intake.refuses(1)).toBe(undefined);
  });

  it('pays for what is malformed: it was read', () => {
    const it = limited();
    for (let n = 0; n < 2; n++) expect(send(it, 9_000)).toBeInstanceOf(Refusal);
    expect(it.intake.refuses(1)).toMatchObject({ reason: 'tenant_limited' });
  });

  it('pays for the text of JSON, and not again for what it becomes', () => {
    const it = limited();
    it.intake.charge(9_000);
    send(it, 9_000, 'http_json');
    expect(it.intake.refuses(1)).toBe(undefined);
    it.intake.charge(1_001);
    expect(it.intake.refuses(1)).toMatchObject({ reason: 'tenant_limited' });
  });

  it('saves up a second at most', () => {
    const it = limited();
    it.clock.pass(3_600_000);
    it.intake.acceptInSteps(message(10_001), 'grpc', () => false).next();
    expect(it.intake.refuses(1)).toMatchObject({ reason: 'tenant_limited' });
  });

  it('gets a hint over gRPC', async () => {
    const { access } = of();
    const clock = new HandClock();
    const intake = new LimitedIntake(new ParsingIntake(), 1024, clock);
    await using gateway = await start('http2', { access: { ...access, admit: () => intake } });
    expect(await call(gateway.port, [frame(requestOf(40))])).toMatchObject({ status: 0 });
    const answer = await call(gateway.port, [frame(requestOf(1))]);
    expect(answer).toMatchObject({ status: 14, message: expect.stringContaining('max_bytes_per_second') });
    expect(retryDelayOf(answer.headers)).toBeGreaterThanOrEqual(0);
  });
});
