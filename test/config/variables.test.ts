// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of the boot file.
import { describe, expect, it } from 'vitest';
import { readYaml } from '../../src/config/document.ts';

const read = (text: string, env = {}) => readYaml(text, 'f.yaml', { env });
const valueIn = (text: string, env = {}) => {
  const { value, errors } = read(text, env);
  expect(errors).toEqual([]);
  return (value as { a: unknown }).a;
};

describe('${env:NAME} in a boot file', () => {
  it('becomes what the variable says', () => {
    expect(valueIn('a: ${env:A}/${env:B}', { A: 'x', B: 'y' })).toBe('x/y');
  });

  it('becomes its default where the variable is unset or empty', () => {
    expect(valueIn('a: ${env:A:-15s}')).toBe('15s');
    expect(valueIn('a: ${env:A:-15s}', { A: '' })).toBe('15s');
    expect(valueIn('a: ${env:A:-15s}', { A: '1s' })).toBe('1s');
    expect(valueIn('a: "${env:A:-data}/store"')).toBe('data/store');
    expect(valueIn('a: http://${env:HOST:-[::1]}:${env:PORT:-4317}/x', { PORT: '1' })).toBe('http://[::1]:1/x');
  });

  it('becomes empty text without a default', () => {
    expect(valueIn('a: ${env:A}')).toBe('');
    expect(valueIn('a: "${env:A:-}"')).toBe('');
  });

  const secrets = [
    '\\',
    'a\\nb',
    '"',
    "'",
    'x # y',
    ' #',
    ': ',
    '- a',
    '{',
    '}',
    '[1]',
    '{a: 1}',
    '*a',
    '&a',
    '!t',
    '%',
    '@',
    '`',
    '|',
    '>',
    '~',
    'null',
    'true',
    '007',
    '1e3',
    '.nan',
    '0x10',
    '${env:B}',
    '$& $1 $$',
    '<<',
    ' padded ',
    'two\nlines\n',
    '\ttab',
    'ü€😀',
    '\uFDD0',
  ];

  it.each(secrets)('brings the text %j whole, quoted or not, in every place', (secret) => {
    const env = { A: secret, B: 'no' };
    for (const text of [
      'a: ${env:A}',
      'a: "${env:A}"',
      "a: '${env:A}'",
      '{ a: ${env:A} }',
      '{ "a": "${env:A}" }',
      'a: ${env:A:-default}',
      'a: ${env:A} # as it is',
      '? a\n: ${env:A}',
      'a: |-\n  ${env:A}\n',
      'a: &x ${env:A}\nb: *x',
    ]) {
      expect(valueIn(text, env)).toBe(secret);
    }
    expect(valueIn('a: [ ${env:A} ]', env)).toEqual([secret]);
    expect(valueIn('a: <${env:A}>', env)).toBe(`<${secret}>`);
  });

  it('may be a name as well', () => {
    expect(valueIn('a: { "x.${env:A}": 1, ${env:A}: 2 }', { A: '007' })).toEqual({ 'x.007': 1, '007': 2 });
  });

  it('of a name that every object has is unset', () => {
    expect(valueIn('a: ${env:constructor}${env:__proto__}${env:toString:-x}')).toBe('x');
  });

  it('is left alone in a comment', () => {
    expect(valueIn('# ${HOME} and ${env:A}\na: 1 # ${env:\n  # ${env:')).toBe(1);
  });

  it('leaves every line where it was, however many a variable has', () => {
    const { report } = read('a: 1\nb: ${env:B}\nc: 3', { B: 'x\ny' });
    expect(report([{ path: ['c'], message: 'no' }])).toEqual(['f.yaml:3: c: no']);
  });

  it.each(['${HOME}', '${HOME:-x}', '${env:}', '${env:A', '${env:A-b}'])(
    'is probably what %s was meant to be',
    (wrong) => {
      const message = `${wrong}: expected \${env:NAME} or \${env:NAME:-default}`;
      expect(read(`a: 1\nb: ${wrong}`).errors).toEqual([`f.yaml:2: ${message}`]);
      expect(read(`a: |\n  one\n  ${wrong}`).errors).toEqual([`f.yaml:3: ${message}`]);
    },
  );

  it('that a comment cuts off is told as what was written', () => {
    expect(read('a: ${env:A:-x # y}').errors).toEqual([
      'f.yaml:1: ${env:A:-x: expected ${env:NAME} or ${env:NAME:-default}',
    ]);
  });
});

it('a rules document has no variables', () => {
  expect(readYaml('a: ${env:A}', 'f.yaml').value).toEqual({ a: '${env:A}' });
});
