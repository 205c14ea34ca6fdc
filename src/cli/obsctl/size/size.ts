import type { Command } from 'commander';
import { parseDuration, parseSize } from '../../../units.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import type { Run } from '../command.ts';
import type { Settings } from '../settings.ts';
import { sizeText } from '../status.ts';
import { jsonText } from '../terminal.ts';
import { chosen, type Load, measured, type Size, sizeOf } from './estimate.ts';

interface Flags {
  readonly rate: string;
  readonly span: string;
  readonly wait: string;
  readonly spansPerTrace: string;
  readonly kept: string;
  readonly cores: string;
  readonly agents: boolean;
  readonly kafkaRetention: string;
}

export function registerSize(parent: Command, run: Run): void {
  parent
    .command('size')
    .description('cores, memory, network and partitions that a load takes (docs/scaling.md); asks nobody')
    .requiredOption('--rate <spans>', 'spans a second, such as 50k or 1.2M')
    .option('--span <bytes>', 'of a span, uncompressed', '450')
    .option('--wait <time>', 'buffer.decision_wait', '15s')
    .option('--spans-per-trace <n>', 'on average', '10')
    .option('--kept <percent>', 'of all spans', '3')
    .option('--cores <n>', 'of one gateway', '2')
    .option('--no-agents', 'senders reach any gateway, and most spans go on to another')
    .option('--kafka-retention <time>', 'how long a topic keeps what it has', '6h')
    .action((flags: Flags, command: Command) => run(command, (settings) => size(flags, settings)));
}

async function size(flags: Flags, { io, output }: Settings): Promise<ExitCode> {
  const load = loadOf(flags);
  const it = sizeOf(load);
  if (output === 'ids') io.stdout.write(`${it.gateways}\n`);
  else if (output === 'table') io.stdout.write(sizeLines(load, it));
  else io.stdout.write(`${jsonText({ load, size: it }, output === 'json' ? 2 : 0)}\n`);
  return exit.found;
}

function loadOf(flags: Flags): Load {
  const number = (flag: string, text: string, least: number, most: number): number => {
    const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kMG]?)$/.exec(text) ?? [];
    const value = Number(digits) * ({ k: 1e3, M: 1e6, G: 1e9 }[unit] ?? 1);
    if (value >= least && value <= most) return value;
    throw new CommandError(`--${flag} ${text}: expected a number from ${least} to ${most}, such as 50k`, exit.usage);
  };
  const time = (flag: string, text: string): number => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms > 0) return ms;
    throw new CommandError(`--${flag} ${text}: expected a duration such as 15s`, exit.usage);
  };
  const spanBytes = parseSize(flags.span);
  if (!spanBytes) throw new CommandError(`--span ${flags.span}: expected a size such as 450 or 2KiB`, exit.usage);
  return {
    spansPerSecond: number('rate', flags.rate, 1, 1e12),
    spanBytes,
    waitMs: time('wait', flags.wait),
    spansPerTrace: number('spans-per-trace', flags.spansPerTrace, 1, 1e6),
    keptShare: number('kept', flags.kept, 0, 100) / 100,
    hasAgents: flags.agents,
    coresPerGateway: number('cores', flags.cores, 1, 64),
    kafkaRetentionMs: time('kafka-retention', flags.kafkaRetention),
  };
}

const cores = (value: number): string => String(Number(value.toPrecision(2)));
const persecond = (bytes: number): string => `${sizeText(bytes)}/s`;

/** The estimate as text. Pure. */
function sizeLines({ hasAgents, coresPerGateway, waitMs }: Load, it: Size): string {
  const { deciding, handing, needed } = it.cores;
  const hop = hasAgents ? '' : ` + ${cores(handing)} handing spans to their owners`;
  const lines = [
    ['gateways', `${it.gateways} of ${coresPerGateway} cores, one of which may be gone`],
    ['cores', `${cores(needed)}: ${cores(deciding)} deciding${hop}, at ${100 * chosen.utilization} % of their time`],
    [
      'waiting',
      `${Math.round(it.waiting.spans).toLocaleString('en')} spans for ${waitMs / 1000} s: ${sizeText(it.waiting.bytes)} in all`,
    ],
    [
      'memory',
      `${sizeText(it.bufferBytes)} buffer.max_bytes of each; ${sizeText(Math.max(it.memoryLimitBytes, 512 * 2 ** 20))} as its container's limit`,
    ],
    [
      'network',
      `${persecond(it.network.inBytes)} in, ${persecond(it.network.betweenBytes)} between gateways, ${persecond(it.network.outBytes)} out, uncompressed`,
    ],
    ['kept', `${sizeText(it.keptBytesPerDay)} a day, uncompressed`],
    [
      'kafka',
      `instead of peers: ${it.kafka.partitions} partitions, ${persecond(it.kafka.bytes)}, ${sizeText(it.kafka.diskBytes)} of disk with ${chosen.replicas} replicas`,
    ],
  ];
  const basis = `By ${measured.spansPerCpuSecond / 1000} k spans of ${measured.spanBytes} bytes per CPU-second, as measured; docs/scaling.md has the formulas, and what is chosen.`;
  return `${lines.map(([key, value]) => `${key.padEnd(10)}${value}\n`).join('')}\n${basis}\n`;
}
