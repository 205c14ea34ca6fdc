import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A record that is no request, and where it stands in its topic. */
interface Poison {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly value: Buffer;
  readonly why: string;
}

export interface SetAside {
  put(poison: Poison): void;
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
  #files = 0;
  #bytes = 0;

  constructor(directory: string, tell: (poison: Poison, file: string) => void) {
    this.#directory = directory;
    this.#tell = tell;
  }

  put(poison: Poison): void {
    const { topic, partition, offset, value } = poison;
    const file = join(this.#directory, `${topic}-${partition}-${offset}.bin`);
    this.#tell(poison, this.#write(file, value) ? file : '');
  }

  #write(file: string, value: Buffer): boolean {
    if (this.#files >= maxFiles || this.#bytes + value.length > maxBytes) return false;
    try {
      mkdirSync(this.#directory, { recursive: true });
      writeFileSync(file, value);
    } catch {
      return false;
    }
    this.#files++;
    this.#bytes += value.length;
    return true;
  }
}
