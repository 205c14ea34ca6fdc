import { Writable } from 'node:stream';
import { SteadyOutput } from '../../telemetry/steady-output.ts';

export interface Stdio {
  /** The log, one JSON line an event. */
  readonly stdout: SteadyOutput;
  readonly stderr: SteadyOutput;
}

/**
 * Puts outputs that never block in the place of process.stdout and process.stderr, so that whoever prints (a library by
 * console, another thread through this one, Node its warnings) cannot hold up the gateway. To be called before threads
 * are started.
 */
export function steadyStdio(): Stdio {
  const stdout = replace('stdout', 1);
  const stderr = replace('stderr', 2);
  process.removeAllListeners('warning');
  process.on('warning', ({ name, message }) => stderr.write(`${name}: ${message}\n`));
  return { stdout, stderr };
}

function replace(name: 'stdout' | 'stderr', fd: number): SteadyOutput {
  const output = new SteadyOutput(fd);
  const value = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      output.write(chunk.toString());
      done();
    },
  });
  Object.defineProperty(process, name, { value, configurable: true, enumerable: true });
  return output;
}
