// What a change of members costs a large fleet, with and without lists that still count: bin/node tools/churn.ts [members]
import { Ownership } from '../src/cluster/ownership.ts';
import { FleetPaths, fromSender } from '../src/route/fleet-path.ts';
import { random } from '../test/support/random.ts';

/** As a gateway has them: the wait, how far apart members hear of a change, and how long lists count and are known. */
const [waitMs, skewMs] = [15_000, 10_000];
const countsMs = waitMs + skewMs;
const remembersMs = countsMs + 2 * skewMs;
/** The source of members tells each of them of a change within so long. */
const lagMs = 5_500;
const spansPerTrace = 8;
/** Of the time between a trace's spans, on average. */
const spanGapMs = 400;

/** Lists of members, and when each begins to be in force. */
interface Timeline {
  readonly name: string;
  readonly lists: readonly (readonly string[])[];
  readonly everyMs: number;
}

interface Result {
  readonly timeline: string;
  readonly changes: number;
  /** Of the traces: those whose spans came to more than one member. */
  readonly splitWithout: number;
  readonly splitWith: number;
  /** How often a span went from member to member, on average. */
  readonly hopsWithout: number;
  readonly hopsWith: number;
  /** Of all traces, those that a change gives another owner, and the fewest that it could be. */
  readonly moved: number;
  readonly leastMoved: number;
}

const named = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `gw-${from + i}`);

/** Ten at a time leave, finish what they have, and come back. */
function rollingRestart(size: number, rounds: number): Timeline {
  const all = named(0, size);
  const lists = [all];
  for (let i = 0; i < rounds; i++) {
    const restarting = new Set(all.slice(i * 10, i * 10 + 10));
    lists.push(
      all.filter((name) => !restarting.has(name)),
      all,
    );
  }
  return { name: 'rolling restart, ten at a time', lists, everyMs: 35_000 };
}

const scaleUp = (size: number): Timeline => ({
  name: 'a tenth more, in ten steps',
  lists: Array.from({ length: 11 }, (_, i) => named(0, size + Math.round((i * size) / 100))),
  everyMs: 20_000,
});

const scaleDown = (size: number): Timeline => ({
  name: 'a tenth less, in ten steps',
  lists: Array.from({ length: 11 }, (_, i) => named(0, size - Math.round((i * size) / 100))),
  everyMs: 20_000,
});

function simulate({ name, lists, everyMs }: Timeline, traces: number): Result {
  const next = random(1);
  const ownerships = lists.map((members) => Ownership.of(members.map((it) => ({ name: it, address: `${it}:4319` }))));
  const owned = ownerships.map((owners, generation) => ({ owners, generation, epoch: '' }));
  const lags = new Map<string, number>();
  /** When a member hears of a list; in order, since it is told of one after the other. */
  const heardAt = (member: string, version: number): number => {
    if (version === 0) return Number.NEGATIVE_INFINITY;
    const key = `${member} ${version}`;
    const lag = lags.get(key) ?? next() * lagMs;
    lags.set(key, lag);
    return version * everyMs + lag;
  };
  const paths = new Map<string, FleetPaths>();
  /** Which list a member has in force, and the paths by all that it remembers. */
  const viewOf = (member: string, at: number): { readonly inForce: number; readonly paths: FleetPaths } => {
    let inForce = Math.max(0, Math.min(lists.length - 1, Math.floor(at / everyMs)));
    while (inForce > 0 && heardAt(member, inForce) > at) inForce--;
    let from = inForce;
    while (from > 0 && at - heardAt(member, from) < remembersMs) from--;
    let first = from;
    while (first < inForce && at - heardAt(member, first + 1) >= countsMs) first++;
    const key = `${from} ${inForce} ${first}`;
    const known = paths.get(key) ?? new FleetPaths(owned.slice(from, inForce + 1), first - from);
    paths.set(key, known);
    return { inForce, paths: known };
  };
  const endMs = lists.length * everyMs;
  const sums = { splitWithout: 0, splitWith: 0, hopsWithout: 0, hopsWith: 0 };
  for (let i = 0; i < traces; i++) {
    const [high, low] = [(next() * 2 ** 32) | 0, (next() * 2 ** 32) | 0];
    const [without, takers] = [new Set<string>(), new Set<string>()];
    let at = next() * endMs;
    for (let span = 0; span < spansPerTrace; span++) {
      const present = lists[Math.min(lists.length - 1, Math.floor(at / everyMs))];
      const receiver = present[Math.floor(next() * present.length)];
      const ownership = ownerships[viewOf(receiver, at).inForce];
      const owner = ownership.members[ownership.ownerOf(high, low)].name;
      without.add(owner);
      sums.hopsWithout += Number(owner !== receiver);
      let way = fromSender;
      let member = receiver;
      while (!takers.has(member)) {
        const { paths: known } = viewOf(member, at);
        const next = known.next(known.of(high, low), member, way);
        if (next === undefined) break;
        way = { visited: [...way.visited, next.name], at: next.at };
        sums.hopsWith++;
        member = next.name;
      }
      takers.add(member);
      at += -Math.log(1 - next()) * spanGapMs;
    }
    sums.splitWithout += Number(without.size > 1);
    sums.splitWith += Number(takers.size > 1);
  }
  const spans = traces * spansPerTrace;
  return {
    timeline: name,
    changes: lists.length - 1,
    splitWithout: sums.splitWithout / traces,
    splitWith: sums.splitWith / traces,
    hopsWithout: sums.hopsWithout / spans,
    hopsWith: sums.hopsWith / spans,
    ...movement(lists, ownerships),
  };
}

/** The mean over all changes; the fewest are those whose owner went, and the part of those that came. */
function movement(lists: Timeline['lists'], ownerships: readonly Ownership[]) {
  const next = random(2);
  const keys = 20_000;
  let [moved, least] = [0, 0];
  for (let i = 1; i < lists.length; i++) {
    const [before, after] = [ownerships[i - 1], ownerships[i]];
    for (let key = 0; key < keys; key++) {
      const [high, low] = [(next() * 2 ** 32) | 0, (next() * 2 ** 32) | 0];
      const [from, to] = [before.members[before.ownerOf(high, low)].name, after.members[after.ownerOf(high, low)].name];
      if (from !== to) moved++;
    }
    const [old, now] = [new Set(lists[i - 1]), new Set(lists[i])];
    const gone = lists[i - 1].filter((it) => !now.has(it)).length / old.size;
    const come = lists[i].filter((it) => !old.has(it)).length / now.size;
    least += Math.max(gone, come);
  }
  const changes = lists.length - 1;
  return { moved: moved / keys / changes, leastMoved: least / changes };
}

const percent = (part: number): string => `${Number((100 * part).toPrecision(3))} %`;

if (import.meta.main) {
  const size = Number(process.argv[2] ?? 1_000);
  const traces = Number(process.argv[3] ?? 20_000);
  console.log(`${size} members, ${traces} traces of ${spansPerTrace} spans, told of a change within ${lagMs} ms\n`);
  console.log(
    '| change | lists | traces moved a change (least) | split by the list in force | split by paths | hops a span, list, paths |',
  );
  console.log('|---|---|---|---|---|---|');
  for (const timeline of [rollingRestart(size, 6), scaleUp(size), scaleDown(size)]) {
    const it = simulate(timeline, traces);
    const moved = `${percent(it.moved)} (${percent(it.leastMoved)})`;
    const hops = `${it.hopsWithout.toFixed(3)}, ${it.hopsWith.toFixed(3)}`;
    console.log(
      `| ${it.timeline} | ${it.changes + 1} | ${moved} | ${percent(it.splitWithout)} | ${percent(it.splitWith)} | ${hops} |`,
    );
  }
}
