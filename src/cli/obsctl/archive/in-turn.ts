/**
 * Does the same with each, `atOnce` at a time, in their order. The first that throws ends it: what was begun is
 * finished, nothing else is begun, and it is thrown on.
 */
export async function inTurn<T>(all: readonly T[], atOnce: number, work: (each: T) => Promise<void>): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (failure === undefined && next < all.length) {
      const each = all[next++];
      try {
        await work(each);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failure !== undefined) throw failure.error;
}
