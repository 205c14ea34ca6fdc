// Writes dist/sbom.cdx.json: a CycloneDX document of what the lockfile brings for production. bin/node tools/sbom.ts [FILE]
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Bom {
  readonly metadata: { readonly component: Record<string, unknown> };
  readonly components: readonly { readonly name: string; readonly version: string }[];
}

interface Locked {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

interface Lock {
  readonly packages: Record<string, Locked>;
}

const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'));

const nameOf = (place: string): string => place.split('node_modules/').at(-1) as string;

/** What production has, with what development needs as well where a package of production may have it. */
function withOptional(packages: Lock['packages']): [string, Locked][] {
  const entries = Object.entries(packages).filter(([, { dev }]) => !dev);
  const sure = entries.filter(([, { devOptional }]) => !devOptional);
  const needed = new Set(
    sure.flatMap(([, each]) => Object.keys({ ...each.dependencies, ...each.optionalDependencies })),
  );
  return entries.filter(([place, { devOptional }]) => !devOptional || needed.has(nameOf(place)));
}

/**
 * npm's own (`npm sbom`), of a lockfile without what is for development: asked to omit that, npm 11 omits what
 * development needs as well, such as yaml. It names a project by its folder.
 */
export function sbom(): Bom {
  const { devDependencies: _, ...own } = read('package.json');
  const lock: Lock = read('package-lock.json');
  const inProduction = withOptional(lock.packages);
  const packages = { ...Object.fromEntries(inProduction), '': { ...lock.packages[''], devDependencies: undefined } };
  const folder = mkdtempSync(join(tmpdir(), 'sbom-'));
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify(own));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ ...lock, packages }));
    const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
    const bom: Bom = JSON.parse(execFileSync('npm', args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 }));
    return { ...bom, metadata: { ...bom.metadata, component: { ...bom.metadata.component, name: own.name } } };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const file = process.argv[2] ?? join(root, 'dist/sbom.cdx.json');
  const bom = sbom();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(bom, null, 2)}\n`);
  console.log(`${bom.components.length} packages in ${file}`);
}
