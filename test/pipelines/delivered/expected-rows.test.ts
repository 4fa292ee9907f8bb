import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Differences } from '../../../pipelines/delivered/differences.ts';
import { ExpectedRows } from '../../../pipelines/delivered/expected-rows.ts';
import type { LaneChange } from '../../../pipelines/delivered/lane-changes.ts';
import type { RestingRow } from '../../../pipelines/delivered/resting-rows.ts';
import { digestText, RowDigest } from '../../../processors/row-digest.ts';
import type { Governed } from '../../../schemas/change.ts';
import { hexOf } from '../../../schemas/md5.ts';
import { positionText } from '../../../schemas/position.ts';
import { type Row, unchanged, type Value } from '../../../schemas/value.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { recording } from '../../sinks/taking-changes.ts';

const contract = contractOf('shop.orders', { id: 'integer', a: 'text', b: 'integer' });
const digest = new RowDigest(['id', 'a', 'b'], ['id']);
const make = changesOf(contract);
const record = recording([contract]);

function laneChange(change: Governed): LaneChange {
  const { form, topic, lane, offset, key, value } = record(change);
  return { form, record: { topic, partition: lane, offset, key, value, headers: [], at: 0 } };
}

/** A row as a sink would tell it. */
function restingRow(position: string, row: Readonly<Record<string, Value>>): RestingRow {
  const hashes = new Int32Array(6);
  const out = { high: 0, low: 0 };
  for (const [index, name] of digest.columns.entries()) {
    const value = row[name] ?? null;
    out.high = out.low = 0;
    if (value !== null) digest.column(index, digestText(value, 'int'), out);
    hashes[2 * index] = out.high;
    hashes[2 * index + 1] = out.low;
  }
  digest.key(hashes, 0, position, out);
  const { high: keyHigh, low: keyLow } = out;
  digest.row(hashes, 0, position, out);
  return { keyHigh, keyLow, ...out, position, name: null, fault: null };
}

interface Known {
  readonly position: string;
  readonly row: Readonly<Record<string, Value>> | null;
}

/** What a sink comes to: the newest change of a key counts, and what is older than a truncate is gone. */
function modelOf(changes: readonly Governed[]): ReadonlyMap<number, Known> {
  const rows = new Map<number, Known>();
  let floor = '';
  for (const { op, position, key, after } of changes) {
    const at = positionText(position);
    if (op === 'truncate') {
      floor = at > floor ? at : floor;
      continue;
    }
    const id = Number(key?.['id']);
    const known = rows.get(id);
    if (at < floor || (known && at <= known.position)) continue;
    const base = known?.row && known.position >= floor ? known.row : {};
    const told = Object.entries(after ?? {}).flatMap(([column, value]) =>
      value === unchanged ? [] : [[column, value] as const],
    );
    rows.set(id, { position: at, row: after && { ...base, ...Object.fromEntries(told) } });
  }
  return new Map([...rows].filter(([, { position, row }]) => row && position >= floor));
}

const step = fc.record({
  do: fc.constantFrom('insert', 'insert', 'insert', 'update', 'keep', 'delete', 'truncate'),
  id: fc.integer({ min: 1, max: 6 }),
  lane: fc.integer({ min: 0, max: 2 }),
  at: fc.integer({ min: 1, max: 60 }),
  b: fc.option(fc.integer()),
});

function changesFrom(steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]) {
  const changes: Governed[] = [];
  const seen = new Set<number>();
  for (const { do: op, id, lane, at, b } of steps) {
    if (seen.has(at)) continue; // No two changes of a log stand at one place.
    seen.add(at);
    const row: Row = { id, a: `a${b}`, b };
    const base = modelOf(changes).get(id);
    if (op === 'truncate') changes.push({ ...make.truncate(at), lane });
    else if (op === 'delete') changes.push(make.delete(at, { id }));
    else if (op === 'keep' && base && base.position < positionText(make.truncate(at).position))
      changes.push(make.update(at, { ...row, a: unchanged }));
    else changes.push(make.insert(at, row));
  }
  return changes;
}

const folded = (changes: readonly Governed[]): ExpectedRows => {
  const expected = new ExpectedRows(digest);
  for (const change of changes) expected.take(laneChange(change), null);
  return expected;
};

function against(expected: ExpectedRows, rows: Iterable<RestingRow>) {
  const differences = new Differences(expected, true);
  for (const row of rows) differences.take(row);
  differences.end(expected.there(null));
  return [...differences.found.values()].map(({ kind }) => kind);
}

const restingOf = (model: ReadonlyMap<number, Known>): RestingRow[] =>
  [...model.values()].flatMap(({ position, row }) => (row ? [restingRow(position, row)] : []));

test('what a topic comes to is what a sink comes to, in whichever order its changes were read', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const changes = changesFrom(steps);
      const expected = folded(changes);
      expect(expected.hasHalfKnown).toBe(false);
      expect(against(expected, restingOf(modelOf(changes)))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('it is the same when it was kept on the way, and taken up again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.nat(40), (steps, cut) => {
      const changes = changesFrom(steps);
      const first = folded(changes.slice(0, cut));
      const second = new ExpectedRows(digest);
      second.goOn(first.taken());
      for (const change of changes.slice(cut)) second.take(laneChange(change), null);
      expect(second.sums().differing(folded(changes).sums()).size).toBe(0);
      expect(against(second, restingOf(modelOf(changes)))).toEqual([]);
    }),
  );
});

test('each way in which a row can differ has its name', () => {
  const changes = [1, 2, 3, 4, 5].map((id) => make.insert(10 + id, { id, a: 'x', b: id }));
  const expected = folded([...changes, make.delete(20, { id: 5 })]);
  const at = (lsn: number) => positionText(make.truncate(lsn).position);
  const row = (id: number, position: number, b = id) => restingRow(at(position), { id, a: 'x', b });
  const told = against(expected, [
    row(1, 11),
    row(1, 11), // Twice.
    row(2, 12, 7), // Otherwise.
    row(3, 9),
    row(5, 15), // Deleted since.
    row(6, 16), // Never heard of.
  ]);
  expect(told.toSorted()).toEqual(['doubled', 'extra', 'extra', 'missing', 'older', 'other']);
  expect(against(expected, [row(1, 11), row(2, 12), row(3, 13), row(4, 30)])).toEqual(['newer']);
});

test('a value counts under its column, and a null for nothing', () => {
  const of = (row: Readonly<Record<string, Value>>) => {
    const { high, low } = restingRow('here', row);
    return hexOf(high, low);
  };
  expect(of({ id: 1, a: '2', b: null })).not.toBe(of({ id: 1, a: null, b: 2 }));
  expect(of({ id: 1, a: '2' })).toBe(of({ id: 1, a: '2', b: null }));
  expect(of({ id: 1, a: '' })).not.toBe(of({ id: 1, a: null }));
});
