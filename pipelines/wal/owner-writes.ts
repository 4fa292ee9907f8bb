import type { Queryable } from '@databases/pg';
import type { TableContract } from '../../contracts/contract.ts';
import type { Publishing } from './publication.ts';
import { type RowPlace, rowPlaces, type Sending, sendingOf } from './row-places.ts';
import type { TableFault } from './tables.ts';

/** What being published means to those who update and delete rows. */
export interface OwnerWrites {
  /** They would fail, or not tell enough: nothing is to be published before that is mended. */
  readonly faults: readonly TableFault[];
  readonly kept: readonly string[]; // Tables that are not to be published for that: their updates would fail.
  /** They fail already, or nobody writes so: such a table can be captured as it is. */
  readonly warnings: readonly TableFault[];
  /** Whether a publication that is made is to have stored generated columns, or updates would fail. */
  readonly generated: boolean;
}

/** Looks whether the owners of tables can still update and delete once they are published. */
export async function lookAtOwnerWrites(
  db: Queryable,
  { publication, contracts }: Publishing,
  { missing, version }: { readonly missing: readonly string[]; readonly version: number },
): Promise<OwnerWrites> {
  const places = await rowPlaces(db, [...contracts.keys()]);
  const sending = await sendingOf(db, publication);
  return ownerWrites(places, { publication, contracts, sending, missing, version });
}

interface Asked {
  readonly publication: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly sending: Sending;
  readonly missing: readonly string[]; // Not published yet.
  readonly version: number; // Of the server.
}

/**
 * Judges by the server's own rules: what it checks before it updates or deletes a published row. A
 * publication that leaves these out must send them before anything is captured, so it is judged as if it did,
 * but for tables that are only inserted into.
 */
function ownerWrites(places: readonly RowPlace[], asked: Asked): OwnerWrites {
  const { publication, contracts, sending, missing, version } = asked;
  const faults: TableFault[] = [];
  const warnings: TableFault[] = [];
  const kept: string[] = [];
  const generated =
    version >= 180_000 &&
    places.some(({ told, stored }) => stored.some((name) => told?.includes(name)));
  for (const place of places) {
    const { table, ident, isPart } = place;
    const where = isPart ? `partition ${ident} of ${table}` : `table ${ident}`;
    const isInsertOnly = contracts.get(table)?.insertOnly === true;
    if (isInsertOnly && !sending.changes) {
      if (place.hasChanged) warnings.push({ table, where, ...brokenPromise(table, publication) });
      continue;
    }
    const silent = silence(place);
    if (silent) faults.push({ table, where, ...silent });
    const blocked = blockage(place, asked);
    if (!blocked) continue;
    const { why, fix } = blocked;
    const isMissing = missing.includes(table);
    if (place.hasChanged && (isMissing || !sending.changes)) {
      if (isMissing) kept.push(table);
      faults.push({
        table,
        where,
        what: `PostgreSQL would refuse its updates and deletes once they are published: ${why}`,
        fix,
      });
    } else if (!isInsertOnly)
      warnings.push({
        table,
        where,
        what: `it can only be inserted into: PostgreSQL refuses updates and deletes of it while it is published, for ${why}`,
        fix: `nothing, if that is meant; otherwise ${fix}`,
      });
  }
  return { faults, kept, warnings, generated };
}

const brokenPromise = (table: string, publication: string) => ({
  what: 'its rows were updated or deleted, though its contract says insertOnly: the publication does not tell of that',
  fix: `nothing, if that was before and is of no account; otherwise remove insertOnly from the contract of ${table}, and ALTER PUBLICATION ${publication} SET (publish = 'insert, update, delete, truncate')`,
});

/** Where the stream would claim more of an old row than it has; null if it does not. */
function silence({ ident, isPart, identity, told, claimed }: RowPlace) {
  if (!isPart || identity === 'f' || told === null) return null;
  const untold = claimed?.filter((name) => !told.includes(name)) ?? [];
  if (claimed !== null && untold.length === 0) return null;
  return {
    what:
      claimed === null
        ? 'its table has no replica identity: updates and deletes here would not tell of which row they are'
        : `it has another replica identity than its table: updates and deletes here do not tell ${untold.join(', ')}`,
    fix: fullIdentity(ident),
  };
}

/** Why the server refuses updates and deletes of a published place, and what mends it; null if it does not. */
function blockage(place: RowPlace, { publication, sending, version }: Asked) {
  const { table, ident, identity, told, stored, virtual } = place;
  if (told === null) return { why: unidentified(place), fix: fullIdentity(ident) };
  const isFull = identity === 'f';
  const part = sending.parts.find((each) => each.table === table);
  const key = place.hasKey ? 'DEFAULT' : 'USING INDEX …';
  const alone = `ALTER TABLE ${ident} REPLICA IDENTITY ${key}`;
  if (part?.list) {
    const { list } = part;
    const left = told.filter((name) => !list.includes(name));
    if (isFull) return { why: 'REPLICA IDENTITY FULL goes with no column list', fix: alone };
    if (left.length > 0)
      return {
        why: `its column list leaves out ${left.join(', ')} of the replica identity`,
        fix: `have the column list of publication ${publication} name them`,
      };
  }
  const read = part?.filtered.filter((name) => !told.includes(name)) ?? [];
  if (read.length > 0)
    return {
      why: `its row filter reads what the replica identity lacks: ${read.join(', ')}`,
      fix: `${fullIdentity(ident)}, or have the row filter of publication ${publication} read other columns`,
    };
  if (version < 180_000 || part?.list) return null; // Older servers leave generated columns out, and say nothing.
  if (isFull && virtual.length > 0)
    return {
      why: `${virtual.join(', ')} of its whole old row is virtual, and never published`,
      fix: alone,
    };
  const unsent = stored.filter((name) => told.includes(name));
  if (unsent.length > 0 && sending.there && !sending.generated)
    return {
      why: `${unsent.join(', ')} of the replica identity is generated, and not published`,
      fix: `as its owner: ALTER PUBLICATION ${publication} SET (publish_generated_columns = stored)`,
    };
  return null;
}

function unidentified({ identity, hasKey }: RowPlace): string {
  if (identity === 'n') return 'it has REPLICA IDENTITY NOTHING';
  if (identity === 'i') return 'the index of its replica identity is gone';
  return hasKey
    ? 'its primary key is deferrable, and no replica identity'
    : 'it has no primary key and no other replica identity';
}

const fullIdentity = (ident: string) => `ALTER TABLE ${ident} REPLICA IDENTITY FULL`;
