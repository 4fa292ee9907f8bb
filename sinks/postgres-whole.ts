import { sql, type Transaction } from '@databases/pg';
import type { GovernedRecord } from '../schemas/governed-record.ts';
import { lsnText } from '../schemas/lsn.ts';
import { parsePosition, type Position, positionText } from '../schemas/position.ts';
import { type MirrorOptions, openMirror, writeBatch } from './postgres.ts';

/** A mirror whose readers see whole transactions of the source only. */
export interface WholeMirror extends AsyncDisposable {
  readonly name: string;
  /** The transaction up to which all rest here; null if none does. */
  reached(): Promise<Position | null>;
  /** Nothing of what `work` writes is seen before it has ended; nothing ever, if it fails. */
  begin(work: (open: OpenTransaction) => Promise<void>): Promise<void>;
}

/** A transaction of the mirror that takes what it is to hold part by part. */
export interface OpenTransaction {
  /** Leaves nothing behind of a part that it refuses; what was written before stays. */
  write(part: readonly GovernedRecord[]): Promise<void>;
  /** Notes that all transactions of the source up to there rest here, once this one has ended. */
  reach(position: Position): Promise<void>;
}

/** Opens a mirror for whole transactions of a slot. How far they rest is kept with them, in `cdc_offsets`. */
export async function wholeMirror(
  options: MirrorOptions & { readonly slot: string },
): Promise<WholeMirror> {
  const { db, tables } = await openMirror(options);
  const stream = `transactions/${options.slot}`;
  const openTransaction = (tx: Transaction): OpenTransaction => ({
    write: (part) => writeBatch((write) => tx.tx(write), tables, part), // A savepoint.
    async reach(position) {
      await tx.query(sql`
        INSERT INTO cdc_offsets AS o (stream, lsn, position)
        VALUES (${stream}, ${lsnText(position.lsn)}, ${positionText(position)})
        ON CONFLICT (stream) DO UPDATE
          SET lsn = excluded.lsn, position = excluded.position, updated_at = now()
          WHERE coalesce(o.position, '') < excluded.position`);
    },
  });
  return {
    name: 'postgres',
    async reached() {
      const [row] = (await db.query(
        sql`SELECT position FROM cdc_offsets WHERE stream = ${stream}`,
      )) as readonly { readonly position: string }[];
      return row ? parsePosition(row.position) : null;
    },
    begin: (work) => db.tx((tx) => work(openTransaction(tx))),
    [Symbol.asyncDispose]: () => db.dispose(),
  };
}
