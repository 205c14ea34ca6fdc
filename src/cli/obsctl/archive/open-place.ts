import type { Command } from 'commander';
import type { Settings } from '../settings.ts';
import { Folder } from './folder.ts';
import type { ArchivePlace } from './place.ts';

export interface PlaceFlags {
  readonly out?: string;
}

export const withPlace = (command: Command): Command =>
  command.option('--out <folder>', 'where to, made where absent (default: here)');

export function openPlace({ out }: PlaceFlags, _settings: Settings): ArchivePlace {
  return new Folder(out ?? '.');
}
