import { describe, expect, it } from 'vitest';
import { SteadyOutput } from '../../src/telemetry/steady-output.ts';

type Done = (error: NodeJS.ErrnoException | null, written: number) => void;

/** A descriptor whose writes end when the story says so. */
function started() {
  const pending: { bytes: string; done: Done }[] = [];
  const written: string[] = [];
  const regained: number[] = [];
  let most = 0;
  const output = new SteadyOutput(1, (_fd, bytes, done) => {
    pending.push({ bytes: Buffer.from(bytes).toString(), done });
    most = Math.max(most, pending.length);
  });
  output.onRegained = (lines) => void regained.push(lines);
  return {
    output,
    pending,
    regained,
    text: () => written.join(''),
    most: () => most,
    /** The write under way ends, after `length` bytes where that is given. */
    takes(length?: number): void {
      const { bytes, done } = pending.shift()!;
      written.push(bytes.slice(0, length));
      done(null, length ?? bytes.length);
    },
    fails(code: string): void {
      pending.shift()!.done(Object.assign(new Error(code), { code }), 0);
    },
  };
}

describe('an output', () => {
  it('writes lines in order, one write at a time, those that came meanwhile together', () => {
    const { output, takes, text, most, pending } = started();
    for (const line of ['a\n', 'b\n', 'c\n']) output.write(line);
    takes();
    expect(pending.map(({ bytes }) => bytes)).toEqual(['b\nc\n']);
    takes();
    expect([text(), most(), output.lostLines]).toEqual(['a\nb\nc\n', 1, 0]);
  });

  it('goes on where a write came to an end in the middle', () => {
    const { output, takes, text } = started();
    output.write('first line\n');
    takes(4);
    takes(3);
    takes();
    expect(text()).toBe('first line\n');
  });

  it('keeps what a reader that has stopped does not take, up to 4 MiB, and counts what comes on top', () => {
    const { output, takes, text, regained, pending } = started();
    const line = `${'x'.repeat(1023)}\n`;
    for (let i = 0; i < 5 * 1024; i++) output.write(line);
    expect(pending).toHaveLength(1);
    expect(output.lostLines).toBe(1024 - 1);
    while (pending.length > 0) takes();
    expect(text().length).toBe(4 * 2 ** 20 + 1024);
    expect(regained).toEqual([1023]);
  });

  it('loses and counts the lines that an error meets, goes on with the next ones, and says so once', () => {
    const { output, takes, fails, text, regained } = started();
    output.write('one\n');
    output.write('two\n');
    fails('ENOSPC');
    fails('EIO');
    expect(output.lostLines).toBe(2);
    output.write('three\n');
    takes();
    output.write('four\n');
    takes();
    expect(text()).toBe('three\nfour\n');
    expect(regained).toEqual([2]);
  });

  it('begins a new line behind one that was cut', () => {
    const { output, takes, fails, text } = started();
    output.write('cut here\n');
    takes(3);
    fails('ENOSPC');
    output.write('whole\n');
    takes();
    expect(text()).toBe('cut\nwhole\n');
    expect(output.lostLines).toBe(1);
  });

  it('tries again where a descriptor that others share does not block and has no room', async () => {
    const { output, takes, fails, pending, text } = started();
    output.write('line\n');
    fails('EAGAIN');
    await expect.poll(() => pending.length, { timeout: 30_000 }).toBe(1);
    takes();
    expect([text(), output.lostLines]).toEqual(['line\n', 0]);
  });

  it('is waited for at the end, so long and no longer', async () => {
    const { output, takes } = started();
    await output.flushed(60_000);
    output.write('line\n');
    await output.flushed(5);
    const flushed = output.flushed(60_000);
    takes();
    await flushed;
  });
});
