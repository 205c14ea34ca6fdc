import type { Member } from '../model/member.ts';
import { WireType } from '../wire/otlp.ts';
import { MalformedError, Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { type HeardList, mostGenerations } from './lists.ts';

/** proto/tailgate/fleet.proto */
const Field = { name: 1, run: 2, leaving: 3, past: 4, adminPort: 5, epoch: 6, generation: 7 } as const;
const PastField = { members: 1, endedAgoMs: 2, generation: 3 } as const;
const MemberField = { name: 1, address: 2 } as const;

/** What a foreign answer may have of each. */
const mostPast = 32;
const mostMembers = 10_000;

/** What a member says of itself when it is asked, or asks. */
export interface Word {
  readonly name: string;
  /** Differs from run to run. */
  readonly run: string;
  /** It takes no new traces any more. */
  readonly isLeaving: boolean;
  /** Where it answers questions of operators, at the host of its address; 0 = not known. */
  readonly adminPort: number;
  /** Which list it has in force, and in which generation (lists.ts); only in answers, as the lists of before. */
  readonly epoch: string;
  readonly generation: number;
  /** Lists of members that count though they were replaced. */
  readonly past: readonly (HeardList & { readonly endedAgoMs: number })[];
}

/** What whoever asks says of lists: nothing, for anybody who reaches the port may ask. */
export const noLists = { epoch: '', generation: 0, past: [] } as const;

export function encodeWord({ name, run, isLeaving, adminPort, epoch, generation, past }: Word): Uint8Array {
  const out = new Writer();
  out.string(Field.name, name);
  out.string(Field.run, run);
  if (isLeaving) {
    out.tag(Field.leaving, WireType.varint);
    out.varint(1);
  }
  out.tag(Field.adminPort, WireType.varint);
  out.varint(adminPort);
  if (epoch !== '') out.string(Field.epoch, epoch);
  writeGeneration(out, Field.generation, generation);
  for (const { members, generation, endedAgoMs } of past) {
    const list = out.open(Field.past);
    for (const member of members) {
      const one = out.open(PastField.members);
      out.string(MemberField.name, member.name);
      out.string(MemberField.address, member.address);
      out.close(one);
    }
    out.tag(PastField.endedAgoMs, WireType.varint);
    out.varint(Math.max(0, Math.floor(endedAgoMs)));
    writeGeneration(out, PastField.generation, generation);
    out.close(list);
  }
  return out.finish();
}

function writeGeneration(out: Writer, field: number, generation: number): void {
  if (generation === 0) return;
  out.tag(field, WireType.varint);
  out.varint(generation);
}

/** Throws MalformedError. */
export function readWord(bytes: Uint8Array): Word {
  let name = '';
  let run = '';
  let isLeaving = false;
  let adminPort = 0;
  let epoch = '';
  let generation = 0;
  const past: Word['past'][number][] = [];
  const word = new Reader(bytes);
  while (word.next()) {
    if (word.field === Field.leaving && word.wireType === WireType.varint) isLeaving = word.varint() !== 0;
    else if (word.field === Field.adminPort && word.wireType === WireType.varint) adminPort = word.varint() & 0xffff;
    else if (word.field === Field.generation && word.wireType === WireType.varint) generation = readGeneration(word);
    else if (word.wireType !== WireType.length) word.skip();
    else if (word.field === Field.name) name = word.string();
    else if (word.field === Field.run) run = word.string();
    else if (word.field === Field.epoch) epoch = word.string();
    else if (word.field === Field.past) past.push(readPast(word.message()));
    else word.skip();
    if (past.length > mostPast) throw new MalformedError(`more than ${mostPast} lists of members`);
  }
  if (name === '') throw new MalformedError('a member without a name');
  return { name, run, isLeaving, adminPort, epoch, generation, past };
}

function readGeneration(from: Reader): number {
  const generation = from.varint();
  if (generation > mostGenerations) throw new MalformedError(`generation ${generation} of a list of members`);
  return generation;
}

function readPast(list: Reader): Word['past'][number] {
  const members: Member[] = [];
  let endedAgoMs = 0;
  let generation = 0;
  while (list.next()) {
    if (list.field === PastField.endedAgoMs && list.wireType === WireType.varint) endedAgoMs = list.varint();
    else if (list.field === PastField.generation && list.wireType === WireType.varint)
      generation = readGeneration(list);
    else if (list.field === PastField.members && list.wireType === WireType.length)
      members.push(readMember(list.message()));
    else list.skip();
    if (members.length > mostMembers) throw new MalformedError(`more than ${mostMembers} members`);
  }
  return { members, generation, endedAgoMs };
}

function readMember(member: Reader): Member {
  let name = '';
  let address = '';
  while (member.next()) {
    if (member.wireType !== WireType.length) member.skip();
    else if (member.field === MemberField.name) name = member.string();
    else if (member.field === MemberField.address) address = member.string();
    else member.skip();
  }
  return { name, address };
}
