import { describe, expect, it } from 'vitest';
import { Writer } from '../../src/wire/writer.ts';
import {
  enriched,
  enricher,
  plain,
  ResourceSpansType,
  ResourceType,
  ScopeSpansType,
  ScopeType,
  text,
} from './messages.ts';

const string = (stringValue: string) => ({ stringValue });
const list = (...values: string[]) => ({ arrayValue: { values: values.map(string) } });
const leaving = (value: object): unknown =>
  enriched(enricher(), { attributes: [{ key: 'x', value }] }).attributes?.[0].value;

describe('in a list an item tells of its neighbour', () => {
  it('a flag of the next', () => {
    expect(leaving(list('mysql', '--password', 'S', '-h', 'db', '--api-key=S'))).toEqual(
      list('mysql', '--password', '****', '-h', 'db', '--api-key=****'),
    );
  });

  it('but not of another flag, nor of what is hidden', () => {
    expect(leaving(list('psql', '--password', '--username', 'jo'))).toEqual(
      list('psql', '--password', '--username', 'jo'),
    );
    const by = enricher();
    enriched(by, { attributes: [{ key: 'x', value: list('--token', '****') }] });
    expect(by.stats.redactions).toEqual({});
  });

  it('a header of the other one', () => {
    expect(leaving(list('x-api-key', 'S3cr3t'))).toEqual(list('x-api-key', '****'));
    expect(leaving(list('authorization', 'content-type'))).toEqual(list('authorization', 'content-type'));
    expect(leaving(list('username', 'password'))).toEqual(list('username', 'password'));
  });

  it('and in a map the name of the value', () => {
    const map = (name: string, value: string) => ({
      kvlistValue: { values: [text('name', name), text('value', value)] },
    });
    expect(leaving(map('DB_PASSWORD', 'S'))).toEqual(map('DB_PASSWORD', '****'));
    expect(leaving(map('PATH', '/bin'))).toEqual(map('PATH', '/bin'));
  });
});

describe('bytes', () => {
  const bytes = (value: Uint8Array) => ({ bytesValue: value });
  const base64 = (value: Uint8Array | string) => ({ bytesValue: Buffer.from(value).toString('base64') });

  it('that are a text are read as one', () => {
    expect(leaving(bytes(Buffer.from('{"password":"S3cr3t","ü":1}')))).toEqual(base64('{"password":"****","ü":1}'));
  });

  it('that are none stay', () => {
    const other = Uint8Array.of(0xff, ...Buffer.from('password=S3cr3t'), 0xfe);
    expect(leaving(bytes(other))).toEqual(base64(other));
  });
});

describe('around the spans', () => {
  const attributes = [
    text('process.environment_variable.GITHUB_TOKEN', 'S'),
    text('process.environment_variable.PWD', '/srv'),
  ];
  const left = { 'process.environment_variable.GITHUB_TOKEN': '****', 'process.environment_variable.PWD': '/srv' };

  it('resources', () => {
    const resource = ResourceType.encode(ResourceType.fromObject({ attributes })).finish();
    const out = new Writer(16);
    enricher().resource(out, resource, 0, resource.length);
    const written = ResourceSpansType.toObject(ResourceSpansType.decode(out.finish()));
    expect(plain(written.resource.attributes)).toEqual(left);
  });

  it('scopes', () => {
    const scope = ScopeType.encode(ScopeType.fromObject({ name: 'password=S', attributes })).finish();
    const out = new Writer(16);
    enricher().scope(out, scope, 0, scope.length);
    const written = ScopeSpansType.toObject(ScopeSpansType.decode(out.finish()));
    expect(plain(written.scope.attributes)).toEqual(left);
    expect(written.scope.name).toBe('password=S');
  });
});
