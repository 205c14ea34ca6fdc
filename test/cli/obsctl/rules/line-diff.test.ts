import { describe, expect, it } from 'vitest';
import { paint } from '../../../../src/cli/obsctl/colors.ts';
import { diffLines, diffText } from '../../../../src/cli/obsctl/rules/line-diff.ts';

const plain = paint(false);
const diff = (before: string, after: string) => diffText(diffLines(before, after), plain);

describe('the difference of two texts', () => {
  it('is nothing where they are the same, and everything where one is empty', () => {
    expect(diff('a\nb\n', 'a\nb\n')).toBe('');
    expect(diff('', '')).toBe('');
    expect(diff('', 'a\nb\n')).toBe('+ a\n+ b\n');
    expect(diff('a\n', '')).toBe('- a\n');
  });

  it('leaves common lines where they are', () => {
    expect(diff('a\nb\nc\nd\n', 'a\nx\nc\nd\ne\n')).toBe('  a\n- b\n+ x\n  c\n  d\n+ e\n');
  });

  it('shows three lines round each change, and that there is more', () => {
    const many = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    const changed = many.with(10, 'other');
    const text = diff(many.join('\n'), changed.join('\n'));
    expect(text.split('\n').slice(0, 5)).toEqual(['  …', '  line 7', '  line 8', '  line 9', '- line 10']);
    expect(text.split('\n').at(-2)).toBe('  …');
  });

  it('turns the one into the other, whatever they are', () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
    for (let round = 0; round < 200; round++) {
      const text = () => Array.from({ length: random(12) }, () => `${random(4)}`).join('\n');
      const [before, after] = [text(), text()];
      const lines = diffLines(before, after);
      const side = (mark: string) => lines.filter((line) => line.mark !== mark).map((line) => line.text);
      expect(side('+').join('\n')).toBe(before);
      expect(side('-').join('\n')).toBe(after);
    }
  });

  it('takes no square of two long texts', () => {
    const long = (name: string) => Array.from({ length: 50_000 }, (_, i) => `${name} ${i}`).join('\n');
    const from = performance.now();
    expect(diffLines(long('a'), long('b'))).toHaveLength(100_000);
    expect(performance.now() - from).toBeLessThan(5_000);
  });

  it('is coloured where there are colours', () => {
    expect(diffText(diffLines('a\n', 'b\n'), paint(true))).toBe('\x1b[31m- a\x1b[0m\n\x1b[32m+ b\x1b[0m\n');
  });
});
