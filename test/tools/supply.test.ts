import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { judgeAudit } from '../../tools/audit.ts';
import { sbom } from '../../tools/sbom.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => JSON.parse(readFileSync(root + file, 'utf8'));

interface Locked {
  readonly version: string;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
}

/** NAME@VERSION of all that is reached from the project's own dependencies, as Node looks packages up in the lockfile. */
function production(): string[] {
  const { packages } = read('package-lock.json') as { packages: Record<string, Locked> };
  const reached = new Set<string>();
  const placeOf = (name: string, from: string): string | undefined => {
    const place = `${from && `${from}/`}node_modules/${name}`;
    if (packages[place]) return place;
    return from === '' ? undefined : placeOf(name, from.replace(/\/?(?:node_modules\/)(?:@[^/]+\/)?[^/]+$/, ''));
  };
  const visit = (from: string): void => {
    const { dependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta = {} } = packages[from]!;
    const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
    for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]) {
      const place = placeOf(name, from);
      if (place === undefined || reached.has(place)) continue;
      reached.add(place);
      visit(place);
    }
  };
  visit('');
  const named = [...reached].map((place) => `${place.split('node_modules/').at(-1)}@${packages[place]!.version}`);
  return [...new Set(named)].toSorted();
}

describe('the bill of materials', () => {
  it('names every package that production has, each with its version and its hash, and no other', () => {
    const bom = sbom() as unknown as {
      bomFormat: string;
      metadata: { component: { name: string } };
      components: { name: string; version: string; hashes?: unknown[] }[];
    };
    expect(bom.bomFormat).toBe('CycloneDX');
    expect(bom.metadata.component.name).toBe('tailgate');
    const told = bom.components.map(({ name, version }) => `${name}@${version}`);
    expect(told.toSorted()).toEqual(production());
    expect(bom.components.filter(({ hashes }) => !hashes?.length)).toEqual([]);
  });
});

describe('an audit', () => {
  const answer = (...severities: string[]) =>
    JSON.stringify({
      vulnerabilities: Object.fromEntries(
        severities.map((severity, i) => [
          `package-${i}`,
          { severity, range: '<1.2.3', via: ['other', { title: 'reads too far', url: 'https://advisories.test/1' }] },
        ]),
      ),
    });

  it('fails on what is high or critical, and names it', () => {
    expect(judgeAudit(answer('low', 'high'))).toEqual({
      failed: true,
      lines: [
        'audit: low: package-0 <1.2.3: by other; reads too far https://advisories.test/1',
        'audit: high: package-1 <1.2.3: by other; reads too far https://advisories.test/1',
        'audit: 2 findings, high or critical ones among them',
      ],
    });
    expect(judgeAudit(answer('critical')).failed).toBe(true);
  });

  it('passes what is less, and nothing', () => {
    expect(judgeAudit(answer('moderate', 'low')).failed).toBe(false);
    expect(judgeAudit(answer())).toEqual({ failed: false, lines: ['audit: 0 findings'] });
  });

  it.each([
    [JSON.stringify({ statusCode: 405, message: '405 Method Not Allowed' }), 'HTTP 405'],
    ['', 'no answer'],
    ['<html>', 'no answer'],
  ])('says in one line that nobody could be asked: %s', (output, why) => {
    const line = `audit: not done: the registry has no advisories to ask for (${why})`;
    expect(judgeAudit(output)).toEqual({ failed: false, lines: [line] });
  });
});
