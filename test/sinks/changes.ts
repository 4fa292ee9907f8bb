import type { TableContract } from '../../contracts/contract.ts';
import type { Governed, Op } from '../../schemas/change.ts';
import type { Position } from '../../schemas/position.ts';
import type { Key, Row } from '../../schemas/value.ts';

/** A position: a number is an LSN, a pair is an LSN and what one change of it became. */
export type At = number | readonly [lsn: number, part: number];

/** A contract whose columns are all kept: `columns` as name to type. */
export function contractOf(
  table: string,
  columns: Readonly<Record<string, string>>,
  {
    key = ['id'],
    graph = null,
    join,
  }: { key?: readonly string[] } & Partial<Pick<TableContract, 'graph' | 'join'>> = {},
): TableContract {
  return {
    table,
    revision: 'r1',
    key,
    tenant: null,
    subject: null,
    columns: Object.entries(columns).map(([name, type]) => ({
      name,
      type,
      classification: 'internal',
      sensitivity: 'low',
      rule: 'keep',
      hierarchy: null,
      references: null,
    })),
    graph,
    ...(join && { join }),
  };
}

/** Makes the changes of one table, as govern would hand them to a sink. */
export function changesOf({ table, key: columns }: Pick<TableContract, 'table' | 'key'>) {
  const keyOf = (row: Row): Key | null =>
    columns.length === 0
      ? null
      : Object.fromEntries(columns.map((column) => [column, row[column] as Key[string]]));
  return {
    insert: (at: At, row: Row) => change('insert', table, at, keyOf(row), row),
    update: (at: At, row: Row) => change('update', table, at, keyOf(row), row),
    delete: (at: At, key: Key) => change('delete', table, at, key, null),
    truncate: (at: At) => change('truncate', table, at, null, null),
  };
}

/** A position as a test writes it. */
export const position = (at: At): Position => ({
  timeline: 1,
  lsn: BigInt(typeof at === 'number' ? at : at[0]),
  seq: 0,
  part: typeof at === 'number' ? 0 : at[1],
});

function change(op: Op, table: string, at: At, key: Key | null, after: Row | null): Governed {
  return {
    system: '7000000000000000001',
    log: 'slot',
    position: position(at),
    table,
    op,
    lane: 0,
    transaction: 700,
    committedAt: 1_795_237_200_123_456,
    watermark: 1_795_237_200_123_456,
    key,
    before: null,
    after,
    provenance: 'test',
    policy: 'p1',
  };
}
