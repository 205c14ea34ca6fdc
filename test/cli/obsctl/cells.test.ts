import { describe, expect, it } from 'vitest';
import { cellWidth, cut, padEnd, padStart, printable } from '../../../src/cli/obsctl/cells.ts';

describe('text in terminal cells', () => {
  it.each([
    ['checkout', 8],
    ['Größe', 5],
    ['Gro\u0308ße', 5],
    ['商品を検索', 10],
    ['한국어', 6],
    ['🛒 add', 6],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['خدمة', 4],
    ['a\u200bb', 2],
    ['', 0],
  ])('%j takes %i', (text, width) => {
    expect(cellWidth(text)).toBe(width);
  });

  it('cuts a name where it no longer fits, never through a wide character', () => {
    expect(cut('商品を検索', 10)).toBe('商品を検索');
    expect(cut('商品を検索', 9)).toBe('商品を検…');
    expect(cut('商品を検索', 8)).toBe('商品を…');
    expect(cut('checkout', 1)).toBe('…');
    expect(cut('checkout', 0)).toBe('');
  });

  it('pads by cells on either side', () => {
    expect(padEnd('検索', 6)).toBe('検索  ');
    expect(padStart('検索', 6)).toBe('  検索');
    expect(padEnd('too long', 3)).toBe('too long');
  });

  it('lets no name write to the terminal: escapes, line breaks and reversed text are taken out', () => {
    expect(printable('a\x1b[2J\u009b31mb\r\nc\td\u202ee\u2066\u0000\ud800')).toBe(
      'a\ufffd[2J\ufffd31mb c de\ufffd\ufffd',
    );
  });
});
