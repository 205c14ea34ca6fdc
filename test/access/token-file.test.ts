import { describe, expect, it } from 'vitest';
import { digestOf, newKey } from '../../src/access/digest.ts';
import { parseTokenFile, type TokenFileRules } from '../../src/access/token-file.ts';

const key = newKey();
const [a, b] = ['a'.repeat(32), `${'b'.repeat(20)}#:/+==`];
const parse = (text: string, rules: TokenFileRules = { scopes: false }) => parseTokenFile(text, key, rules);

describe('a token file', () => {
  it('has a name and a token a line, with comments, blanks and the ends of lines of any system', () => {
    const text = `# who may send\n\ncheckout: ${a}\r\n  mobile.app-2:\t${b}  # since May\n`;
    expect(parse(text)).toEqual([
      { name: 'checkout', digest: digestOf(key, a) },
      { name: 'mobile.app-2', digest: digestOf(key, b) },
    ]);
  });

  it('has no token in what comes of it', () => {
    expect(JSON.stringify(parse(`checkout: ${a}`))).not.toContain(a);
    expect(parse(`checkout: ${a}`)).not.toEqual(parseTokenFile(`checkout: ${a}`, newKey(), { scopes: false }));
  });

  it('narrows a token to a scope of the admin port, and to a tenant, in any order', () => {
    const text = `prometheus: ${a} metrics\ngrafana: ${b} tenant=team-a read`;
    expect(parse(text, { scopes: true, tenants: ['team-a'] })).toMatchObject([
      { name: 'prometheus', scope: 'metrics' },
      { name: 'grafana', scope: 'read', tenant: 'team-a' },
    ]);
  });

  it.each([
    ['nothing', '', 'no token in it: expected a line NAME: TOKEN'],
    ['comments alone', '# later\n', 'no token in it'],
    ['a token without a name', `${a}`, 'line 1: expected NAME: TOKEN'],
    ['a name without a token', 'checkout:', 'line 1: expected NAME: TOKEN'],
    ['no blank behind the colon', `checkout:${a}`, 'line 1: expected NAME: TOKEN'],
    ['a name with a blank', `check out: ${a}`, 'line 1: expected NAME: TOKEN'],
    ['a short token', '\ncheckout: 0123456789abcde', 'line 2: a token of 15 characters: expected at least 16'],
    ['a token of other characters', `checkout: ${a}ä`, 'line 1: a token with characters that no header has'],
    ['an endless token', `checkout: ${a.repeat(200)}`, 'line 1: a token of more than 4096 characters'],
    ['a name twice', `x: ${a}\n#\nx: ${b}`, 'line 3: the name "x" of line 1 once more'],
    ['a token twice', `x: ${a}\ny: ${a}`, 'line 2: the token of line 1 once more'],
    ['a scope where there is none', `x: ${a} read`, 'line 1: read: scopes are of the tokens of the admin port'],
    ['a tenant where there is none', `x: ${a} tenant=a`, 'line 1: tenant=a: no tenant of receive.tenants'],
    ['a second token', `x: ${a} ${b}`, 'line 1: a word behind the token that is no tenant=NAME'],
  ])('refuses %s, with its line and no token', (_what, text, message) => {
    const parsed = (): unknown => parse(text);
    expect(parsed).toThrow(message);
    expect(parsed).not.toThrow(a);
    expect(parsed).not.toThrow(b);
  });

  it('refuses two scopes, and a word that is none', () => {
    const rules = { scopes: true };
    expect(() => parse(`x: ${a} read change`, rules)).toThrow('line 1: two words of a kind');
    expect(() => parse(`x: ${a} admin`, rules)).toThrow('no metrics, read, change or tenant=NAME');
  });
});
