import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from 'node:fs';

/** Reads files of bodies, the last one open: what is read together mostly lies together. */
export class BodyReader {
  #path = '';
  #descriptor = -1;

  /** Undefined where the file is not there, or ends before. Throws what the system says. */
  read(path: string, start: number, bytes: number): Uint8Array | undefined {
    if (path !== this.#path && !this.#open(path)) return undefined;
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

  #open(path: string): boolean {
    this.close();
    if (!existsSync(path)) return false;
    this.#descriptor = openSync(path, constants.O_RDONLY);
    this.#path = path;
    return true;
  }
}
