import { findErrorBy } from '@platformatic/kafka';
import { inTime } from '../in-time.ts';
import type { TopicConsumer } from './client.ts';
import { earliest, Fetching } from './fetching.ts';

/** What a member of a group says. */
interface MemberEvents {
  readonly came: (partition: number, offset: bigint, value: Buffer | null | undefined, key?: Buffer) => void;
  /** Partitions were given or taken away. */
  readonly rebalanced: () => void;
  /** The group's coordinator counts it among the members. */
  readonly heard: () => void;
  /** The log does not hold where it was to be read: what is read instead. */
  readonly moved: (what: string) => void;
  /** It reads no more. */
  readonly failed: (error: Error) => void;
}

/** What a reader needs of brokers: to be a member of the group that reads a topic. */
export interface TopicMember {
  /** The partitions that it has now; another set after each change. */
  readonly partitions: ReadonlySet<number>;
  /** Reads on from what is committed, from now on. */
  join(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Below it all has come; undefined where nobody knows yet from where on the partition is to be read. */
  position(partition: number): bigint | undefined;
  /** The next offset to be read of each partition, whoever reads it. */
  commit(offsets: ReadonlyMap<number, bigint>): Promise<void>;
  /** Behind the last record, by partition. */
  ends(partitions: readonly number[]): Promise<readonly (bigint | undefined)[]>;
  /** Leaves the group; after ten seconds the rest goes on without whoever waits for it. */
  close(): Promise<void>;
}

const longestCloseMs = 10_000;

export function memberOf(
  consumer: TopicConsumer,
  topic: string,
  { came, rebalanced, heard, moved, failed }: MemberEvents,
): TopicMember {
  const fetching = new Fetching(consumer, topic, { came, failed, moved });
  let isJoined = false;
  let isClosed = false;
  let assignments: TopicConsumer['assignments'] = null;
  let partitions: ReadonlySet<number> = new Set();

  /** A partition that is kept goes on where it is: all below that is here. One that came is read from what is committed. */
  const readOn = async (of: typeof partitions): Promise<void> => {
    const given = [...of].filter((partition) => !fetching.has(partition));
    const offsets = given.length > 0 ? await committed(consumer, topic, given) : undefined;
    // Of a later assignment this was asked again.
    if (of === partitions) await fetching.open(offsets);
  };
  const look = (): void => {
    if (!isJoined || consumer.assignments === assignments) return;
    assignments = consumer.assignments;
    const now = new Set(assignments?.flatMap((each) => (each.topic === topic ? each.partitions : [])));
    partitions = now;
    fetching.keepOnly(now);
    // It does not ask again of its own: partitions that were added would end the process at the next fetch.
    consumer.clearMetadata();
    // It looks up the names of topics among those that it knew before.
    if (assignments?.some((each) => each.topic !== topic)) failed(new Error(`topic ${topic} was made anew`));
    else if (now.size > 0) readOn(now).catch((error) => now === partitions && failed(error));
  };

  consumer.on('error' as never, failed as never);
  consumer.on('consumer:group:rebalance', rebalanced);
  consumer.on('consumer:heartbeat:end', () => {
    heard();
    look();
  });
  // Whoever stood still for longer than a session: others have its partitions.
  consumer.on('consumer:heartbeat:error', ({ error }: { error?: Error } = {}) => {
    if (error !== undefined && isNoMember(error)) failed(error);
  });
  return {
    get partitions() {
      look();
      return partitions;
    },
    join: async () => {
      await fetching.open();
      isJoined = !isClosed;
      look();
    },
    pause: () => fetching.pause(),
    resume: () => fetching.resume(),
    position: (partition) => fetching.position(partition),
    commit: (offsets) =>
      consumer.commit({
        offsets: [...offsets].map(([partition, offset]) => ({ topic, partition, offset, leaderEpoch: -1 })),
      }),
    ends: async (of) =>
      (await consumer.listOffsets({ topics: [topic], partitions: { [topic]: [...of] } })).get(topic) ?? [],
    close: async () => {
      isClosed = true;
      isJoined = false;
      await inTime(
        fetching.close().then(() => consumer.close(true)),
        longestCloseMs,
      );
    },
  };
}

async function committed(
  consumer: TopicConsumer,
  topic: string,
  partitions: readonly number[],
): Promise<Map<number, bigint>> {
  const offsets = (await consumer.listCommittedOffsets({ topics: [{ topic, partitions: [...partitions] }] })).get(
    topic,
  );
  return new Map(partitions.map((partition) => [partition, offsets?.[partition] ?? earliest]));
}

/**
 * What the group's coordinator says to a member that it has given up, or that another one has taken the place of. One
 * whose epoch is fenced could join again as it is; the library does so only where that is the first answer to a
 * heartbeat, not where it is the answer to one that was sent again.
 */
const notMember = ['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH', 'FENCED_INSTANCE_ID', 'GROUP_ID_NOT_FOUND'];

/** Is it no member of its group any more? The library goes on as if it were, after the first such answer and every other. */
export const isNoMember = (error: Error): boolean =>
  notMember.some((apiId) => findErrorBy(error, 'apiId', apiId) !== null);
