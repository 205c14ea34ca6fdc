import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../folders.ts';

/** A record that is no request, and where it stands in its topic. */
export interface Poison {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly key?: Buffer | undefined;
  readonly value: Buffer;
  readonly why: string;
}

export interface SetAside {
  put(poison: Poison): void;
  /** So much waits to be kept that nothing more is to be read. */
  readonly isBehind: boolean;
  /** True when all that was put by now is where it is kept, or given up: only then is its offset over. False: not yet. */
  settled(): Promise<boolean>;
}

/** Of one process: whoever writes nonsense to the topic shall not fill the disk. */
const maxFiles = 1_000;
const maxBytes = 64 * 1024 * 1024;

/**
 * Keeps records that cannot be read as files `TOPIC-PARTITION-OFFSET.bin`, the first ones; each is told, with its
 * offset, by which it can be had from the topic as long as that keeps it.
 */
export class SetAsideFiles implements SetAside {
  readonly #directory: string;
  readonly #tell: (poison: Poison, file: string) => void;
  readonly isBehind = false;
  #files = 0;
  #bytes = 0;
  #writing: Promise<void> = Promise.resolve();

  /** `tell`: with the file's name, or '' where there is none. */
  constructor(directory: string, tell: (poison: Poison, file: string) => void) {
    this.#directory = directory;
    this.#tell = tell;
  }

  put(poison: Poison): void {
    const { topic, partition, offset, value } = poison;
    if (this.#files >= maxFiles || this.#bytes + value.length > maxBytes) {
      this.#tell(poison, '');
      return;
    }
    this.#files++;
    this.#bytes += value.length;
    const file = join(this.#directory, `${topic}-${partition}-${offset}.bin`);
    this.#writing = this.#writing.then(async () => this.#tell(poison, (await this.#write(file, value)) ? file : ''));
  }

  async settled(): Promise<boolean> {
    await this.#writing;
    return true;
  }

  async #write(file: string, value: Buffer): Promise<boolean> {
    try {
      await makeFolder(this.#directory);
      await writeFile(file, value);
      return true;
    } catch {
      this.#files--;
      this.#bytes -= value.length;
      return false;
    }
  }
}
