/** Numbers in [0, 1), from a seed. */
export type Chance = () => number;

/** What an input may cost: so much whatever it is, and so much for each byte of it. */
export interface Budget {
  readonly cpuUs: number;
  readonly cpuUsPerByte: number;
  /** Memory taken while it was read, let go again or not. */
  readonly memoryBytes: number;
  readonly memoryBytesPerByte: number;
  /** Longest that an input may hold a thread, whatever its size; 100 ms where nothing else is said. */
  readonly stallUs?: number;
}

/** Something that reads what strangers send. */
export interface Target {
  readonly name: string;
  readonly budget: Budget;
  /** The longest input. */
  readonly maxBytes: number;
  /** What it runs leaves this process when it goes wrong: each input is on disk before it is run. */
  readonly isNative?: boolean;
  /** `run` waits for others, whose time is counted too. */
  readonly isAsync?: boolean;
  /** Inputs as they should be, of which others are made. */
  readonly seeds: () => readonly Buffer[];
  /** Another input, by the structure of what is attacked. */
  readonly change: (parent: Buffer, chance: Chance) => Buffer;
  /**
   * Reads the input, and is measured. What came of it in a few words; an input with new words becomes a parent. Throws
   * where something is wrong with the reader, not with the input.
   */
  readonly run: (input: Buffer) => string | Promise<string>;
  /** Compares with what others make of it, unmeasured. Throws the difference. */
  readonly check?: (input: Buffer, outcome: string) => void | Promise<void>;
}

/** An error's message as words: without the numbers, places and quotations in it. */
export const wordsOf = (error: unknown): string =>
  (error as Error).message
    .replace(/"(?:[^"\\]|\\.)*"?/g, '"…"')
    .replace(/\[\d+\]|\d+/g, '#')
    .slice(0, 120);

export const below = (limit: number, chance: Chance): number => Math.floor(chance() * limit);
export const pick = <T>(list: readonly T[], chance: Chance): T => list[below(list.length, chance)];
