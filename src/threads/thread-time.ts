/** The CPU time that this thread takes for something, in milliseconds. */
export class ThreadTime {
  ms = 0;

  /** To be told that it begins, and that it ends. */
  readonly count = (begins: boolean): void => {
    const { user, system } = process.threadCpuUsage();
    this.ms += ((begins ? -1 : 1) * (user + system)) / 1000;
  };
}
