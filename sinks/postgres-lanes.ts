import { sql } from '@databases/pg';
import { lsnText } from '../schemas/lsn.ts';
import { type Position, positionText } from '../schemas/position.ts';
import { streamOf } from './lane-offsets.ts';
import { type Asking, textArray } from './postgres-write.ts';

/** A table that is written to, in some of its lanes or, to truncate it, in all. */
interface Written {
  readonly table: string;
  readonly isTruncated: boolean;
  readonly lanes: readonly number[];
}

/** A lane of a table, and the newest position and the greatest offset that were written of it. */
interface Reached {
  readonly table: string;
  readonly lane: number;
  readonly position: Position;
  readonly offset: bigint | null;
}

/**
 * Changes of a key share a lane, and a truncate concerns all lanes of its table: so a lane at a
 * time, or the whole table. Always in the same order, so that two workers never wait in a ring.
 */
export async function lock(tx: Asking, all: readonly Written[]): Promise<void> {
  const wanted = all.flatMap(({ table, isTruncated, lanes }) => [
    { name: table, shared: !isTruncated },
    ...[...lanes]
      .sort((a, b) => a - b)
      .map((lane) => ({ name: streamOf(table, lane), shared: false })),
  ]);
  await tx.query(sql`
    SELECT (CASE WHEN i.shared
      THEN pg_advisory_xact_lock_shared(hashtextextended('conductor/' || i.name, 0))
      ELSE pg_advisory_xact_lock(hashtextextended('conductor/' || i.name, 0)) END)::text
    FROM unnest(${textArray(wanted.map(({ name }) => name))}::text[],
      ${textArray(wanted.map(({ shared }) => shared))}::boolean[]) AS i(name, shared)`);
}

/** What the mirror has come to, under the locks of these lanes. */
export interface Known {
  readonly reached: ReadonlyMap<string, string>; // By stream: the newest position, of rows and of tombstones. '' if none.
  readonly floors: ReadonlyMap<string, string>; // By table: what is older was truncated.
}

export async function knownOf(tx: Asking, all: readonly Written[]): Promise<Known> {
  const streams = all.flatMap(({ table, lanes }) => lanes.map((lane) => streamOf(table, lane)));
  const found: readonly { name: string; floor: boolean; position: string | null }[] =
    await tx.query(sql`
      SELECT stream AS name, false AS floor, position FROM cdc_offsets
        WHERE stream = ANY(${textArray(streams)}::text[])
      UNION ALL SELECT pk, true, position FROM cdc_dedupe
        WHERE pk = ANY(${textArray(all.map(({ table }) => table))}::text[])`);
  const of = (isFloor: boolean, absent: string) =>
    found
      .filter(({ floor }) => floor === isFloor)
      .map(({ name, position }) => [name, position ?? absent] as const);
  return { reached: new Map(of(false, afterAll)), floors: new Map(of(true, '')) };
}

const afterAll = 'g'; // No position counts as newer than one that is not known.

/** Keeps how far a batch brings its lanes, and never takes back what another has brought them to. */
export async function saveOffsets(tx: Asking, reached: readonly Reached[]): Promise<void> {
  const streams = reached.map(({ table, lane }) => streamOf(table, lane));
  await tx.query(sql`
    INSERT INTO cdc_offsets AS o (stream, lsn, position, record_offset)
    SELECT * FROM unnest(
      ${textArray(streams)}::text[],
      ${textArray(reached.map(({ position }) => lsnText(position.lsn)))}::text[],
      ${textArray(reached.map(({ position }) => positionText(position)))}::text[],
      ${textArray(reached.map(({ offset }) => offset))}::bigint[])
    ON CONFLICT (stream) DO UPDATE SET
      lsn = CASE WHEN coalesce(o.position, '') < excluded.position THEN excluded.lsn ELSE o.lsn END,
      position = greatest(o.position, excluded.position),
      record_offset = greatest(o.record_offset, excluded.record_offset),
      updated_at = now()
      WHERE coalesce(o.position, '') < excluded.position
        OR coalesce(o.record_offset, -1) < excluded.record_offset`);
}
