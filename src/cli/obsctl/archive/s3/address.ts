import { CommandError, exit } from '../../../exit.ts';
import type { Io } from '../../../io.ts';

/** As the flags say; without them the variables of Amazon's own tools do. */
export interface S3Flags {
  readonly endpoint?: string;
  readonly region?: string;
  readonly pathStyle?: boolean;
}

interface Bucket {
  readonly bucket: string;
  /** Of all keys; empty, or with a slash at its end. */
  readonly prefix: string;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Where a bucket is. */
export interface S3Target extends Bucket {
  /** Scheme, host and port, where objects are at `/KEY`, or at `/BUCKET/KEY` by path style. */
  readonly base: string;
  readonly region: string;
  readonly credentials: Credentials;
  /** Authority of the endpoint, PEM. */
  readonly caFile: string | undefined;
}

/** `s3://BUCKET/PREFIX`; undefined for what is no such address. Throws a usage error for one that leads nowhere. */
export function readBucket(text: string): Bucket | undefined {
  if (!/^s3:\/\//i.test(text)) return undefined;
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)\/*(.*)$/is.exec(text) ?? [];
  const steps = path.split('/').filter((step) => step !== '');
  const isBucket = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket) && !bucket.includes('..');
  if (!isBucket || steps.some((step) => step === '.' || step === '..') || /[\p{Cc}\p{Cs}]/u.test(path))
    throw new CommandError(`${text}: expected s3://BUCKET/PREFIX`, exit.usage);
  return { bucket, prefix: steps.map((step) => `${step}/`).join('') };
}

export function targetOf({ bucket, prefix }: Bucket, flags: S3Flags, io: Io): S3Target {
  const { env } = io;
  const region = flags.region ?? (env.AWS_REGION || env.AWS_DEFAULT_REGION || 'us-east-1');
  if (!/^[a-z0-9-]{1,64}$/i.test(region))
    throw new CommandError(`--region ${region}: expected the name of a region`, exit.usage);
  const named = flags.endpoint ?? (env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || undefined);
  const endpoint = endpointOf(named ?? `https://s3.${region}.amazonaws.com`);
  // A store of somebody's own seldom has a name for each bucket, and a certificate for names with dots nobody has.
  const isByPath = flags.pathStyle ?? (named !== undefined || bucket.includes('.'));
  const base = isByPath ? `${endpoint.origin}/${bucket}` : `${endpoint.protocol}//${bucket}.${endpoint.host}`;
  return { bucket, prefix, base, region, credentials: credentialsOf(env), caFile: env.AWS_CA_BUNDLE || undefined };
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '';
  if (isPlain && url.username === '' && url.password === '') return url;
  throw new CommandError(
    `--endpoint ${text.replace(/[^/@]*@/, '…@')}: expected an address such as https://s3.example:9000, without a path or credentials`,
    exit.usage,
  );
}

function credentialsOf(env: Io['env']): Credentials {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = env;
  if (!accessKeyId || !secretAccessKey)
    throw new CommandError(
      'no credentials for s3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN where there is one)',
      exit.usage,
    );
  if ([accessKeyId, secretAccessKey, AWS_SESSION_TOKEN ?? ''].some((each) => /[^\x21-\x7e]/.test(each)))
    throw new CommandError('AWS_ACCESS_KEY_ID and the others: expected one word each, and nothing else', exit.usage);
  return { accessKeyId, secretAccessKey, ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }) };
}
