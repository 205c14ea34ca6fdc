/** Exit codes of obsctl: part of the contract. */
export const exit = { found: 0, failed: 1, usage: 2, nothing: 3, partial: 4, notAllowed: 5 } as const;
export type ExitCode = (typeof exit)[keyof typeof exit];

/** Ends a command: the message goes to stderr as it stands, without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = exit.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}
