import { tracesPerGeneration } from './trace-key.ts';

/** The hashes of the ids of the generation that is being filled, by their places in it; 0 for those to come. */
export class LastGeneration {
  readonly hashes = new Int32Array(tracesPerGeneration);
  /** Which it is; -1 where that is not known. */
  number = -1;

  get first(): number {
    return this.number * tracesPerGeneration;
  }

  begin(number: number): void {
    this.number = number;
    this.hashes.fill(0);
  }

  /** Of a trace of this generation. */
  add(number: number, hash: number): void {
    this.hashes[number - this.first] = hash;
  }

  /** Of the traces before `end`, those whose ids have this hash. */
  numbers(hash: number, end: number): number[] {
    const found: number[] = [];
    const places = end - this.first;
    for (let at = this.hashes.indexOf(hash); at >= 0 && at < places; at = this.hashes.indexOf(hash, at + 1))
      found.push(this.first + at);
    return found;
  }
}
