import type { Place, Row, Seen } from './seen.ts';
import { kept, type Text } from './texts.ts';

/** What readers make of a table's topic: rows by the text of their key. */
export type Rows = Map<string, Readonly<Record<string, Text>>>;

export const placeText = ({ system, log, timeline, lsn, seq, part }: Place): string =>
  `${system}/${log}/${timeline}/${lsn}/${seq}/${part}`;

const byPlace = (a: Place, b: Place): number =>
  a.timeline - b.timeline ||
  (a.lsn < b.lsn ? -1 : a.lsn > b.lsn ? 1 : a.seq - b.seq || a.part - b.part);

/** What is wrong with a topic whatever its rows say, in words; and its changes, each once. */
export function sifted(changes: readonly Seen[]): {
  readonly faults: readonly string[];
  readonly once: readonly Seen[];
} {
  const faults: string[] = [];
  const first = new Map<string, Seen>();
  const newest = new Map<string, Seen>();
  const lanes = new Map<string, number>();
  const once: Seen[] = [];
  for (const change of changes) {
    const { table, partition, recordKey, log } = change;
    const at = `${table}/${partition}@${change.offset}`;
    const place = `${table} ${placeText(change)}`;
    const before = first.get(place);
    if (before) {
      if (!before.bytes.equals(change.bytes)) faults.push(`${at}: ${place} again, in other bytes`);
      if (before.partition !== partition) faults.push(`${at}: ${place} again, in another lane`);
      continue;
    }
    first.set(place, change);
    once.push(change);
    const lane = `${table}/${partition}/${log}`;
    const last = newest.get(lane);
    if (last && byPlace(last, change) >= 0)
      faults.push(`${at}: ${placeText(change)} comes after ${placeText(last)}`);
    newest.set(lane, change);
    if (recordKey === null) continue;
    const key = `${table} ${recordKey}`;
    if ((lanes.get(key) ?? partition) !== partition) faults.push(`${at}: a key in two lanes`);
    lanes.set(key, partition);
  }
  return { faults, once };
}

/** The rows as whoever takes the last record of a key has them. */
export function lastWins(changes: readonly Seen[]): Rows {
  const lanes = new Map<number, Rows>();
  const ordered = changes.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset);
  for (const change of ordered) applied(lanes, change);
  return merged(lanes);
}

/** The rows as whoever takes the greatest position of a key has them. */
export function newestWins(once: readonly Seen[]): Rows {
  const lanes = new Map<number, Rows>();
  for (const change of once.toSorted(byPlace)) applied(lanes, change);
  return merged(lanes);
}

function applied(lanes: Map<number, Rows>, change: Seen): void {
  const { partition, op, recordKey, after } = change;
  const rows = lanes.get(partition) ?? new Map<string, Row>();
  lanes.set(partition, rows);
  if (op === 'truncate') rows.clear();
  else if (recordKey === null) throw new Error(`${change.table}: a fold needs keys`);
  else if (op === 'delete') rows.delete(recordKey);
  else rows.set(recordKey, whole(after ?? {}, rows.get(recordKey)));
}

/** What did not change is what it was. */
const whole = (row: Row, before: Row | undefined): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, text]) => [
      name,
      text === kept ? (before?.[name] ?? kept) : text,
    ]),
  );

const merged = (lanes: ReadonlyMap<number, Rows>): Rows =>
  new Map([...lanes.values()].flatMap((rows) => [...rows]));
