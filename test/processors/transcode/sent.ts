import fc from 'fast-check';
import type { TableContract } from '../../../contracts/contract.ts';
import type { Decoded, Op } from '../../../schemas/change.ts';
import { unchanged, type Key, type Row, type Value } from '../../../schemas/value.ts';
import * as golden from '../../golden/pgoutput.ts';
import { contract, rowOf } from '../tables.ts';

/** A change as a server would send it: which columns its table has, and what it tells of the old row. */
export interface Sent {
  readonly of: TableContract;
  readonly columns: readonly string[];
  readonly op: Exclude<Op, 'truncate'>;
  readonly old: 'whole' | 'key' | null;
  readonly before: Row | null;
  readonly after: Row | null;
}

const shapes = [
  ['insert', null],
  ['update', null],
  ['update', 'key'],
  ['update', 'whole'],
  ['delete', 'key'],
  ['delete', 'whole'],
] as const;

/** Any change of any table: whole old rows and keys alone, columns of no contract, and columns that are gone. */
export const sent: fc.Arbitrary<Sent> = contract.chain((of) =>
  fc
    .record({
      shape: fc.constantFrom(...(of.key.length === 0 ? shapes.filter(isKeyless) : shapes)),
      before: rowOf(of),
      after: rowOf(of),
      sameKey: fc.boolean(),
      gone: fc.option(fc.nat(of.columns.length - 1), { freq: 4 }),
    })
    .map(({ shape: [op, old], before, after, sameKey, gone }) => {
      const lost = gone === null ? null : of.columns[gone]!.name;
      const columns = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
        (name) => name !== lost,
      );
      const kept = sameKey ? { ...after, ...pick(before, of.key) } : after;
      // An old row has no unchanged column: the server fetches what it sends of it.
      const was = old && withoutUnchanged(toldOf(of, old, rowWith(columns, before)));
      const now = rowWith(columns, kept);
      return {
        of,
        columns,
        op,
        old,
        before: was,
        after:
          op === 'delete' ? null : old === 'whole' && was ? withoutUnchangedNulls(now, was) : now,
      };
    }),
);

const isKeyless = ([, old]: (typeof shapes)[number]) => old !== 'key';

const pick = (row: Row, columns: readonly string[]): Row =>
  Object.fromEntries(columns.map((name) => [name, row[name]!]));

const rowWith = (columns: readonly string[], row: Row): Row =>
  Object.fromEntries(columns.map((name) => [name, name in row ? row[name]! : null]));

const toldOf = ({ key }: TableContract, old: 'whole' | 'key', row: Row): Row =>
  old === 'whole'
    ? row
    : Object.fromEntries(Object.entries(row).filter(([name]) => key.includes(name)));

const withoutUnchanged = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value === unchanged ? null : value]),
  );

/** What is unchanged was long, and so not null: a whole old row that says otherwise is not whole (see rows.test.ts). */
const withoutUnchangedNulls = (row: Row, was: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value === unchanged && was[name] === null ? null : value,
    ]),
  );

const oid = 16_385;

/** The messages of a change, in the one transaction that it is. */
export function messagesOf({ of, columns, op, old, before, after }: Sent): readonly Buffer[] {
  const dot = of.table.indexOf('.');
  const relation = golden.relation(
    oid,
    [of.table.slice(0, dot), of.table.slice(dot + 1)],
    columns.map((name) => ({
      name,
      oid: golden.oids.text,
      identity: old === 'whole' || of.key.includes(name),
    })),
    old === 'whole' ? 'f' : 'd',
  );
  const cells = (row: Row) =>
    columns.map((name): golden.Cell => {
      const value = row[name] ?? null;
      return value === unchanged ? golden.u : (value as string | null);
    });
  const was = before && ([old === 'whole' ? 'O' : 'K', cells(before)] as const);
  const message =
    op === 'insert'
      ? golden.insert(oid, cells(after!))
      : op === 'update'
        ? golden.update(oid, was, cells(after!))
        : golden.remove(oid, was!);
  return [relation, golden.begin(10n, 1, 753), message, golden.commit(10n, 20n, 1)];
}

/** What a change comes to, value by value: one change, or two if its key is another than it was. */
export function decodedOf({ of, op, before, after }: Sent): readonly Decoded[] {
  const now: Row | null =
    after &&
    Object.fromEntries(
      Object.entries(after).map(([name, value]) => [
        name,
        value === unchanged && before && name in before ? before[name]! : value,
      ]),
    );
  const change = (as: Op, part: number, old: Row | null, row: Row | null): Decoded => ({
    system: '7000',
    log: 'ig_slot',
    position: { timeline: 1, lsn: 10n, seq: 0, part },
    table: of.table,
    op: as,
    lane: 0,
    transaction: 753,
    committedAt: 1,
    watermark: 1,
    key: keyOf(of, row ?? old!),
    before: old,
    after: row,
  });
  const moved =
    before && now && of.key.some((name) => name in before && before[name] !== now[name]);
  return moved
    ? [change('delete', 0, before, null), change('insert', 1, null, now)]
    : [change(op, 0, before, now)];
}

function keyOf({ key }: TableContract, row: Row): Key | null {
  if (key.length === 0 || !key.every((name) => name in row)) return null;
  return Object.fromEntries(key.map((name) => [name, row[name] as Value]));
}
