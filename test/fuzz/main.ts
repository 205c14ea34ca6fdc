import { parseArgs } from 'node:util';
import { keepWorst, readInput, save } from './corpus.ts';
import { measure, shareOf } from './cost.ts';
import type { Tally } from './hunt.ts';
import { targetOf, targets } from './targets/index.ts';
import { hunt } from './watched.ts';

/**
 * `make fuzz FUZZ="…"`: each target for a minute, or as the arguments say. Shows how far it is, saves what does harm,
 * and ends with 1 when there was any.
 */
const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: targets.map(({ name }) => name) },
    seconds: { type: 'string', default: '60' },
    inputs: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    replay: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});

const seconds = Number(values.seconds);
if (values.replay !== undefined) await replay(values.target[0], values.replay);
else for (const name of values.target) await run(name);

async function run(name: string): Promise<void> {
  const limits = { seed: Number(values.seed), inputs: Number(values.inputs), seconds };
  const tally = await hunt(name, limits, progress);
  progress(tally);
  process.stderr.write('\n');
  tell(tally);
  if (values.keep) keepWorst(name, tally.worst.found);
}

function progress({ target, inputs, bytes, outcomes, worst, findings }: Tally): void {
  const share = (100 * (worst.found[0]?.share ?? 0)).toFixed(0);
  const line = `${target}: ${inputs} inputs, ${(bytes / 2 ** 20).toFixed(1)} MiB, ${outcomes.size} outcomes, the worst takes ${share} % of its budget, ${findings.length} found`;
  process.stderr.write(process.stderr.isTTY ? `\r${line}\x1b[K` : `${line}\n`);
}

function tell({ target, worst, findings }: Tally): void {
  for (const { input, cost, share, outcome } of worst.found) {
    const part = `${(100 * share).toFixed(0)} %`.padStart(5);
    console.log(
      `${part}  ${input.length} bytes: ${cost.cpuUs} µs, ${Math.round(cost.memoryBytes / 1024)} KiB: ${outcome}`,
    );
  }
  for (const { input, what } of findings) {
    process.exitCode = 1;
    console.log(`\nFOUND ${what}\n  make fuzz FUZZ="--target ${target} --replay ${save(target, input)}"`);
  }
}

async function replay(name: string, path: string): Promise<void> {
  const target = targetOf(name);
  const { check, budget } = target;
  const input = readInput(path);
  for (let n = 0; n < 5; n++) {
    const { result, cost } = await measure(target, input);
    const share = (100 * shareOf(cost, input.length, budget)).toFixed(0);
    console.log(
      `${input.length} bytes: ${cost.cpuUs} µs, ${cost.memoryBytes} bytes taken, ${share} % of its budget: ${result}`,
    );
    await check?.(input, result);
  }
}
