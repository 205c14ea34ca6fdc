import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stopProcesses } from '../../tools/obs/down.ts';
import { startDetached } from '../../tools/obs/process.ts';

it('what does not end on SIGTERM by its nature ends without alarm, and all else is told as it was', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tailgate-down-'));
  const ready = createServer().listen(join(directory, 'ready'));
  try {
    const deaf = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); require('node:net').connect(process.argv[1])`;
    const start = (name: string, code: string) =>
      startDetached(
        name,
        { program: process.execPath, args: ['-e', code, join(directory, 'ready')] },
        join(directory, 'log'),
      );
    const heard = once(ready, 'connection');
    const tempo = await start('tempo', deaf);
    await heard;
    const gateway = await start('gateway', 'setInterval(() => {}, 1000)');
    expect(await stopProcesses([tempo, gateway])).toEqual([
      'gateway: ended',
      'tempo: ended (asked within its last 30 s it does not end by itself; its traces are on disk)',
    ]);
  } finally {
    ready.close();
    rmSync(directory, { recursive: true });
  }
});
