import { type ConnectionPool, sql } from '@databases/pg';
import { asCaptured } from '../type-stream.ts';
import type { Op } from './seen.ts';
import { canonical } from './texts.ts';

/** A value as `test_decoding` prints it; what it does not print is not there. */
export type Told = string | null | typeof notTold;

/** A change as the server's own test decoder tells it. */
export interface Testimony {
  readonly table: string;
  readonly op: Op;
  readonly old: ReadonlyMap<string, Told> | null;
  readonly row: ReadonlyMap<string, Told> | null;
}

export interface ToldTransaction {
  readonly xid: bigint;
  /** By their numbers: a TRUNCATE is one of several tables, a message that is not ours one of none. */
  readonly changes: readonly (readonly Testimony[])[];
}

/** What did not change is this, and no string: a row may hold the words themselves. */
export const notTold = Symbol('unchanged-toast-datum');

export const witnessSlot = async (db: ConnectionPool, name: string): Promise<void> => {
  await db.query(sql`SELECT pg_create_logical_replication_slot(${name}, 'test_decoding')`);
};

/** All that was committed since the slot was made, of these tables, by another decoder than ours. */
export async function testimony(
  db: ConnectionPool,
  slot: string,
  tables: readonly string[],
): Promise<readonly ToldTransaction[]> {
  const lines = (await asCaptured(db, async (tx) => {
    await tx.query(sql`SET LOCAL logical_decoding_work_mem = '64MB'`); // With less, test_decoding of 18.4 brings the server down.
    return tx.query(sql`SELECT data FROM pg_logical_slot_peek_changes(${slot}, NULL, NULL)`);
  })) as readonly { readonly data: string }[];
  const transactions: ToldTransaction[] = [];
  let changes: (readonly Testimony[])[] | null = null;
  for (const { data } of lines) {
    const [, edge, xid = ''] = /^(BEGIN|COMMIT) (\d+)/.exec(data) ?? [];
    if (edge === 'BEGIN') changes = [];
    else if (edge === 'COMMIT') {
      if (changes?.some((each) => each.length > 0))
        transactions.push({ xid: BigInt(xid), changes });
      changes = null;
    } else {
      const own = toldBy(data).filter(({ table }) => tables.includes(table));
      if (own.length > 0 || data.startsWith('message: transactional: 1')) changes?.push(own);
    }
  }
  return transactions;
}

function toldBy(line: string): readonly Testimony[] {
  if (line.startsWith('message: ')) return messageIn(line);
  const [head = '', names = '', kind = ''] =
    /^table (.+?): (INSERT|UPDATE|DELETE|TRUNCATE): /.exec(line) ?? [];
  if (head === '') throw new Error(`test_decoding said something else: ${line.slice(0, 60)}`);
  const op = kind.toLowerCase() as Op;
  if (op === 'truncate')
    return names.split(', ').map((table) => ({ table, op, old: null, row: null }));
  const rest = line.slice(head.length);
  const none = { table: names, op, old: null, row: null };
  if (rest === '(no-tuple-data)') return [none];
  if (!rest.startsWith('old-key: ')) {
    const { values } = tupleAt(rest, 0);
    return [op === 'delete' ? { ...none, old: values } : { ...none, row: values }];
  }
  const old = tupleAt(rest, 'old-key: '.length);
  const row = tupleAt(rest, old.end + 'new-tuple: '.length);
  return [{ ...none, old: old.values, row: row.values }];
}

/** A message for an outbox: its object is the row. */
function messageIn(line: string): readonly Testimony[] {
  const [, table = '', content = ''] =
    /^message: transactional: 1 prefix: (.*?), sz: \d+ content:(\{.*)$/s.exec(line) ?? [];
  if (content === '') return [];
  const entries = Object.entries(JSON.parse(content) as object).map(
    ([name, value]) => [name, value === null ? null : String(value)] as const,
  );
  return [{ table, op: 'insert', old: null, row: new Map<string, Told>(entries) }];
}

/** Reads `name[type]:value name[type]:value …`: quoted texts may hold anything. */
function tupleAt(text: string, from: number): { values: Map<string, Told>; end: number } {
  const values = new Map<string, Told>();
  const column = /(?:"((?:[^"]|"")*)"|(\w+))\[/y;
  const value = /[BX]?'(?:[^']|'')*'|[^ ]*/y;
  let at = from;
  for (;;) {
    column.lastIndex = at;
    const [head, quoted, bare = ''] = column.exec(text) ?? [];
    if (head === undefined) return { values, end: at };
    const typeAt = at + head.length;
    const typeEnd = text.indexOf(']:', typeAt);
    value.lastIndex = typeEnd + 2;
    const [told = ''] = value.exec(text) ?? [];
    const name = quoted?.replaceAll('""', '"') ?? bare;
    values.set(name, valueOf(text.slice(typeAt, typeEnd), told));
    at = typeEnd + 2 + told.length + 1;
  }
}

function valueOf(type: string, told: string): Told {
  const quoted = /^[BX]?'(.*)'$/s.exec(told)?.[1];
  if (quoted !== undefined) return canonical(type, quoted.replaceAll("''", "'"));
  if (told === 'null') return null;
  return told === 'unchanged-toast-datum' ? notTold : canonical(type, told);
}
