import { expect, test } from 'vitest';
import { besideContract } from '../../sinks/beside.ts';
import { isWhole, rangeText } from '../../replay/range.ts';
import { wholeFrom } from '../../replay/range-reach.ts';
import type { Run } from '../../pipelines/backfill/runs.ts';
import { bound } from '../../ops/replay/range-request.ts';
import { changesOf, contractOf } from '../sinks/changes.ts';

const orders = contractOf('shop.orders', { id: 'bigint', tenant_id: 'bigint' });
const change = changesOf(orders);

test('a bound is an LSN or a time', () => {
  expect(bound('16/B374D1C8')).toEqual({ lsn: 0x16_b374_d1c8n });
  expect(bound('2026-11-27T03:00Z')).toEqual({ micros: Date.UTC(2026, 10, 27, 3) * 1_000 });
  for (const wrong of ['', '16', 'yesterday', '2026-11-27T03:00', '16/'])
    expect(() => bound(wrong)).toThrow('say an LSN, 16/B374D1C8, or a time');
});

test('a range is told as it was asked for', () => {
  expect(rangeText({ from: null, to: null, tenant: null })).toBe('all');
  const range = {
    from: { lsn: 0x16_b374_d1c8n },
    to: { micros: Date.UTC(2026, 10, 27) * 1_000 },
    tenant: { column: 'tenant_id', value: '7' },
  };
  expect(rangeText(range)).toBe('from 16/B374D1C8 to 2026-11-27T00:00:00.000Z of tenant 7');
  expect(isWhole(range)).toBe(false);
});

const copy = (lsn: bigint, more: Partial<Run> = {}): Run => ({
  id: 1,
  table: 'shop.orders',
  condition: null,
  status: 'done',
  base: { timeline: 1, lsn, watermark: 0 },
  parts: [],
  rows: 0,
  message: null,
  compared: null,
  replaces: null,
  start: null,
  ...more,
});

test('a topic that was cut holds all rows from a copy on that came after all that is left of it', () => {
  const first = change.insert(100, { id: 1n, tenant_id: 7n });
  const { timeline, lsn } = first.position;
  const of = (
    runs: readonly Run[],
    cut = [{ partition: 3, first: first as typeof first | null }],
  ) => wholeFrom({ cut }, runs, 'shop.orders');
  expect(of([], [])).toEqual({ since: null, isCut: false });
  expect(of([])).toBeNull();
  const later = { base: { timeline, lsn: lsn + 16n, watermark: 0 } };
  const since = { timeline, lsn: lsn + 15n, seq: 0, part: 0 };
  expect(of([copy(0n, later)])).toEqual({ since, isCut: true });
  expect(of([copy(0n, { base: { timeline, lsn, watermark: 0 } })])).toBeNull(); // Some of it may be gone.
  expect(of([copy(0n, { ...later, condition: 'id > 5' })])).toBeNull();
  expect(of([copy(0n, { ...later, status: 'running' })])).toBeNull();
  expect(of([copy(0n, { ...later, table: 'shop.other' })])).toBeNull();
  expect(of([copy(0n, later)], [{ partition: 3, first: null }])).toBeNull();
});

test('what is filled beside has a name of its own, whatever its table is called', () => {
  const long = contractOf(`${'s'.repeat(60)}.orders`, { id: 'bigint' });
  expect(besideContract(orders, 7).table).toBe('conductor_replay_7_shop.orders');
  expect(besideContract(long, 7).table.split('.')[0]?.length).toBeLessThan(63);
});
