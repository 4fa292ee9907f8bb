import { expect, test } from 'vitest';
import { stamp } from '../../processors/provenance.ts';
import { decoded } from './tables.ts';

test('golden stamp: system, timeline, log, LSN as PostgreSQL prints it, number and part', () => {
  const position = { timeline: 2, lsn: 0x16_b374_d1c8n, seq: 10, part: 1 };
  const change = { ...decoded('insert', { after: { id: '7' } }), position, sealed: null };
  expect(stamp(change)).toEqual({ ...change, provenance: 'pg:7000/2/slot@16/B374D1C8/10.1' });
});
