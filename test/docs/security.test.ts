import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/security.md'), 'utf8');

/** The lines of the table under this heading, cell by cell, without its head. */
function rowsUnder(heading: string): string[][] {
  const section = page.split(/^## /m).find((text) => text.startsWith(heading)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| '));
  return lines.slice(1).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('docs/security.md', () => {
  const threats = rowsUnder('Who attacks, from where');

  it('says of every attacker what holds it and where that is tested, in files of tests that exist', () => {
    expect(threats.length).toBeGreaterThan(10);
    for (const [who, wants, holds, tested, ...rest] of threats) {
      expect([who, wants, holds].every(Boolean), who).toBe(true);
      expect(rest).toEqual([]);
      const files = [...tested!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!);
      expect(files.length, who).toBeGreaterThan(0);
      for (const file of files) {
        expect(file).toMatch(/^test\/.*\.test\.ts$/);
        expect(existsSync(join(root, file)), file).toBe(true);
        expect(readFileSync(join(root, file), 'utf8'), file).toMatch(/\bit(?:\.\w+)*\(/);
      }
    }
  });

  it('names no test, document or target of make that is not there', () => {
    for (const [, target] of page.matchAll(/\]\(([^)#\s]*)(?:#[^)]*)?\)/g)) {
      if (target) expect(existsSync(join(root, 'docs', target)), target).toBe(true);
    }
    for (const [, file] of page.matchAll(/`(test\/[^`*]+)`/g)) expect(existsSync(join(root, file!)), file).toBe(true);
    const makefile = readFileSync(join(root, 'Makefile'), 'utf8');
    for (const [, target] of page.matchAll(/`make ([a-z-]+)`/g))
      expect(makefile).toMatch(new RegExp(`^${target}:`, 'm'));
  });
});
