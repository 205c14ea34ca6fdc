/** What there is instead of an answer that did not come in time. */
export const late: unique symbol = Symbol('late');

/**
 * The answer, or `late` when it has not come after `ms`; fails where the answer fails. Its timer goes with it, and
 * where `ref` is false holds up no end of the process.
 */
export async function inTime<T>(answer: Promise<T>, ms: number, { ref = true } = {}): Promise<T | typeof late> {
  const { promise: limit, resolve } = Promise.withResolvers<typeof late>();
  const timer = setTimeout(resolve, Math.max(0, ms), late);
  if (!ref) timer.unref();
  return Promise.race([answer, limit]).finally(() => clearTimeout(timer));
}
