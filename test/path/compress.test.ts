import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Story } from '../support/story.ts';

const setting = {
  shards: 1,
  rules: { error_status_codes: ['ERROR'] as const },
  // Segments of 1 MiB.
  buffer: { unpack: zstdDecompressSync, maxBytes: 24 << 20 },
};
const attributes = {
  'http.request.method': 'GET',
  'url.path': '/api/v1/content',
  'user_agent.original': 'Mozilla/5.0',
};

/** Compresses every segment that is full, as the packer does in its own time; how many. */
function packAll(
  story: Story,
  compress: (bytes: Uint8Array) => Uint8Array = (bytes) => zstdCompressSync(bytes),
): number {
  const { buffer } = story.shards[0].shard;
  let packed = 0;
  for (
    let found = buffer.packable(story.clock.monotonic);
    found !== undefined;
    found = buffer.packable(story.clock.monotonic), packed++
  ) {
    buffer.pack(found.number, compress(found.bytes));
  }
  return packed;
}

function fill(story: Story): void {
  for (let i = 0; i < 400; i++) {
    story.send(
      { trace: `t${i}`, id: 'r', attributes },
      ...Array.from({ length: 19 }, () => ({ trace: `t${i}`, parent: 'r', attributes, padding: 500 })),
      { trace: `t${i}`, parent: 'r', status: i % 10 === 0 ? ('ERROR' as const) : ('OK' as const) },
    );
  }
  story.clock.pass(1);
}

describe('waiting segments that are compressed', () => {
  it('take a fraction of their bytes, and what is kept leaves whole', () => {
    const story = new Story(setting);
    fill(story);
    const { segments } = story.shards[0].shard.buffer;
    const before = segments.heldBytes;
    expect(packAll(story)).toBeGreaterThan(1);
    expect(segments.heldBytes).toBeLessThan(before / 1.5);
    story.after(10_000);
    expect(story.left()).toHaveLength(40 * 21);
    expect(story.leftOf('t10').filter((span) => span.attributes?.length === 4)).toHaveLength(19);
    expect([story.bufferBytes, story.waiting]).toEqual([0, 0]);
  });

  it('are asked again when the rules change', () => {
    const story = new Story(setting);
    fill(story);
    packAll(story);
    story.swap({ routes: ['/api/v1/content'] });
    story.after(10_000);
    expect(story.left()).toHaveLength(400 * 21);
    expect(story.explain('t7')).toMatchObject({ policy: 'routes', revision: 'r2' });
  });

  it('stay as they are where compressing gains nothing, and are not tried again', () => {
    const story = new Story(setting);
    fill(story);
    const before = story.bufferBytes;
    expect(packAll(story, (bytes) => new Uint8Array(bytes.length))).toBeGreaterThan(1);
    expect([story.bufferBytes, packAll(story)]).toEqual([before, 0]);
    expect(story.after(10_000).left()).toHaveLength(40 * 21);
  });

  it('are left alone when all that waited in them is gone before they are compressed', () => {
    const story = new Story(setting);
    fill(story);
    const { buffer } = story.shards[0].shard;
    const found = buffer.packable(story.clock.monotonic);
    const before = Buffer.from(found?.bytes ?? '');
    expect(before.length).toBeGreaterThan(0);
    story.after(10_000);
    // The compressor reads them still, on another thread.
    expect(before.equals(found?.bytes ?? new Uint8Array())).toBe(true);
    buffer.pack(found?.number ?? 0, zstdCompressSync(before));
    expect(story.bufferBytes).toBe(0);
  });
});
