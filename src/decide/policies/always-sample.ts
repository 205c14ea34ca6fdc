import { kind } from './kind.ts';

export const alwaysSample = kind({
  type: 'always_sample',
  says: 'every trace',
  parameters: {},
  compile: () => ({ op: 'always' }),
});
