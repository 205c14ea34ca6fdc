import type { Intended } from './differences.ts';

/** Queries that our store answers otherwise than Tempo 2.8, on purpose. */
export const searchIntended: Intended = {};
