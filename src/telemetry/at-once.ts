/**
 * Runs `make` for whoever asks, once at a time: those who come while it runs share the next run, which begins after they
 * have come, so that nobody is told what was so before he asked.
 */
export function oneAtATime<T>(make: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const run = (): Promise<T> => {
    next = undefined;
    const made = make().finally(() => {
      if (running === made) running = undefined;
    });
    running = made;
    return made;
  };
  return () => {
    if (running === undefined) return run();
    next ??= running.then(run, run);
    return next;
  };
}
