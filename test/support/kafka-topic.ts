import { Admin, type AdminOptions, Consumer, Producer } from '@platformatic/kafka';
import { expect } from 'vitest';
import { eventually } from './gateway.ts';
import { spanIdentities } from './identity.ts';

/** A message as it lies in its topic. */
export interface TopicMessage {
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** `access`: how the broker is reached where it is not plain. */
export async function createTopic(
  broker: string,
  topic: string,
  partitions = 4,
  access: Partial<AdminOptions> = {},
): Promise<void> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker], retries: 20, ...access });
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
  await admin.close();
}

/** Writes values as they are, one message each. */
export async function writeMessages(
  broker: string,
  topic: string,
  partition: number,
  values: Uint8Array[],
  compression: 'none' | 'gzip' | 'zstd' = 'none',
): Promise<void> {
  const producer = new Producer({ clientId: 'test', bootstrapBrokers: [broker], compression });
  const messages = values.map((value) => ({ topic, partition, key: Buffer.from('test'), value: Buffer.from(value) }));
  await producer.send({ messages, acks: -1 });
  await producer.close();
}

/** All that is in the topic now. */
export async function readTopic(broker: string, topic: string): Promise<TopicMessage[]> {
  const consumer = new Consumer({ clientId: 'test', groupId: `test-${Math.random()}`, bootstrapBrokers: [broker] });
  const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic) as bigint[];
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', autocommit: false, maxWaitTime: 100 });
  const found: TopicMessage[] = [];
  const read = ends.map(() => 0n);
  stream.on('data', ({ partition, offset, key, value, headers }) => {
    read[partition] = offset + 1n;
    const named = Object.fromEntries([...headers].map(([name, text]) => [String(name), String(text)]));
    found.push({ partition, offset, key: String(key), value, headers: named });
  });
  await eventually(async () => expect(read.filter((next, partition) => next < ends[partition])).toEqual([]), 60_000);
  await consumer.close(true);
  return found;
}

/** What a group has committed, by partition; 0n where nothing. */
export async function committedOffsets(
  broker: string,
  topic: string,
  group: string,
  partitions = 4,
): Promise<bigint[]> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker] });
  const numbers = Array.from({ length: partitions }, (_, partition) => partition);
  const groups = await admin.listConsumerGroupOffsets({
    groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: numbers }] }],
  });
  await admin.close();
  const found = numbers.map(() => 0n);
  for (const { partitionIndex, committedOffset } of groups
    .flatMap(({ topics }) => topics)
    .flatMap((each) => each.partitions))
    if (committedOffset > 0n) found[partitionIndex] = committedOffset;
  return found;
}

/** Every span of every message, by itself. */
export const identitiesIn = (messages: readonly TopicMessage[]): string[] =>
  messages.flatMap(({ value }) => spanIdentities(value));

/** Where spans lie in a topic, as `partition 2 offset 24`, each place once. */
export async function placesOf(broker: string, topic: string, identities: readonly string[]): Promise<string[]> {
  const sought = new Set(identities);
  const holding = (await readTopic(broker, topic)).filter(({ value }) =>
    spanIdentities(value).some((identity) => sought.has(identity)),
  );
  return holding.map(({ partition, offset }) => `partition ${partition} offset ${offset}`);
}
