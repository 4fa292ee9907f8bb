import type { Governed } from '../schemas/change.ts';
import { positionText } from '../schemas/position.ts';
import { Refusal } from '../schemas/refusal.ts';
import { keyText, unchanged } from '../schemas/value.ts';
import type { Key, Row, Value } from '../schemas/value.ts';

/** What a batch means for one table: at most one change per key. */
export interface TableChanges {
  readonly table: string;
  readonly truncated: Removal | null; // Rows older than it are gone, whatever their key.
  readonly upserts: readonly Upsert[];
  readonly removals: readonly Removal[];
  readonly newest: readonly Governed[]; // One per lane: how far the batch brings it.
}

/** A row that is to be there, unless the store knows better. Positions are texts, in byte order. */
export interface Upsert {
  readonly keyText: string; // Of a table without a key: the position.
  readonly at: string;
  readonly floor: string | null; // A delete or truncate earlier in the batch: what is older is no base.
  readonly images: readonly Image[]; // Newest first; more than one only if the newest does not know all.
  readonly change: Governed;
}

/** The key of a row, or a table, whose state older than `at` is gone. */
export interface Removal {
  readonly keyText: string;
  readonly at: string;
  readonly change: Governed;
}

interface Image {
  readonly at: string;
  readonly row: Row;
}

/** What a store holds about a key: the position of its row, and the newest of its tombstone and its table's floor. */
export interface Seen {
  readonly row: string | null;
  readonly gone: string | null;
}

/** The columns that are to be written, and whether onto a row that is there. */
export interface Settled {
  readonly values: Readonly<Record<string, Value>>;
  readonly onto: 'row' | 'nothing';
}

type Entry = Upsert | (Removal & { readonly images: null });

interface Fold {
  truncated: Removal | null;
  readonly entries: Map<string, Entry>;
  readonly lanes: Map<number, { readonly at: string; readonly change: Governed }>;
}

/**
 * Folds a batch into at most one change per key and table. Applied to any store, the result gives
 * what the batch would, change by change; what comes too late or twice is gone.
 */
export function compact(batch: readonly Governed[]): readonly TableChanges[] {
  const tables = new Map<string, Fold>();
  for (const change of batch) {
    let fold = tables.get(change.table);
    if (!fold) {
      fold = { truncated: null, entries: new Map(), lanes: new Map() };
      tables.set(change.table, fold);
    }
    add(fold, change);
  }
  return [...tables]
    .map(([table, fold]) => changesOf(table, fold))
    .sort((a, b) => (a.table < b.table ? -1 : 1));
}

/** The row of an upsert that knows every column it names and needs no base; null for any other. */
export function wholeRow({ images }: Upsert): Row | null {
  const [newest, older] = images;
  if (!newest || older) return null;
  for (const column in newest.row) if (newest.row[column] === unchanged) return null;
  return newest.row;
}

/**
 * What an upsert comes to in a store that has `seen` this much of its key: nothing (null) if it is
 * too late. Refuses a row whose unchanged columns nobody knows: NULL would be a lie.
 */
export function settle(upsert: Upsert, seen: Seen): Settled | null {
  const gone = newer(seen.gone, upsert.floor);
  const base = seen.row !== null && seen.row >= gone ? seen.row : null;
  const known = newer(base, seen.gone);
  if (upsert.at <= known) return null;

  const values: Record<string, Value> = {};
  const missing = new Set<string>();
  for (const { at, row } of upsert.images) {
    if (at <= known) continue;
    for (const [column, value] of Object.entries(row)) {
      if (value === unchanged) missing.add(column);
      else if (!Object.hasOwn(values, column)) values[column] = value;
    }
  }
  Object.assign(values, upsert.change.key);

  const unknown = [...missing].filter((column) => !Object.hasOwn(values, column));
  if (base === null && unknown.length > 0) {
    throw new Refusal(
      'missing-base',
      `table ${upsert.change.table}: no earlier row holds the unchanged ${unknown.join(', ')}; replay the row's insert or backfill the table first`,
    );
  }
  return { values, onto: base === null ? 'nothing' : 'row' };
}

function add(fold: Fold, change: Governed): void {
  const at = positionText(change.position);
  const lane = fold.lanes.get(change.lane);
  if (!lane || lane.at < at) fold.lanes.set(change.lane, { at, change });

  if (fold.truncated && at <= fold.truncated.at) return;
  if (change.op === 'truncate') {
    fold.truncated = { keyText: '', at, change };
    for (const [text, entry] of fold.entries) if (entry.at < at) fold.entries.delete(text);
    return;
  }

  const text = change.key ? keyText(change.key) : at;
  const earlier = fold.entries.get(text);
  if (earlier && at <= earlier.at) return;
  const { after } = change;
  if (after === null) fold.entries.set(text, { keyText: text, at, change, images: null });
  else fold.entries.set(text, upsertOf({ text, at, after, change }, earlier, fold.truncated));
}

function upsertOf(
  row: { text: string; at: string; after: Row; change: Governed },
  earlier: Entry | undefined,
  truncated: Removal | null,
): Upsert {
  const { text, at, after, change } = row;
  const image = { at, row: after };
  if (!earlier || earlier.images === null) {
    const floor = earlier?.at ?? truncated?.at ?? null;
    return { keyText: text, at, floor, images: [image], change };
  }
  const needed = earlier.images.filter((older) => !covers(after, older.row, change.key));
  return { keyText: text, at, floor: earlier.floor, images: [image, ...needed], change };
}

/** Whether a row knows every column that an older one knows. */
function covers(row: Row, older: Row, key: Key | null): boolean {
  for (const column in older) {
    const value = row[column];
    if ((value === undefined || value === unchanged) && older[column] !== unchanged) {
      if (!key || !Object.hasOwn(key, column)) return false;
    }
  }
  return true;
}

function changesOf(table: string, { truncated, entries, lanes }: Fold): TableChanges {
  const upserts: Upsert[] = [];
  const removals: Removal[] = [];
  for (const entry of entries.values()) {
    if (entry.images === null) removals.push(entry);
    else upserts.push(entry);
  }
  return {
    table,
    truncated,
    upserts,
    removals,
    newest: [...lanes.values()].map(({ change }) => change),
  };
}

const newer = (a: string | null, b: string | null): string =>
  (a ?? '') > (b ?? '') ? (a ?? '') : (b ?? '');
