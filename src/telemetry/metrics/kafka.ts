import type { KafkaStats } from '../../model/stats.ts';
import type { Metric, Sample } from './metric.ts';

type Written = NonNullable<KafkaStats['written']>;
type Read = NonNullable<KafkaStats['read']>;

const written = (of: (stats: Written) => number) => ({
  labels: [],
  read: ({ gateway }: Sample) => (gateway.kafka?.written ? of(gateway.kafka.written) : []),
});
const read = (of: (stats: Read) => number) => ({
  labels: [],
  read: ({ gateway }: Sample) => (gateway.kafka?.read ? of(gateway.kafka.read) : []),
});

/** What goes to a Kafka topic and comes from it; none of them where the boot file has no `kafka`. */
export const kafkaMetrics: readonly Metric[] = [
  {
    name: 'tailgate_kafka_written_records_total',
    type: 'counter',
    help: 'Records that brokers have; one holds one trace’s spans of one request.',
    advice: 'Spans per record near 1: senders that send a trace’s spans apart; larger batches at the senders help.',
    ...written((it) => it.writtenRecords),
  },
  {
    name: 'tailgate_kafka_written_bytes_total',
    type: 'counter',
    help: 'Bytes of their keys and values, before compression.',
    advice: 'What brokers, disks and network carry, times the replicas; kafka.compression makes it less.',
    ...written((it) => it.writtenBytes),
  },
  {
    name: 'tailgate_kafka_failed_records_total',
    type: 'counter',
    help: 'Records that brokers did not take in kafka.timeout, or refused; the senders were told to try again.',
    advice: 'Rises: see the log for the reason, and the brokers. Nothing is lost as long as senders try again.',
    ...written((it) => it.failedRecords),
  },
  {
    name: 'tailgate_kafka_held_bytes',
    type: 'gauge',
    help: 'What waits for brokers to take it.',
    advice: 'Near kafka.max_bytes senders are refused with `broker_behind`: more brokers or partitions, or more bytes.',
    ...written((it) => it.heldBytes),
  },
  {
    name: 'tailgate_kafka_read_messages_total',
    type: 'counter',
    help: 'Messages that came from the topic, those that came again among them.',
    advice: 'The load of a decider.',
    ...read((it) => it.messages),
  },
  {
    name: 'tailgate_kafka_read_bytes_total',
    type: 'counter',
    help: 'Bytes of their values.',
    advice: 'Times the wait it is what the buffers of all deciders must hold.',
    ...read((it) => it.bytes),
  },
  {
    name: 'tailgate_kafka_lag_messages',
    type: 'gauge',
    labels: ['partition'],
    help: 'Messages of a partition that is read here which are not committed: unread, waiting, or not delivered.',
    advice:
      'About rate × (decision_wait + a few seconds) when all is well. Grows: more deciders, or a destination that is away.',
    read: ({ gateway }) =>
      Object.entries(gateway.kafka?.read?.lag ?? {}).map(([partition, value]) => ({ labels: { partition }, value })),
  },
  {
    name: 'tailgate_kafka_commits_total',
    type: 'counter',
    help: 'Commits of offsets below which all is decided and delivered.',
    advice: 'Stands still while messages are read: nothing is delivered; look at the exporters.',
    ...read((it) => it.commits),
  },
  {
    name: 'tailgate_kafka_failed_commits_total',
    type: 'counter',
    help: 'Commits that the brokers did not take; they are tried again.',
    advice: 'A few when partitions change hands are harmless.',
    ...read((it) => it.failedCommits),
  },
  {
    name: 'tailgate_kafka_rewinds_total',
    type: 'counter',
    help: 'How often reading began again at what is committed, because an exporter gave up for a reason that passes.',
    advice:
      'The destination was away for longer than its retry.give_up_after, or its queue was full: what was read comes again.',
    ...read((it) => it.rewinds),
  },
  {
    name: 'tailgate_kafka_standstills_total',
    type: 'counter',
    help: 'How often nothing came of a partition for half a minute though there was more, or no broker answered for a minute.',
    advice:
      'Reading began again at what is committed, as a new member of the group. More than a few: the brokers or the network between; see the log.',
    ...read((it) => it.standstills),
  },
  {
    name: 'tailgate_kafka_rebalances_total',
    type: 'counter',
    help: 'How often partitions were taken away from this gateway.',
    advice:
      'Each one makes the spans that waited here come again elsewhere. Many: deciders that come and go, or stand still.',
    ...read((it) => it.rebalances),
  },
  {
    name: 'tailgate_kafka_poison_messages_total',
    type: 'counter',
    help: 'Messages that are no OTLP and were set aside, with their offset in the log and their bytes in a file.',
    advice: 'Above 0: somebody writes something else to the topic; the log names partition and offset.',
    ...read((it) => it.poison),
  },
  {
    name: 'tailgate_kafka_connected',
    type: 'gauge',
    help: '1 where every shard is a member of the group.',
    advice: '0 for long: the brokers cannot be reached; see the log.',
    ...read((it) => Number(it.connected)),
  },
  {
    name: 'tailgate_kafka_paused',
    type: 'gauge',
    help: '1 while reading pauses: the buffer is full, or what is decided does not get away.',
    advice: 'Often 1: more deciders, more memory, or a faster destination.',
    ...read((it) => Number(it.paused)),
  },
];
