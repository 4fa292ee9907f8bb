import type { Way } from '../way/way.ts';
import type { Row, Seen } from './seen.ts';
import { kept } from './texts.ts';
import { shown, type Truth } from './truth.ts';
import { notTold, type Testimony, type Told, type ToldTransaction } from './witness.ts';

/** How what capture wrote differs from what another decoder told. */
export interface Compared {
  readonly unexplained: readonly string[];
  /** By the name of the reason, how often. */
  readonly explained: Readonly<Record<string, number>>;
  readonly compared: number; // Values.
}

interface Captured {
  readonly xid: bigint | null; // Letters do not tell it.
  readonly bySeq: Map<number, Seen[]>;
  readonly letters: Map<number, Set<string>>; // Tables.
}

/** Holds a slot's changes against those that the server's test decoder told of, one by one. */
export function differences(
  { contracts, config }: Pick<Way, 'contracts' | 'config'>,
  slot: string,
  { once, letters }: Truth,
  told: readonly ToldTransaction[],
): Compared {
  const unexplained: string[] = [];
  const explained: Record<string, number> = {};
  let compared = 0;
  const explain = (name: string) => (explained[name] = (explained[name] ?? 0) + 1);
  const captured = transactionsOf(slot, once, letters);
  if (captured.length !== told.length)
    unexplained.push(`${captured.length} transactions, and ${told.length} were told`);

  const row = (at: string, came: Row | null, { row: wanted, old }: Testimony, table: string) => {
    for (const { name } of contracts.get(table)?.columns ?? []) {
      const text = came?.[name];
      const other = wanted?.get(name);
      compared++;
      if (other === undefined && text === undefined) explain('a column that the table lost');
      else if (text === kept && other === notTold) explain('unchanged, and told by nobody');
      else if (other === notTold && text === old?.get(name))
        explain('unchanged, and told by the old row');
      else if (other === undefined && text === null && contracts.get(table)?.outbox)
        explain('a column that the message leaves out');
      else if (text !== other)
        unexplained.push(`${at}.${name}: ${shown(text)}, and ${shown(other)} was told`);
    }
  };
  const oldRow = (
    at: string,
    came: Row | null,
    old: ReadonlyMap<string, Told> | null,
    table: string,
  ) => {
    for (const { name } of contracts.get(table)?.columns ?? []) {
      const text = came?.[name];
      const other = old?.get(name);
      compared++;
      if (other !== undefined ? text !== other : typeof text === 'string')
        unexplained.push(`${at}, before, ${name}: ${shown(text)}, and ${shown(other)} was told`);
    }
  };
  const change = (at: string, parts: readonly Seen[], testimony: Testimony) => {
    const { table, op, old } = testimony;
    const ops = parts.map(({ op: each }) => each).join(' ');
    if (op === 'truncate') {
      if (parts.length !== config.kafka.partitions || parts.some((each) => each.op !== op))
        unexplained.push(`${at}: ${parts.length} ${ops}, and a truncate was told`);
      return;
    }
    const moved = op === 'update' && hasMoved(testimony, contracts.get(table)?.key ?? []);
    if (moved) explain('a changed key is a delete and an insert');
    if (ops !== (moved ? 'delete insert' : op))
      unexplained.push(`${at}: ${ops}, and ${op} was told`);
    if (op !== 'delete') row(at, parts.at(-1)?.after ?? null, testimony, table);
    if (op !== 'insert') oldRow(at, parts[0]?.before ?? null, old, table);
  };

  for (const [index, { xid, changes }] of told.entries()) {
    const mine = captured[index];
    if (mine?.xid !== null && mine?.xid !== xid) {
      unexplained.push(`transaction ${index} is ${mine?.xid}, and ${xid} was told`);
      break;
    }
    for (const [seq, testimonies] of changes.entries()) {
      const parts = mine.bySeq.get(seq) ?? [];
      for (const testimony of testimonies) {
        const { table } = testimony;
        const own = parts
          .filter((each) => each.table === table)
          .toSorted((a, b) => a.part - b.part);
        if (mine.letters.get(seq)?.has(table)) explain('a letter');
        else change(`${xid}/${seq} ${table}`, own, testimony);
      }
      const tables = new Set(testimonies.map(({ table }) => table));
      for (const { table } of parts)
        if (!tables.has(table)) unexplained.push(`${xid}/${seq}: ${table} was not told of`);
    }
    for (const seq of mine.bySeq.keys())
      if (seq >= changes.length) unexplained.push(`${xid}/${seq}: nothing was told`);
  }
  return { unexplained: unexplained.slice(0, 20), explained, compared };
}

function hasMoved({ old, row }: Testimony, key: readonly string[]): boolean {
  return key.some((name) => {
    const was = old?.get(name);
    return was !== undefined && was !== row?.get(name);
  });
}

function transactionsOf(
  slot: string,
  once: readonly Seen[],
  letters: Truth['letters'],
): readonly Captured[] {
  const found = new Map<bigint, Captured>();
  const at = (lsn: bigint, xid: bigint | null): Captured => {
    const known = found.get(lsn) ?? { xid: null, bySeq: new Map(), letters: new Map() };
    const next = { ...known, xid: xid ?? known.xid };
    found.set(lsn, next);
    return next;
  };
  for (const change of once) {
    if (change.log !== slot || change.transaction === 0n) continue;
    const { bySeq } = at(change.lsn, change.transaction);
    bySeq.set(change.seq, [...(bySeq.get(change.seq) ?? []), change]);
  }
  for (const { lsn, seq, table } of letters) {
    const own = at(lsn, null).letters;
    own.set(seq, (own.get(seq) ?? new Set()).add(table));
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}
