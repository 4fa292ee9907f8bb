import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compact, settle, wholeRow } from '../../sinks/compact.ts';
import type { Governed } from '../../schemas/change.ts';
import { positionText } from '../../schemas/position.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { keyText, unchanged } from '../../schemas/value.ts';
import type { Row, Value } from '../../schemas/value.ts';
import { changesOf, position } from '../sinks/changes.ts';

interface Store {
  readonly rows: Map<string, { at: string; values: Record<string, Value> }>;
  readonly tombs: Map<string, string>;
  floor: string;
}

const orders = changesOf({ table: 'public.orders', key: ['id'] });
const at = (lsn: number) => positionText(position(lsn));

const copy = (store: Store): Store => ({
  rows: new Map(
    [...store.rows].map(([key, { at, values }]) => [key, { at, values: { ...values } }]),
  ),
  tombs: new Map(store.tombs),
  floor: store.floor,
});

const gone = (store: Store, key: string) =>
  [store.tombs.get(key) ?? '', store.floor].sort().at(-1) ?? '';

/** What a change means, said without a thought for speed. False if it cannot be written. */
function applyOne(store: Store, change: Governed): boolean {
  const here = positionText(change.position);
  if (change.op === 'truncate') {
    if (here > store.floor) store.floor = here;
    for (const [key, row] of store.rows) if (row.at < here) store.rows.delete(key);
    return true;
  }
  const key = keyText(change.key ?? {});
  const row = store.rows.get(key);
  if (here <= (row?.at ?? '') || here <= gone(store, key)) return true;
  if (change.after === null) {
    store.rows.delete(key);
    store.tombs.set(key, here);
    return true;
  }
  const values: Record<string, Value> = { ...row?.values };
  for (const [column, value] of Object.entries(change.after)) {
    if (value !== unchanged) values[column] = value;
    else if (!row) return false;
  }
  store.rows.set(key, { at: here, values });
  return true;
}

function applyCompacted(store: Store, batch: readonly Governed[]): void {
  for (const { truncated, upserts, removals } of compact(batch)) {
    for (const { keyText: key, at: here } of removals) {
      const row = store.rows.get(key);
      if (here <= (row?.at ?? '') || here <= gone(store, key)) continue;
      store.rows.delete(key);
      store.tombs.set(key, here);
    }
    for (const upsert of upserts) {
      const row = store.rows.get(upsert.keyText);
      const settled = settle(upsert, {
        row: row?.at ?? null,
        gone: gone(store, upsert.keyText) || null,
      });
      if (!settled) continue;
      store.rows.set(upsert.keyText, {
        at: upsert.at,
        values: { ...(settled.onto === 'row' ? row?.values : {}), ...settled.values },
      });
    }
    if (truncated) {
      if (truncated.at > store.floor) store.floor = truncated.at;
      for (const [key, row] of store.rows) if (row.at < truncated.at) store.rows.delete(key);
    }
  }
}

/** Rows, and for a key without one, what is too late for it. */
const meaning = (store: Store) => ({
  rows: Object.fromEntries(store.rows),
  gone: [1, 2, 3].map((id) => {
    const key = keyText({ id });
    return store.rows.has(key) ? null : gone(store, key);
  }),
  floor: store.floor,
});

const id = fc.integer({ min: 1, max: 3 });
const lsn = fc.integer({ min: 1, max: 30 });
const value = fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 9 }));
const perhaps = fc.oneof(
  { weight: 2, arbitrary: value },
  { weight: 1, arbitrary: fc.constant(unchanged) },
);
const change: fc.Arbitrary<Governed> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(lsn, id, value, value)
      .map(([l, i, a, b]) => orders.insert(l, { id: i, a, b })),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(lsn, id, perhaps, perhaps)
      .map(([l, i, a, b]) => orders.update(l, { id: i, a, b })),
  },
  {
    weight: 2, // As after a column was added: earlier changes do not speak of it.
    arbitrary: fc
      .tuple(lsn, id, perhaps, perhaps, value)
      .map(([l, i, a, b, c]) => orders.update(l, { id: i, a, b, c })),
  },
  { weight: 2, arbitrary: fc.tuple(lsn, id).map(([l, i]) => orders.delete(l, { id: i })) },
  { weight: 1, arbitrary: lsn.map((l) => orders.truncate(l)) },
);
/** Mostly in the log's order, as a topic has it; sometimes in none. */
const batches = fc.oneof(
  fc.array(change, { maxLength: 14 }),
  fc
    .array(change, { maxLength: 14 })
    .map((all) => [...all].sort((a, b) => Number(a.position.lsn - b.position.lsn))),
);

test('whatever the store holds, a compacted batch does what its changes do one by one', () => {
  let compared = 0;
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), batches, (history, batch) => {
      const one: Store = { rows: new Map(), tombs: new Map(), floor: '' };
      for (const earlier of history) applyOne(one, earlier);
      const all = copy(one);

      if (!batch.every((next) => applyOne(one, next))) return;
      compared++;
      applyCompacted(all, batch);
      expect(meaning(all)).toEqual(meaning(one));
    }),
    { numRuns: 3_000 },
  );
  expect(compared).toBeGreaterThan(600);
});

test('a key is in a compacted batch at most once, whatever the batch', () => {
  fc.assert(
    fc.property(batches, (batch) => {
      for (const { upserts, removals } of compact(batch)) {
        const keys = [...upserts, ...removals].map(({ keyText: key }) => key);
        expect(new Set(keys).size).toBe(keys.length);
      }
    }),
  );
});

test('an unchanged column is taken from the earlier change of the same batch', () => {
  const [orders1] = compact([
    orders.insert(1, { id: 1, a: 'first', b: 'long' }),
    orders.update(2, { id: 1, a: 'second', b: unchanged }),
  ]);
  const settled = settle(orders1!.upserts[0]!, { row: null, gone: null });
  expect(settled).toEqual({ values: { id: 1, a: 'second', b: 'long' }, onto: 'nothing' });
});

test('what a batch took from before a delete that only the store has seen is no base', () => {
  const [orders1] = compact([
    orders.insert(1, { id: 1, b: 'long' }),
    orders.update(5, { id: 1, b: unchanged }),
  ]);
  expect(() => settle(orders1!.upserts[0]!, { row: null, gone: at(3) })).toThrow(Refusal);
});

test('a row that the batch itself deletes or truncates is no base for what follows', () => {
  const partial = orders.update(3, { id: 1, a: 'new', b: unchanged });
  for (const end of [orders.delete(2, { id: 1 }), orders.truncate(2)]) {
    const [orders1] = compact([end, partial]);
    expect(() => settle(orders1!.upserts[0]!, { row: at(1), gone: null })).toThrow(Refusal);
  }
});

test('a refusal names table and columns, and no value', () => {
  const [orders1] = compact([orders.update(5, { id: 424242, a: 'secret', b: unchanged })]);
  expect(() => settle(orders1!.upserts[0]!, { row: null, gone: null })).toThrow(
    expect.objectContaining({
      reason: 'missing-base',
      message: expect.stringMatching(/^table public\.orders: (?!.*(secret|424242)).*\bb;/),
    }),
  );
});

test('a thousand partial updates of one key keep no more images than they need', () => {
  const partial = (n: number): Row => ({ id: 1, a: n, b: unchanged });
  const [orders1] = compact([
    orders.insert(1, { id: 1, a: 0, b: 'long' }),
    ...Array.from({ length: 1_000 }, (_, n) => orders.update(n + 2, partial(n))),
  ]);
  expect(orders1!.upserts[0]!.images).toHaveLength(2);
  expect(wholeRow(orders1!.upserts[0]!)).toBeNull();
});

test('rows of a table without a key are told apart by position', () => {
  const log = changesOf({ table: 'public.log', key: [] });
  const [rows] = compact([
    log.insert(1, { a: 1 }),
    log.insert(2, { a: 1 }),
    log.insert(1, { a: 1 }),
  ]);
  expect(rows!.upserts.map(({ at: here }) => here)).toEqual([at(1), at(2)]);
});

test('the newest position of every lane is kept, of changes that came too late as well', () => {
  const [rows] = compact([
    { ...orders.insert(5, { id: 1 }), lane: 3 },
    { ...orders.insert(4, { id: 1 }), lane: 3 },
    { ...orders.insert(2, { id: 2 }), lane: 7 },
  ]);
  expect(rows!.newest.map(({ lane, position: { lsn: here } }) => [lane, here])).toEqual([
    [3, 5n],
    [7, 2n],
  ]);
});
