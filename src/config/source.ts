/** Where rules come from: it speaks when what it holds has changed, and is never asked twice at a time. */
export interface Source<Content> {
  /** `file:…` or `consul:…` */
  readonly name: string;
  start(listener: SourceListener<Content>): void;
  /** Asks now rather than at the next occasion. */
  refresh(): void;
  stop(): void;
}

export interface SourceListener<Content> {
  /** What the source holds now: at first, and whenever it differs from the last time. */
  changed(content: Content): void;
  /** It was reached, whether or not anything changed; Consul up to this index. */
  answered(index?: number): void;
  /** It could not be reached or read; it goes on trying. */
  failed(error: Error): void;
}

/**
 * Starts the source; resolves after its first word, at the latest after `waitMs`. What it says later is heard as well.
 */
export async function hear<C>(source: Source<C>, listener: SourceListener<C>, waitMs?: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = waitMs === undefined ? undefined : setTimeout(resolve, waitMs);
  source.start({
    changed: (content) => {
      listener.changed(content);
      resolve();
    },
    answered: (index) => listener.answered(index),
    failed: (error) => {
      listener.failed(error);
      resolve();
    },
  });
  await promise;
  clearTimeout(timer);
}
