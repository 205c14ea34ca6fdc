import type { Command } from 'commander';
import { CommandError, exit } from '../../exit.ts';
import type { Settings } from '../settings.ts';
import { Folder } from './folder.ts';
import type { ArchivePlace } from './place.ts';
import { readBucket, type S3Flags, targetOf } from './s3/address.ts';

export interface PlaceFlags extends S3Flags {
  readonly out?: string;
  readonly to?: string;
}

export const withPlace = (command: Command): Command =>
  withS3(
    command
      .option('--out <folder>', 'where to, made where absent (default: here)')
      .option('--to <s3://bucket/prefix>', 'instead: into a bucket, with the AWS_… variables’ credentials'),
  );

export const withS3 = (command: Command): Command =>
  command
    .option('--endpoint <url>', 'of a store of S3’s kind (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL; default: Amazon’s)')
    .option('--region <name>', 'its region (AWS_REGION, AWS_DEFAULT_REGION; default us-east-1)')
    .option('--path-style', 'the bucket in the path, not in the host’s name (default where an endpoint is named)')
    .option('--no-path-style', 'the bucket in the host’s name');

interface OpenPlace {
  readonly place: ArchivePlace;
  close(): Promise<void>;
}

/** The place that the flags of `trace archive` name. */
export async function openPlace(flags: PlaceFlags, settings: Settings): Promise<OpenPlace> {
  if (flags.to === undefined) return placeAt(flags.out ?? '.', flags, settings);
  if (flags.out !== undefined) throw new CommandError('--out and --to: expected one of them', exit.usage);
  if (readBucket(flags.to) === undefined)
    throw new CommandError(`--to ${flags.to}: expected s3://BUCKET/PREFIX; --out is for folders`, exit.usage);
  return placeAt(flags.to, flags, settings);
}

/** A folder, or `s3://BUCKET/PREFIX`. */
export async function placeAt(where: string, flags: S3Flags, { io, timeoutMs }: Settings): Promise<OpenPlace> {
  if (where === '') throw new CommandError('the name of a folder is empty: expected one, or s3://BUCKET', exit.usage);
  const bucket = readBucket(where);
  if (bucket === undefined) return { place: new Folder(where), close: async () => {} };
  const target = targetOf(bucket, flags, io);
  const { S3Client } = await import('./s3/client.ts');
  const { BucketPlace } = await import('./s3/bucket-place.ts');
  const client = new S3Client(target, io, timeoutMs);
  return { place: new BucketPlace(target, client), close: () => client.close() };
}
