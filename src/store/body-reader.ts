import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Reads files of bodies, the last one open: what is read together mostly lies together. */
export class BodyReader {
  #path = '';
  #descriptor = -1;

  /** Undefined where the file is not there, or ends before. Throws what the system says. */
  read(path: string, start: number, bytes: number): Uint8Array | undefined {
    if ((path !== this.#path || this.#isDeleted) && !this.#open(path)) return undefined;
    if (start + bytes > fstatSync(this.#descriptor).size) return undefined;
    const body = new Uint8Array(bytes);
    for (let done = 0; done < bytes; ) {
      const read = readSync(this.#descriptor, body, done, bytes - done, start + done);
      if (read === 0) return undefined;
      done += read;
    }
    return body;
  }

  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#path = '';
    this.#descriptor = -1;
  }

  /** By another process: there may be another of its name. */
  get #isDeleted(): boolean {
    return fstatSync(this.#descriptor).nlink === 0;
  }

  #open(path: string): boolean {
    this.close();
    try {
      this.#descriptor = openSync(path, constants.O_RDONLY);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    this.#path = path;
    return true;
  }
}
