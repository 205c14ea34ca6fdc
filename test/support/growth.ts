/** The thread's own time for it, in microseconds: the least of some tries, so that others on the machine count little. */
export function leastCpuUs(run: () => void, tries = 8): number {
  const times = Array.from({ length: tries }, () => {
    const before = process.threadCpuUsage();
    run();
    const { user, system } = process.threadCpuUsage(before);
    return user + system;
  });
  return Math.min(...times);
}
