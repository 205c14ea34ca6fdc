import { findErrorBy, type MessagesStream } from '@platformatic/kafka';
import type { TopicConsumer } from './client.ts';

/** What a member of a group says. */
interface MemberEvents {
  readonly came: (partition: number, offset: bigint, value: Buffer | null | undefined, key?: Buffer) => void;
  /** Partitions were given or taken away. */
  readonly rebalanced: () => void;
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
  /** The next offset to be read of each partition, whoever reads it. */
  commit(offsets: ReadonlyMap<number, bigint>): Promise<void>;
  /** Behind the last record, by partition. */
  ends(partitions: readonly number[]): Promise<readonly (bigint | undefined)[]>;
  close(): Promise<void>;
}

export function memberOf(
  consumer: TopicConsumer,
  topic: string,
  { came, rebalanced, failed }: MemberEvents,
): TopicMember {
  let stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined;
  let assignments: TopicConsumer['assignments'] = null;
  let partitions: ReadonlySet<number> = new Set();
  consumer.on('error' as never, failed as never);
  consumer.on('consumer:group:rebalance', rebalanced);
  // Whoever stood still for longer than a session: others have its partitions.
  consumer.on('consumer:heartbeat:error', ({ error }: { error?: Error } = {}) => {
    if (error !== undefined && isNoMember(error)) failed(error);
  });
  return {
    get partitions() {
      if (consumer.assignments !== assignments) {
        assignments = consumer.assignments;
        partitions = new Set(assignments?.flatMap((each) => each.partitions));
      }
      return partitions;
    },
    join: async () => {
      stream = await consumer.consume({
        topics: [topic],
        mode: 'committed',
        fallbackMode: 'earliest',
        highWaterMark: 64,
      });
      stream.on('error', failed);
      stream.on('data', ({ partition, offset, value, key }) => came(partition, offset, value, key));
    },
    // The library goes on reading behind each rebalance, whoever had it pause.
    pause: () => {
      if (stream?.isPaused() === false) stream.pause();
    },
    resume: () => void stream?.resume(),
    commit: (offsets) =>
      consumer.commit({
        offsets: [...offsets].map(([partition, offset]) => ({ topic, partition, offset, leaderEpoch: -1 })),
      }),
    ends: async (of) =>
      (await consumer.listOffsets({ topics: [topic], partitions: { [topic]: [...of] } })).get(topic) ?? [],
    close: () => consumer.close(true),
  };
}

/** What the group's coordinator says to a member that it has given up, or that another one has taken the place of. */
const notMember = ['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'GROUP_ID_NOT_FOUND'];

/** Is it no member of its group any more? The library goes on as if it were, after the first such answer and every other. */
export const isNoMember = (error: Error): boolean =>
  notMember.some((apiId) => findErrorBy(error, 'apiId', apiId) !== null);
