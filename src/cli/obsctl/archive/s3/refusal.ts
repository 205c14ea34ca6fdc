import { CommandError, exit } from '../../../exit.ts';
import type { S3Target } from './address.ts';
import type { S3Answer } from './client.ts';
import { element } from './xml.ts';

/** The store's own word for what is wrong; empty where it says none. */
export const codeOf = ({ body }: S3Answer): string => element(body.toString(), 'Code').slice(0, 100);

/** What a refusal means, in one line that says what to do. */
export function refusalOf(answer: S3Answer, { bucket, region }: S3Target, where: string): CommandError {
  const code = codeOf(answer);
  const inRegion = String(answer.headers['x-amz-bucket-region'] ?? element(answer.body.toString(), 'Region'));
  const said = [`HTTP ${answer.status}`, code, element(answer.body.toString(), 'Message').slice(0, 200)]
    .filter(Boolean)
    .join(': ');
  const line = (what: string, exitCode?: 1 | 2 | 5): CommandError =>
    new CommandError(`${where}: ${what} (${said.replace(/\s+/g, ' ')})`, exitCode);
  if (code === 'RequestTimeTooSkewed') {
    const theirs = answer.headers.date === undefined ? '' : `, there it is ${String(answer.headers.date).slice(0, 40)}`;
    return line(`the clock here and the store's differ too much${theirs}: set the clock`);
  }
  if (code === 'NoSuchBucket') return line(`there is no bucket ${bucket}`, exit.usage);
  if (inRegion !== '' && inRegion !== region)
    return line(
      `the bucket is in region ${inRegion.slice(0, 64)}, not ${region}: set --region or AWS_REGION`,
      exit.usage,
    );
  if (answer.status >= 300 && answer.status < 400)
    return line('the store sends us elsewhere, where credentials are not taken along: name that by --endpoint');
  if (code === 'SignatureDoesNotMatch' || code === 'InvalidAccessKeyId' || code === 'ExpiredToken')
    return line('the store does not take these credentials: see AWS_ACCESS_KEY_ID and the others', exit.notAllowed);
  if (answer.status === 401 || answer.status === 403)
    return line('the store does not allow this: give credentials that may', exit.notAllowed);
  return line('the store refused it');
}
