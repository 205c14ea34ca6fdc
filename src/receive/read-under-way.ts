/** Uses bytes where they were read. */
export interface Borrower {
  /** Set while it is entered in the read under way. */
  isBorrowing: boolean;
  /** The read is over, and what it brought is overwritten by the next one: whatever is still needed is to be copied. */
  keep(): void;
}

/** Who uses bytes of the read under way: each is told once when it is over. */
export class ReadUnderWay {
  readonly #borrowers: Borrower[] = [];

  lend(borrower: Borrower): void {
    if (borrower.isBorrowing) return;
    borrower.isBorrowing = true;
    this.#borrowers.push(borrower);
  }

  over(): void {
    for (const borrower of this.#borrowers) {
      borrower.isBorrowing = false;
      borrower.keep();
    }
    this.#borrowers.length = 0;
  }
}
