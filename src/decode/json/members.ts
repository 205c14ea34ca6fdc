/** How a value is written in JSON and on the wire. `hex` is for ids: OTLP/JSON deviates from ProtoJSON there. */
export const Type = {
  message: 0,
  string: 1,
  hex: 2,
  base64: 3,
  bool: 4,
  double: 5,
  int64: 6,
  uint32: 7,
  fixed32: 8,
  fixed64: 9,
  enum: 10,
} as const;
export type Type = (typeof Type)[keyof typeof Type];
type Scalar = Exclude<keyof typeof Type, 'message'>;

/** By Type, the wire type. Source: protobuf.dev/programming-guides/encoding. */
const wireTypes = [2, 2, 2, 2, 0, 1, 0, 0, 5, 1, 0];

/** What a field may say of itself beyond its number and type. */
interface Traits {
  readonly repeated?: boolean;
  /** Names of an enum's values, tolerated beside their numbers. */
  readonly names?: ReadonlyMap<string, number>;
  /** A member of a oneof is written even when it holds its type's default. */
  readonly oneof?: boolean;
  /** An element with nothing in it is left out. */
  readonly dropEmpty?: boolean;
}

/** A field of a message under one of its names. */
export class Member {
  readonly name: string;
  /**
   * The name's bytes, four in a word; the last word holds the last four, for a name of three with the quote before it.
   */
  readonly length: number;
  readonly words: Int32Array;
  readonly number: number;
  readonly type: Type;
  readonly message: Message | undefined;
  readonly repeated: boolean;
  readonly oneof: boolean;
  readonly dropEmpty: boolean;
  readonly names: ReadonlyMap<string, number> | undefined;
  /** The tag's bytes on the wire; the second is 0 where there is none. */
  readonly tag: number;
  readonly tag2: number;
  /** The same for every name of the field. */
  readonly bit: number;
  /** The next member in the same slot. */
  next: Member | undefined = undefined;
  /** What stood behind it last time: senders write their fields in one order, so it is looked for first. */
  follower: Member | undefined = undefined;

  constructor(name: string, number: number, type: Scalar | Message, traits: Traits) {
    this.name = name;
    const key = Buffer.from(`"${name}`);
    this.length = name.length;
    this.words = Int32Array.from({ length: Math.ceil(name.length / 4) }, (_, i) =>
      key.readInt32LE(Math.min(1 + i * 4, name.length - 3)),
    );
    this.number = number;
    this.message = type instanceof Message ? type : undefined;
    this.type = type instanceof Message ? Type.message : Type[type];
    this.repeated = traits.repeated ?? false;
    this.oneof = traits.oneof ?? false;
    this.dropEmpty = traits.dropEmpty ?? false;
    this.names = traits.names;
    const tag = number * 8 + wireTypes[this.type];
    this.tag = tag < 0x80 ? tag : (tag & 0x7f) | 0x80;
    this.tag2 = tag >>> 7;
    this.bit = 1 << (number & 31);
  }
}

/** A message's fields by their JSON name, lowerCamelCase, and by their snake_case name, which some senders use. */
export class Message {
  readonly members: Member[] = [];
  /** What stood first in the last one. */
  first: Member | undefined = undefined;
  readonly #slots: (Member | undefined)[] = new Array(64).fill(undefined);

  add(numbers: Readonly<Record<string, number>>, type: Scalar | Message, traits: Traits = {}): this {
    for (const [name, number] of Object.entries(numbers)) {
      const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      for (const spelling of new Set([name, snake])) this.#put(new Member(spelling, number, type, traits));
    }
    return this;
  }

  /** The member whose name stands in bytes[start, end); compared as bytes, so no stranger's word is ever looked up. */
  find(bytes: Uint8Array, view: DataView, start: number, end: number): Member | undefined {
    const length = end - start;
    if (length < 3) return undefined;
    let member = this.#slots[slotOf(length, bytes[start], bytes[end - 1])];
    while (member !== undefined && !(member.length === length && isKey(member, view, start))) member = member.next;
    return member;
  }

  #put(member: Member): void {
    const { name } = member;
    const slot = slotOf(name.length, name.charCodeAt(0), name.charCodeAt(name.length - 1));
    member.next = this.#slots[slot];
    this.#slots[slot] = member;
    this.members.push(member);
  }
}

/**
 * Whether the member's name stands at `start`. Four bytes at a time; what is left over stands in the last four, or in
 * the quote and the first three.
 */
export function isKey({ length, words }: Member, view: DataView, start: number): boolean {
  let i = 0;
  for (; i < words.length - 1; i++) if (words[i] !== view.getInt32(start + i * 4, true)) return false;
  return words[i] === view.getInt32(start + length - 4, true);
}

const slotOf = (length: number, first: number, last: number): number => (length * 5 + first * 3 + last) & 63;
