import { maxDepth } from '../../wire/cursor.ts';
import { MalformedError } from '../../wire/reader.ts';
import { isKey, type Member, type Message } from './members.ts';
import { exportRequest, keyValue } from './messages.ts';
import { writePlainAttribute } from './plain-attribute.ts';
import { Problem } from './problem.ts';
import { unexpected, writeBool, writeEmpty, writeLength, writeNumber, writeString, writeTag } from './scalars.ts';
import { Broken, Text } from './text.ts';

/** How deep JSON may nest under keys that nobody knows; what the Collector reads at most. */
const maxLevels = 10_000;

/** So much of a path is told. */
const maxPath = 300;

/**
 * Reading pauses when it has moved so much: a message whose length takes more than a byte is moved when it ends, and as
 * many may end together as are nested. No honest step of 64 KiB comes near.
 */
const maxMovedBytes = 2 ** 24;

/** What may come next. */
const Next = {
  value: 0,
  valueOrEnd: 1,
  key: 2,
  keyOrEnd: 3,
  colon: 4,
  commaInObject: 5,
  commaInList: 6,
  end: 7,
} as const;
type Next = (typeof Next)[keyof typeof Next];
const nextNames = ['a value', 'a value or ]', 'a key', 'a key or }', ':', ', or }', ', or ]', 'the end'];

const words = { true: Buffer.from('true'), false: Buffer.from('false'), null: Buffer.from('null') };

/** An object or a list that is open. */
class Level {
  isList = false;
  /** Of an object, its message; undefined where it is skipped. */
  message: Message | undefined = undefined;
  /**
   * Of a list, whose elements they are; of an object, whose value comes or came last; undefined where that is skipped.
   */
  member: Member | undefined = undefined;
  /** Of a message: the member it is a value of, where its tag and its body begin, and the fields that were written. */
  within: Member | undefined = undefined;
  tagAt = 0;
  bodyAt = 0;
  written = 0;
  /** How many messages deep the level lies; the request is 0. */
  depth = 0;
  index = 0;
}

/**
 * Turns an ExportTraceServiceRequest in OTLP/JSON into the same in protobuf, in the memory in which it stands, token by
 * token: without objects, and in pieces as small as one likes. The wire form is never longer than what was read of the
 * text but for the lengths of the largest messages, for which `spareBytes` are kept before it. Source: OTLP
 * specification, "JSON Protobuf Encoding", and ProtoJSON. docs/decisions/0009-json-in-place.md says why.
 */
export class JsonReader {
  readonly #text: Text;
  readonly #levels: Level[] = [new Level()];
  #level: Level;
  #top = 0;
  #next: Next = Next.value;
  #isDone = false;
  /** Since reading began or paused. */
  #movedBytes = 0;

  /** Reads bytes[from, bytes.length - slackBytes), over which it writes; `from` is `spareBytes` of its length. */
  constructor(bytes: Buffer, from: number) {
    this.#text = new Text(bytes, from);
    this.#level = this.#levels[0];
  }

  /**
   * Reads `more` bytes, or fewer where much has to be moved; true when all has been read. Throws MalformedError that says
   * what is wrong, and where.
   */
  read(more: number): boolean {
    const text = this.#text;
    try {
      text.allow(more);
      this.#movedBytes = 0;
      while (!this.#isDone && this.#movedBytes < maxMovedBytes && text.nextToken()) {
        if (!this.#token()) break;
      }
      if (text.out > text.pos) throw new Error('the wire form outgrew the text');
    } catch (error) {
      throw error instanceof Problem ? this.#told(error) : error;
    }
    return this.#isDone;
  }

  /** The request on the wire, in the memory that was given. */
  message(): Uint8Array {
    return this.#text.bytes.subarray(0, this.#text.out);
  }

  /** Takes the token at `pos`; false where reading has to stop in the middle of it. */
  #token(): boolean {
    const text = this.#text;
    const c = text.bytes[text.pos];
    switch (this.#next) {
      case Next.value:
        return this.#value(c);
      case Next.valueOrEnd:
        if (c !== 0x5d) return this.#value(c);
        text.pos++;
        this.#close();
        return true;
      case Next.keyOrEnd:
        if (c !== 0x7d) return this.#key(c);
        text.pos++;
        this.#close();
        return true;
      case Next.key:
        return this.#key(c);
      case Next.colon:
        if (c !== 0x3a) throw new Broken();
        text.pos++;
        this.#next = Next.value;
        return true;
      case Next.commaInObject:
        if (c === 0x2c) this.#next = Next.key;
        else if (c === 0x7d) this.#close();
        else throw new Broken();
        text.pos++;
        return c !== 0x2c || text.bytes[text.pos] !== 0x22 || this.#key(0x22);
      case Next.commaInList:
        if (c === 0x2c) {
          this.#next = Next.value;
          this.#level.index++;
        } else if (c === 0x5d) this.#close();
        else throw new Broken();
        text.pos++;
        return true;
      default:
        if (text.pos < text.end) throw new Broken();
        this.#isDone = true;
        return true;
    }
  }

  #key(c: number): boolean {
    const text = this.#text;
    if (c !== 0x22) throw new Broken();
    const level = this.#level;
    const { member: before, message } = level;
    const expected = before === undefined ? message?.first : before.follower;
    if (expected !== undefined && !text.isInString && this.#isNext(expected)) {
      level.member = expected;
      text.pos += expected.length + 2;
    } else {
      if (!text.readString()) return false;
      const found = message?.find(text.bytes, text.view, text.start, text.stop);
      level.member = found;
      if (before !== undefined) before.follower = found;
      else if (message !== undefined) message.first = found;
    }
    this.#next = Next.colon;
    if (text.bytes[text.pos] !== 0x3a) return true;
    this.#next = Next.value;
    // Without blanks, as it usually is, it goes on at once.
    const first = text.bytes[++text.pos];
    return first > 0x20 && text.pos < text.until ? this.#value(first) : true;
  }

  #isNext(expected: Member): boolean {
    const { bytes, view, pos, until } = this.#text;
    const { length } = expected;
    return pos + length + 2 < until && bytes[pos + length + 1] === 0x22 && isKey(expected, view, pos + 1);
  }

  #value(c: number): boolean {
    const text = this.#text;
    const level = this.#level;
    const { member, isList } = level;
    if (c === 0x7b) {
      if (isList && member !== undefined && member.message === keyValue && writePlainAttribute(text, member)) {
        this.#next = Next.commaInList;
      } else this.#openObject(member, isList);
      return true;
    }
    if (c === 0x5b) {
      this.#openList(member, isList);
      return true;
    }
    if (c === 0x22) {
      if (!text.readString()) return false;
      if (member !== undefined) {
        this.#expectScalar(member, 'a string');
        writeString(text, member, this.#mayOmit(member));
        this.#movedBytes += text.stop - text.start;
      }
    } else if (c === 0x2d || (c >= 0x30 && c <= 0x39)) {
      text.readNumber();
      if (member !== undefined) {
        this.#expectScalar(member, 'a number');
        writeNumber(text, member, this.#mayOmit(member));
      }
    } else if (c === 0x6e) {
      text.readWord(words.null);
      // A member that is null is not set.
      if (this.#top === 0) throw this.#unexpected(undefined, 'null');
      if (isList && member !== undefined) writeEmpty(text, member);
    } else {
      const value = c === 0x74;
      if (!value && c !== 0x66) throw new Broken();
      text.readWord(value ? words.true : words.false);
      if (member !== undefined) {
        this.#expectScalar(member, 'a boolean');
        writeBool(text, member, value);
      }
    }
    if (this.#top === 0) throw this.#unexpected(undefined, nameOf(c));
    this.#next = isList ? Next.commaInList : Next.commaInObject;
    return true;
  }

  #expectScalar(member: Member, found: string): void {
    if (member.message !== undefined || (member.repeated && !this.#level.isList)) {
      throw this.#unexpected(member, found);
    }
  }

  /** Whether a default may be left out; marks the field as written. */
  #mayOmit(member: Member): boolean {
    const level = this.#level;
    if (level.isList) return false;
    const isAgain = (level.written & member.bit) !== 0;
    level.written |= member.bit;
    return !member.oneof && !isAgain;
  }

  #openObject(member: Member | undefined, isElement: boolean): void {
    const text = this.#text;
    text.pos++;
    const { depth } = this.#level;
    let message: Message | undefined;
    if (this.#top === 0) message = exportRequest;
    else if (member !== undefined) {
      message = member.message;
      if (message === undefined || (member.repeated && !isElement)) throw this.#unexpected(member, 'an object');
    }
    const level = this.#push(false);
    level.within = this.#top === 1 ? undefined : member;
    level.message = message;
    level.depth = depth;
    level.written = 0;
    level.member = undefined;
    this.#next = Next.keyOrEnd;
    if (level.within === undefined) return;
    // So deep nobody reads it: enough is written for the scan to refuse the span.
    if (++level.depth > maxDepth) level.message = undefined;
    level.tagAt = text.out;
    writeTag(text, level.within);
    level.bodyAt = ++text.out;
  }

  #openList(member: Member | undefined, isElement: boolean): void {
    if (this.#top === 0 || (member !== undefined && (isElement || !member.repeated))) {
      throw this.#unexpected(member, 'a list');
    }
    this.#text.pos++;
    const { depth } = this.#level;
    const level = this.#push(true);
    level.member = member;
    level.index = 0;
    level.depth = depth;
    this.#next = Next.valueOrEnd;
  }

  #push(isList: boolean): Level {
    if (++this.#top === this.#levels.length) {
      if (this.#top > maxLevels) throw new Problem(`nested more than ${maxLevels} deep`);
      this.#levels.push(new Level());
    }
    const level = this.#levels[this.#top];
    level.isList = isList;
    this.#level = level;
    return level;
  }

  #close(): void {
    const { isList, within } = this.#level;
    if (!isList && within !== undefined) this.#closeMessage(within);
    const level = this.#levels[--this.#top];
    this.#level = level;
    this.#next = this.#top === 0 ? Next.end : level.isList ? Next.commaInList : Next.commaInObject;
  }

  /** Writes the message's length before it. */
  #closeMessage(within: Member): void {
    const text = this.#text;
    const { bodyAt, tagAt } = this.#level;
    const length = text.out - bodyAt;
    if (length === 0 && within.dropEmpty) {
      text.out = tagAt;
      return;
    }
    const bytes = length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : length < 0x1000_0000 ? 4 : 5;
    if (bytes > 1) {
      text.bytes.copyWithin(bodyAt + bytes - 1, bodyAt, text.out);
      this.#movedBytes += length;
    }
    text.out = bodyAt - 1;
    writeLength(text, length);
    text.out += length;
  }

  #unexpected(member: Member | undefined, found: string): Problem {
    return member === undefined
      ? new Problem(`expected an object, found ${found}`)
      : unexpected(member, this.#level.isList, found);
  }

  #told(problem: Problem): MalformedError {
    if (problem instanceof Broken) {
      const text = this.#text;
      const { pos, end, at } = text;
      const found = pos < end ? JSON.stringify(text.quote(20)) : 'the end of the text';
      return new MalformedError(`not JSON: expected ${nextNames[this.#next]} at byte ${at}, found ${found}`);
    }
    let path = '';
    for (let i = 1; i <= this.#top && path.length <= maxPath; i++) {
      const { isList, member, index } = this.#levels[i];
      if (member === undefined) break;
      path += isList ? `[${index}]` : `.${member.name}`;
    }
    const where = path.length > maxPath ? `${path.slice(1, maxPath)}…` : path.slice(1) || 'request';
    return new MalformedError(`${where}: ${problem.message}`);
  }
}

/** What a token is that begins with the byte. */
const nameOf = (c: number): string => (c === 0x22 ? 'a string' : c === 0x74 || c === 0x66 ? 'a boolean' : 'a number');

/**
 * What must be free before a text of so many bytes: lengths of four bytes can outgrow what JSON puts around a message.
 */
export const spareBytes = (textBytes: number): number => 64 + (textBytes >>> 13);
