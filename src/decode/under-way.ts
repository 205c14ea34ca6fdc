/** A message that the scan is in, which may rest in the middle of it. Positions are where the request lies. */
class UnderWay {
  isOpen = false;
  /** Where its length stands, and its body. */
  at = 0;
  start = 0;
  end = 0;
  /** The number of slices before it. */
  firstRow = 0;
  isSound = true;

  begin(at: number, start: number, end: number, firstRow: number): void {
    this.isOpen = true;
    this.at = at;
    this.start = start;
    this.end = end;
    this.firstRow = firstRow;
    this.isSound = true;
  }
}

/** A ResourceSpans. */
export class ResourceUnderWay extends UnderWay {
  hasScopeSpans = false;
  hasOldOnes = false;
  /** It is gone through a second time, for the old ones. */
  isOfOldOnes = false;
  /** What its scopes take of it. */
  scopesBytes = 0;
  /** The first row whose bits must be completed when all is read; −1 = none. */
  completeFrom = -1;

  override begin(at: number, start: number, end: number, firstRow: number): void {
    super.begin(at, start, end, firstRow);
    this.hasScopeSpans = false;
    this.hasOldOnes = false;
    this.isOfOldOnes = false;
    this.scopesBytes = 0;
    this.completeFrom = -1;
  }
}

/** A ScopeSpans. */
export class ScopeUnderWay extends UnderWay {
  /** Where its last span so far ends, -1 = there is none; and how often another one did not begin just there. */
  spansTo = -1;
  gaps = 0;
  /** What its spans take of it. */
  spansBytes = 0;
  /** Its scope stands behind spans. */
  cameLate = false;

  override begin(at: number, start: number, end: number, firstRow: number): void {
    super.begin(at, start, end, firstRow);
    this.spansTo = -1;
    this.gaps = 0;
    this.spansBytes = 0;
    this.cameLate = false;
  }
}
