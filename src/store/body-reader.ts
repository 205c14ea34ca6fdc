import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';

/** Reads files of bodies, the last one open: what is read together mostly lies together. */
export class BodyReader {
  #path = '';
  #descriptor = -1;

  /**
   * Undefined where the file is not there, ends before, or cannot be read there. Throws what else the system says, such
   * as that there are too many open files.
   */
  read(path: string, start: number, bytes: number): Uint8Array | undefined {
    try {
      return this.#read(path, start, bytes);
    } catch (error) {
      if (unreadable.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw error;
    }
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#path = '';
    this.#descriptor = -1;
  }

  #read(path: string, start: number, bytes: number): Uint8Array | undefined {
    let stats = path === this.#path ? fstatSync(this.#descriptor) : this.#open(path);
    // Another process deleted it: there may be another of its name.
    if (stats.nlink === 0) stats = this.#open(path);
    if (start + bytes > stats.size) return undefined;
    const body = new Uint8Array(bytes);
    for (let done = 0; done < bytes; ) {
      const read = readSync(this.#descriptor, body, done, bytes - done, start + done);
      if (read === 0) return undefined;
      done += read;
    }
    return body;
  }

  #open(path: string): Stats {
    this.close();
    this.#descriptor = openSync(path, constants.O_RDONLY);
    this.#path = path;
    return fstatSync(this.#descriptor);
  }
}

/** No such file, a sector that is worn out, a directory. */
const unreadable = ['ENOENT', 'EIO', 'EISDIR'];
