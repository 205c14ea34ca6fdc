import zlib from 'node:zlib';

/** How requests may be compressed. */
export type Encoding = 'gzip' | 'deflate' | 'zstd';

/** What this Node can unpack; zstd came with Node 22.15. */
export const encodings: readonly Encoding[] =
  typeof zlib.createZstdDecompress === 'function' ? ['gzip', 'deflate', 'zstd'] : ['gzip', 'deflate'];
