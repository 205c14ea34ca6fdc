import { LiveFiles, type LiveFilesOptions } from './config/live-files.ts';
import type { Log } from './telemetry/log.ts';

/** Files that one block of the boot file names, and what they mean. */
export type FilesBlock<T> = Omit<LiveFilesOptions<T>, 'tell'>;

type Port = 'grpc' | 'http' | 'cluster' | 'admin';
/** What there is for each port; absent where the port needs none. */
export type OfPorts<T> = Partial<Record<Port, T>>;

/** Reads files, and tells the log what becomes of them. Throws UsageError where one is no good. */
export function openFiles<T>(files: FilesBlock<T>, log: Log): Promise<LiveFiles<T>> {
  return LiveFiles.open({
    ...files,
    tell: (level, message) => log[level]('files', { files: files.block }, message),
  });
}

/** The same for ports. A block that two of them share is read once; where one is no good, nothing goes on. */
export async function openPortFiles<T>(ports: OfPorts<FilesBlock<T>>, log: Log): Promise<OfPorts<LiveFiles<T>>> {
  const opened = new Map<string, LiveFiles<T>>();
  try {
    for (const files of Object.values(ports))
      if (!opened.has(files.block)) opened.set(files.block, await openFiles(files, log));
  } catch (error) {
    for (const files of opened.values()) files.stop();
    throw error;
  }
  return Object.fromEntries(Object.entries(ports).map(([port, { block }]) => [port, opened.get(block)]));
}
