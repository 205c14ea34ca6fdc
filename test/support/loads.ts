import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/** What a gateway loaded, in its main thread and until its end. */
export interface Loads {
  /** Names of packages below node_modules. */
  readonly packages: readonly string[];
  /** Files of ours, below src/. */
  readonly files: readonly string[];
  /** As Node names its own: `NativeModule http`. */
  readonly builtins: readonly string[];
}

/** Preloaded into a gateway by `NODE_OPTIONS=--import …`: writes its Loads to the file $LOADS when it ends. */
const urls: string[] = [];
registerHooks({
  load: (url, context, next) => {
    urls.push(url);
    return next(url, context);
  },
});
process.on('exit', () => {
  const found = (pattern: RegExp) => [...new Set(urls.map((url) => pattern.exec(url)?.[1]).filter(Boolean))].sort();
  const { moduleLoadList: builtins } = process as unknown as { moduleLoadList: string[] };
  const packages = found(/\/node_modules\/((?:@[^/]+\/)?[^/]+)\//);
  writeFileSync(process.env.LOADS ?? '', JSON.stringify({ packages, files: found(/\/src\/(.*)/), builtins }));
});
