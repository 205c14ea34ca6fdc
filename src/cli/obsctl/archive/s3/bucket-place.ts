import { createHash } from 'node:crypto';
import { CommandError, exit } from '../../../exit.ts';
import { type Content, textContent } from '../content.ts';
import type { Hold } from '../hold.ts';
import type { ArchivePlace, Labels, Put } from '../place.ts';
import type { S3Target } from './address.ts';
import type { S3Answer, S3Client } from './client.ts';
import { codeOf, refusalOf } from './refusal.ts';
import { element, elements } from './xml.ts';

const maxListBytes = 4 * 2 ** 20;
/** Of a thousand names each. */
const mostPages = 1000;
/** A name is asked for first, and put on condition that it is not there (If-None-Match: *, Amazon S3, "Conditional writes"). */
const onlyNew = { 'if-none-match': '*' };

/**
 * An archive in a bucket. The store shows an object when it has all of it. Of two writers at once the condition lets one
 * through; a store that does not know it takes both, and both bring the same.
 */
export class BucketPlace implements ArchivePlace {
  readonly #target: S3Target;
  readonly #client: S3Client;

  constructor(target: S3Target, client: S3Client) {
    this.#target = target;
    this.#client = client;
  }

  get name(): string {
    return `s3://${this.#target.bucket}/${this.#target.prefix}`;
  }

  address(name: string): string {
    return this.name + name;
  }

  async put(name: string, content: Content, labels: Labels): Promise<Put> {
    const { hold } = labels;
    const found = await this.#find(name, content);
    const state =
      found === undefined || found === 'unseen' ? await this.#put(name, content, { ...labels, found }) : found;
    if (state === 'written') await this.#check(name, content);
    if (state === 'other' || hold?.lock === undefined) return state;
    return (await this.#lock(name, hold, state)) === 'locked' ? state : 'unseen';
  }

  async read(name: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const answer = await this.#client.ask('GET', this.#key(name), { maxBytes });
    if (answer.status === 404 && codeOf(answer) !== 'NoSuchBucket') return undefined;
    if (answer.status !== 200) throw this.#refused(answer, name);
    return answer.body;
  }

  async *list(prefix: string): AsyncIterable<string> {
    const whole = this.#key(prefix);
    for (let token = '', page = 1; ; page++) {
      const query = {
        'list-type': '2',
        'max-keys': '1000',
        prefix: whole,
        ...(token && { 'continuation-token': token }),
      };
      const answer = await this.#client.ask('GET', '', { query, maxBytes: maxListBytes });
      if (answer.status !== 200) throw this.#refused(answer, prefix);
      const document = answer.body.toString();
      if (!document.includes('</ListBucketResult>'))
        throw new CommandError(`${this.name}: what answers there is no store of S3's kind: is --endpoint right?`);
      for (const key of elements(document, 'Key'))
        if (key.startsWith(whole)) yield key.slice(this.#target.prefix.length);
      const next = element(document, 'NextContinuationToken');
      if (element(document, 'IsTruncated') !== 'true') return;
      if (next === '' || next === token || page === mostPages)
        throw new CommandError(`${this.name}: the store's list has no end`);
      token = next;
    }
  }

  #key(name: string): string {
    return this.#target.prefix + name;
  }

  #refused(answer: S3Answer, name: string): CommandError {
    return refusalOf(answer, this.#target, this.address(name));
  }

  /** What has the name already; undefined where nothing has, `unseen` where whoever may only write cannot know. */
  async #find(name: string, { bytes, sha256 }: Content): Promise<'there' | 'other' | 'unseen' | undefined> {
    const answer = await this.#client.ask('HEAD', this.#key(name));
    if (answer.status === 404) return undefined;
    if (answer.status === 403) return 'unseen';
    if (answer.status !== 200) throw this.#refused(answer, name);
    if (Number(answer.headers['content-length']) !== bytes) return 'other';
    const body = await this.read(name, bytes);
    return body !== undefined && createHash('sha256').update(body).digest('hex') === sha256 ? 'there' : 'other';
  }

  async #put(
    name: string,
    content: Content,
    labels: Labels & { readonly found: 'unseen' | undefined },
  ): Promise<Exclude<Put, 'unseen'>> {
    const ask = (headers: Record<string, string>): Promise<S3Answer> =>
      this.#client.ask('PUT', this.#key(name), {
        headers: { 'content-type': 'application/json', ...metadata(content, labels), ...headers },
        content,
      });
    const lock = lockHeaders(content, labels.hold);
    let answer = await ask({ ...lock, ...tags(labels.hold), ...onlyNew });
    // A store that knows no tags, or no conditions: it said above that nothing has the name.
    if (answer.status === 501 || codeOf(answer) === 'NotImplemented') answer = await ask({ ...lock, ...onlyNew });
    if ((answer.status === 501 || codeOf(answer) === 'NotImplemented') && labels.found === undefined)
      answer = await ask(lock);
    if (answer.status === 200) return 'written';
    // Somebody else was faster, or a try of ours of which we did not hear.
    if (answer.status === 412) {
      const there = (await this.#find(name, content)) ?? 'other';
      if (there !== 'unseen') return there;
      throw new CommandError(
        `${this.address(name)} is there already, and these credentials may not look whether it is the same. Nothing was overwritten`,
        exit.notAllowed,
      );
    }
    throw this.#refused(answer, name);
  }

  /** Is it there as it should be? Whoever may only write cannot know. */
  async #check(name: string, { bytes }: Content): Promise<void> {
    const answer = await this.#client.ask('HEAD', this.#key(name));
    if (answer.status === 403) return;
    if (answer.status !== 200) throw this.#refused(answer, name);
    if (Number(answer.headers['content-length']) !== bytes)
      throw new CommandError(
        `${this.address(name)}: the store has ${answer.headers['content-length']} bytes of ${bytes}`,
      );
  }

  /**
   * Has the store hold it at least so long: one that is new was to be held with its coming, one that was there is from
   * now on. `unseen` where these credentials may not look whether it is.
   */
  async #lock(name: string, hold: Hold, state: 'written' | 'there'): Promise<'locked' | 'unseen'> {
    const before = await this.#lockOf(name, hold);
    if (before === 'locked') return before;
    // The store took it with its lock; one that knows none would take what it is asked now for the object.
    if (before === 'unseen' && state === 'written') return before;
    const content = textContent(
      `<Retention xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Mode>${hold.lock!.toUpperCase()}</Mode><RetainUntilDate>${isoTime(hold)}</RetainUntilDate></Retention>`,
    );
    const headers = { 'x-amz-checksum-sha256': checksum(content) };
    const answer = await this.#client.ask('PUT', this.#key(name), { query: { retention: '' }, headers, content });
    if (answer.status !== 200) throw this.#notLocked(name, answer);
    const after = await this.#lockOf(name, hold);
    if (after === 'open') throw this.#notLocked(name);
    return after;
  }

  #notLocked(name: string, answer?: S3Answer): CommandError {
    const said = answer === undefined ? '' : ` (HTTP ${answer.status}: ${codeOf(answer)})`;
    return new CommandError(
      `${this.address(name)} is written, but the store did not lock it: the bucket needs object lock, and you the right to it. Run this again without --lock, or name another bucket${said}`,
    );
  }

  async #lockOf(name: string, { lock, untilMs }: Hold): Promise<'locked' | 'open' | 'unseen'> {
    const answer = await this.#client.ask('GET', this.#key(name), { query: { retention: '' } });
    if (answer.status === 403) return 'unseen';
    const document = answer.body.toString();
    // A store that knows no retention answers with the object, and would write over it what it is asked to hold.
    if (answer.status === 200 && !document.trimStart().startsWith('<')) throw this.#notLocked(name);
    const mode = element(document, 'Mode').toLowerCase();
    // What is held by compliance is held more than by governance.
    const isSo = mode === lock || mode === 'compliance';
    const isHeld = answer.status === 200 && isSo && Date.parse(element(document, 'RetainUntilDate')) >= untilMs;
    return isHeld ? 'locked' : 'open';
  }
}

const metadata = ({ sha256 }: Content, { by, why, hold }: Labels): Record<string, string> => ({
  'x-amz-meta-sha256': sha256,
  'x-amz-meta-by': headerText(by),
  ...(why !== '' && { 'x-amz-meta-why': headerText(why) }),
  ...(hold && { 'x-amz-meta-hold-until': isoTime(hold) }),
});

const longestHeader = 800;

/** Texts may be of any letters, headers may not, and all of them together have 2 KB. The manifest has the whole. */
function headerText(text: string): string {
  let header = '';
  for (const character of text.toWellFormed()) {
    const next = encodeURIComponent(character);
    if (header.length + next.length > longestHeader) break;
    header += next;
  }
  return header;
}

/** For a lifecycle rule: the year and month up to whose end it is held. */
const tags = (hold: Hold | undefined): Record<string, string> =>
  hold === undefined ? {} : { 'x-amz-tagging': `tailgate-hold-until=${isoTime(hold).slice(0, 7)}` };

/** Amazon S3, "Object Lock": such a request has a checksum of its own. */
const lockHeaders = (content: Content, hold: Hold | undefined): Record<string, string> =>
  hold?.lock === undefined
    ? {}
    : {
        'x-amz-object-lock-mode': hold.lock.toUpperCase(),
        'x-amz-object-lock-retain-until-date': isoTime(hold),
        'x-amz-checksum-sha256': checksum(content),
      };

const checksum = ({ sha256 }: Content): string => Buffer.from(sha256, 'hex').toString('base64');

const isoTime = ({ untilMs }: Hold): string => new Date(untilMs).toISOString();
