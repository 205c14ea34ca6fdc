/** What is wrong with a value, and where: each level it passes on its way up puts its own name in front. */
export class Problem extends Error {
  path = '';

  /** The problem as seen from one level up, where the value is called `.key` or `[index]`. */
  within(name: string): this {
    this.path = name + this.path;
    return this;
  }
}
