import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadBoot } from '../../src/config/load.ts';

const shipped = (name: string, env: Record<string, string> = {}, change = (text: string): string => text) => {
  const file = fileURLToPath(new URL(`../../deploy/kafka/${name}`, import.meta.url));
  return loadBoot(change(readFileSync(file, 'utf8')), { file, env, cwd: '/' });
};

describe('the shipped configurations with Kafka', () => {
  it('write to the topic in front, with nowhere else to send to', () => {
    const loaded = shipped('front.yaml', { KAFKA_BROKERS: 'k1:9092' });
    if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
    const { kafka, export: exporters } = loaded.config;
    expect(kafka).toMatchObject({ brokers: ['k1:9092'], topic: 'otlp_spans', role: 'produce', compression: 'zstd' });
    expect(exporters).toEqual([]);
  });

  it('read it behind, as a member that has the pod’s name', () => {
    const loaded = shipped('decider.yaml', { POD_NAME: 'decider-0' });
    if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
    expect(loaded.config.kafka).toMatchObject({ role: 'consume', group: 'tailgate', instance: 'decider-0' });
  });

  it.each(['front.yaml', 'decider.yaml'])('%s has TLS and SASL to be switched on', (name) => {
    const env = { KAFKA_USERNAME: 'u', KAFKA_PASSWORD: 'p' };
    const loaded = shipped(name, env, (text) => text.replace(/^ {2}# (tls|sasl):/gm, '  $1:'));
    if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
    expect(loaded.config.kafka).toMatchObject({
      tls: { caFile: '/etc/tailgate/kafka-ca.pem' },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' },
    });
  });
});
