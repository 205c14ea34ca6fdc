// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of the boot file.
import { describe, expect, it } from 'vitest';
import { replaceVariables } from '../../src/config/variables.ts';

const replace = (text: string, env = {}) => replaceVariables(text, 'f.yaml', env);

describe('${env:NAME} in a boot file', () => {
  it('becomes what the variable says', () => {
    expect(replace('a: ${env:A}/${env:B}', { A: 'x', B: 'y' }).text).toBe('a: x/y');
  });

  it('becomes its default where the variable is unset or empty', () => {
    expect(replace('a: ${env:A:-15s}').text).toBe('a: 15s');
    expect(replace('a: ${env:A:-15s}', { A: '' }).text).toBe('a: 15s');
    expect(replace('a: ${env:A:-15s}', { A: '1s' }).text).toBe('a: 1s');
  });

  it('becomes empty text without a default', () => {
    expect(replace('a: "${env:A}"').text).toBe('a: ""');
    expect(replace('a: "${env:A:-}"').text).toBe('a: ""');
  });

  it('takes a value as it is, whatever it looks like', () => {
    expect(replace('a: ${env:A}', { A: '$& ${env:B}' }).text).toBe('a: $& ${env:B}');
  });

  it('is left alone in a comment', () => {
    const text = '# ${HOME} and ${env:A}\n  # ${env:';
    expect(replace(text, { A: 'x' })).toEqual({ text, errors: [] });
  });

  it('keeps every line where it was: a value of two lines is refused', () => {
    const { text, errors } = replace('a: 1\nb: ${env:B}\nc: 3', { B: 'x\ny' });
    expect(text.split('\n')).toHaveLength(3);
    expect(errors).toEqual(['f.yaml:2: the variable B has a line break: expected one line']);
  });

  it.each(['${HOME}', '${HOME:-x}', '${env:}', '${env:A', '${env:A-b}'])(
    'is probably what %s was meant to be',
    (wrong) => {
      expect(replace(`a: 1\nb: ${wrong}`).errors).toEqual([
        `f.yaml:2: ${wrong}: expected \${env:NAME} or \${env:NAME:-default}`,
      ]);
    },
  );
});
