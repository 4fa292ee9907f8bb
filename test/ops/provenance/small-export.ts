import { origin, ownKey } from './log-in-memory.ts';

/** What an export is made of that is soon written and soon verified: two streams of five segments each. */
export const smallExport = {
  origin,
  key: ownKey,
  streams: ['pg.orders', 'pg.people'],
  records: 50,
  partitions: 3,
  valueBytes: 64,
  every: 10,
};
