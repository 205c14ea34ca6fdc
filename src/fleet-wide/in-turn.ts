import { Ownership } from '../cluster/ownership.ts';
import type { Member } from '../model/member.ts';

/** The fleet, as a gateway that asks sees it. */
export interface FleetSeen {
  readonly self: string;
  /** All that can be reached, this one with them where it is a member. */
  members(): readonly Member[];
  /** The lists by which traces that may be asked for have had their owners, the newest first. */
  lists(): readonly (readonly Member[])[];
}

/** Why somebody did not answer. */
export interface Unanswered {
  readonly member: string;
  readonly why: string;
}

/** How many are asked at one time. */
const mostAtOnce = 16;

/** The members but this one, those first that own the trace or have owned it. */
export function othersFor(fleet: FleetSeen, traceId: string): { likely: readonly Member[]; rest: readonly Member[] } {
  const [high, low] = [traceId.slice(16, 24), traceId.slice(24)].map((hex) => Number.parseInt(hex, 16) | 0);
  const owners = new Set<string>();
  for (const list of fleet.lists()) {
    const ownership = Ownership.of(list);
    const owner = ownership.ownerOf(high, low);
    if (owner >= 0) owners.add(ownership.members[owner].name);
  }
  const others = othersOf(fleet);
  const order = [...owners];
  const likely = others
    .filter(({ name }) => owners.has(name))
    .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  return { likely, rest: others.filter(({ name }) => !owners.has(name)) };
}

export const othersOf = ({ self, members }: FleetSeen): readonly Member[] =>
  members().filter(({ name }) => name !== self);

/** What each member says, some at a time; who says nothing is listed with why. */
export async function fromEach<T>(
  members: readonly Member[],
  ask: (member: Member) => Promise<T>,
): Promise<{ readonly answers: readonly T[]; readonly unanswered: readonly Unanswered[] }> {
  const answers: T[] = [];
  const unanswered: Unanswered[] = [];
  const left = members.values();
  const worker = async (): Promise<void> => {
    for (const member of left) {
      try {
        answers.push(await ask(member));
      } catch (error) {
        unanswered.push({ member: member.name, why: (error as Error).message });
      }
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, worker));
  return { answers, unanswered };
}

/** The first answer that is one: of those that are likely to have it one after the other, then of all others at once. */
export async function firstOf<T>(
  { likely, rest }: { readonly likely: readonly Member[]; readonly rest: readonly Member[] },
  ask: (member: Member) => Promise<T | undefined>,
): Promise<{ readonly found: T | undefined; readonly unanswered: readonly Unanswered[] }> {
  const unanswered: Unanswered[] = [];
  for (const member of likely) {
    const { answers, unanswered: why } = await fromEach([member], ask);
    unanswered.push(...why);
    if (answers[0] !== undefined) return { found: answers[0], unanswered };
  }
  const { answers, unanswered: more } = await fromEach(rest, ask);
  return { found: answers.find((answer) => answer !== undefined), unanswered: [...unanswered, ...more] };
}

export const wordsOf = (unanswered: readonly Unanswered[]): string =>
  unanswered.map(({ member, why }) => `${member}: ${why}`).join('; ');
