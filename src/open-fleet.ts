import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { memberFiles } from './certificates.ts';
import { systemClock } from './clock.ts';
import { beatMs, Fleet, gatherMs, type NoWord } from './cluster/fleet.ts';
import type { TellOfMembers } from './cluster/members/list.ts';
import { registerMember } from './cluster/members/register.ts';
import { selfIn } from './cluster/members/self.ts';
import { watchMembers } from './cluster/members/watch.ts';
import { readWord, type Word } from './cluster/word.ts';
import type { LiveFiles } from './config/live-files.ts';
import type { BootConfig } from './config/schema.ts';
import { memberToken } from './credentials.ts';
import type { Peer } from './forward/peer.ts';
import { inTime } from './in-time.ts';
import type { Member } from './model/member.ts';
import { openFiles } from './open-files.ts';
import { exchangePath } from './receive/grpc/services.ts';
import type { Endpoint } from './receive/receiver.ts';
import type { Log } from './telemetry/log.ts';
import { connectTo } from './threads/connect-to.ts';
import type { FleetLink, FleetShardConfig, ShardEvents, Shards } from './threads/shards.ts';

const { monotonicMs: now } = systemClock;

/** Members hear of a change within so long of each other. */
const skewMs = 10_000;
/** What a member needs to say its word. */
const askMs = 2_000;
/** How long the source of members may take to name them before the gateway starts without. */
const namedWithinMs = 5_000;
/** Of the time that a stop may take, what those that wait here may have of it; the rest is for what was kept. */
const leavingShare = 0.6;
const lookMs = 100;

/** The rest of a fleet, as one gateway has it. */
export interface OpenFleet {
  readonly fleet: Fleet;
  /** For the shards. */
  readonly config: () => FleetShardConfig;
  /** For the log and for what shards say. */
  readonly events: Pick<ShardEvents, 'heard' | 'unreachable'>;
  readonly files: readonly LiveFiles<unknown>[];
  /** What other gateways are reached with. */
  readonly link: () => FleetLink;
  /** Knows who is there, and tells the shards; before they listen. */
  join(shards: Pick<Shards, 'renewFleet' | 'renewLink'>, adminPort: number): Promise<void>;
  /** The ports are open: the others may know where. */
  start(bound: Endpoint | undefined): Promise<void>;
  /** Takes no new traces, and waits for those that are here, no longer than its share of `timeoutMs`. */
  leave(shards: Pick<Shards, 'stats'>, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** The fleet that the boot file names; undefined where this gateway is alone. */
export async function openFleet(boot: BootConfig, log: Log): Promise<OpenFleet | undefined> {
  const { cluster } = boot;
  if (cluster === undefined) return undefined;
  const files = await openLinkFiles(boot, log);
  const self = cluster.name;
  const peers = new Map<string, Peer>();
  const ask = async (member: Member, word: Uint8Array, anew: boolean): Promise<Word | NoWord> => {
    // What failed to connect waits before it tries again, and there is somebody now.
    if (anew) forget(peers, member);
    const peer = peerOf(peers, member, () => connectTo(member.address, files.link, 2 * askMs));
    const answer = await peer.ask(exchangePath, word);
    return typeof answer === 'string' ? answer : (wordIn(answer) ?? 'silent');
  };
  let shards: Pick<Shards, 'renewFleet' | 'renewLink'> | undefined;
  const word = new Uint8Array(0);
  const lists = [{ members: [], generation: 0, epoch: '' }];
  let view: FleetShardConfig['view'] = { self, lists, first: 0, gone: [], crashed: [], silent: [], word };
  const fleet = new Fleet({
    self,
    // An agent is in no list, whatever its name.
    selfIn: (members) =>
      boot.mode === 'agent' ? '' : members[selfIn(members, { name: cluster.name, ...cluster.listen })]?.name,
    run: randomBytes(8).toString('hex'),
    waitMs: boot.buffer.decisionWaitMs,
    skewMs,
    adminPort: () => adminPort,
    ask,
    publish: (next) => {
      view = next;
      return shards?.renewFleet(next);
    },
    later: (run) => void setTimeout(run, gatherMs).unref(),
    log: (event, fields) => log.info(`fleet_${event}`, fields),
    now,
  });
  let adminPort = 0;
  let timer: NodeJS.Timeout | undefined;
  const beat = async (): Promise<void> => {
    await fleet.beat();
    timer = setTimeout(() => void beat(), beatMs(fleet.states().length)).unref();
  };
  const { promise: named, resolve: name } = Promise.withResolvers<void>();
  const onMembers = (members: readonly Member[]): void => {
    fleet.name(members);
    name();
  };
  const tell = tellOf(log);
  const watches = [await watchMembers(cluster, onMembers, tell)];
  return {
    fleet,
    config: () => ({
      ...(boot.mode === 'gateway' && { listen: cluster.listen }),
      ...(cluster.auth?.clientSubjects && { clientSubjects: cluster.auth.clientSubjects }),
      waitMs: boot.buffer.decisionWaitMs,
      maxForwardBytes: cluster.maxForwardBytes,
      forwardTimeoutMs: cluster.forwardTimeoutMs,
      link: files.link(),
      view,
    }),
    events: {
      heard: (bytes) => {
        const word = wordIn(bytes);
        if (word !== undefined) fleet.hear(word);
      },
      unreachable: (member) => fleet.suspect(member),
    },
    files: files.live,
    link: files.link,
    join: async (all, port) => {
      adminPort = port;
      shards = all;
      files.onChange((link) => all.renewLink(link));
      await inTime(named, namedWithinMs);
      await fleet.join();
    },
    start: async (bound) => {
      // The others hear of this one with the first beat, before senders do.
      await beat();
      if (bound !== undefined) watches.push(await registerMember(cluster, bound, tell));
    },
    leave: async (all, timeoutMs) => {
      await fleet.leave();
      if (fleet.lists.inForce.members.length === 0) return;
      const until = now() + Math.min(timeoutMs * leavingShare, boot.buffer.decisionWaitMs + skewMs);
      while (now() < until && (await isWaiting(all))) await sleep(lookMs);
    },
    stop: async () => {
      clearTimeout(timer);
      for (const peer of peers.values()) peer.close();
      await Promise.all(watches.map((watch) => watch.stop()));
    },
  };
}

/** Trouble of the source of members is told when it begins and when it ends. */
function tellOf(log: Log): TellOfMembers {
  let failing = '';
  return {
    answered: () => {
      if (failing !== '') log.info('members_answer');
      failing = '';
    },
    failed: ({ message }) => {
      if (failing === '') log.warn('members_unknown', {}, message);
      failing = message;
    },
  };
}

/** What members are reached with, and told when that changes. */
async function openLinkFiles(boot: BootConfig, log: Log) {
  const [tlsFiles, tokenFile] = [memberFiles(boot), memberToken(boot)];
  const tls = tlsFiles && (await openFiles(tlsFiles, log));
  const token = tokenFile && (await openFiles(tokenFile, log));
  const serverName = boot.cluster?.tls?.client.serverName;
  const link = (): FleetLink => ({
    headers: token === undefined ? {} : { authorization: `Bearer ${token.value}` },
    ...(tls && { tls: { texts: tls.value, ...(serverName !== undefined && { serverName }) } }),
  });
  const live = [...(tls ? [tls] : []), ...(token ? [token] : [])] as readonly LiveFiles<unknown>[];
  const onChange = (renew: (link: FleetLink) => void): void => {
    for (const files of live) files.onChange('other gateways', () => renew(link()));
  };
  return { link, live, onChange };
}

function forget(peers: Map<string, Peer>, { name }: Member): void {
  peers.get(name)?.close();
  peers.delete(name);
}

function peerOf(peers: Map<string, Peer>, { name, address }: Member, connect: () => Peer): Peer {
  const known = peers.get(name);
  if (known?.address === address) return known;
  known?.close();
  const peer = connect();
  peers.set(name, peer);
  return peer;
}

/** What is no word says nothing. */
function wordIn(bytes: Uint8Array): Word | undefined {
  try {
    return readWord(bytes);
  } catch {
    return undefined;
  }
}

async function isWaiting(shards: Pick<Shards, 'stats'>): Promise<boolean> {
  const all = (await shards.stats()).flatMap(({ pipelines }) => pipelines);
  return all.some(({ waiting, handedOver, takenOver }) => waiting.spans + handedOver - takenOver > 0);
}
