import type { Cost } from './cost.ts';

/** An input and what it cost. */
export interface Costly {
  readonly input: Buffer;
  readonly cost: Cost;
  /** Of its budget. */
  readonly share: number;
  readonly outcome: string;
}

const places = 10;

/** The ten that took the largest part of their budget, no two of them with the same outcome and about the same length. */
export class Worst {
  readonly found: Costly[] = [];

  /** What an input must cost to be among them. */
  get least(): number {
    return this.found.length < places ? 0 : this.found[places - 1].share;
  }

  /** Each is measured again: what ran for the first time, or beside others, looked dearer than it is. */
  async settle(again: (costly: Costly) => Promise<Costly>): Promise<void> {
    for (let i = 0; i < this.found.length; i++) this.found[i] = await again(this.found[i]);
    this.found.sort((one, other) => other.share - one.share);
  }

  offer(costly: Costly): void {
    const twin = this.found.findIndex((other) => isAlike(costly, other));
    if (twin >= 0 && this.found[twin].share >= costly.share) return;
    if (twin >= 0) this.found.splice(twin, 1);
    this.found.push({ ...costly, input: Buffer.from(costly.input) });
    this.found.sort((one, other) => other.share - one.share);
    this.found.length = Math.min(places, this.found.length);
  }
}

function isAlike(one: Costly, other: Costly): boolean {
  const [short, long] = [one.input.length, other.input.length].sort((a, b) => a - b);
  return one.outcome === other.outcome && long <= short * 2;
}
