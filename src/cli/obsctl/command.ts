import type { Command } from 'commander';
import type { Settings } from './settings.ts';

/**
 * How a command runs once its flags are read: `action` gets what every command works with and returns the exit code.
 * Each command's file has one `register…(parent, run)` that names the command, its flags and its action.
 */
export type Run = (command: Command, action: (settings: Settings) => Promise<number>) => Promise<void>;

/** Lets a flag be given several times. */
export const collect = (value: string, earlier: readonly string[] = []): string[] => [...earlier, value];
