import type { Position } from './position.ts';
import type { Key, Row } from './value.ts';

export type Op = 'insert' | 'update' | 'delete' | 'truncate';

/** What every stage knows of a change, whatever it may read of its values. */
interface Identity {
  readonly system: string; // The source's system identifier.
  readonly log: string; // One lineage of positions: a slot, a backfill run, a replay job.
  readonly position: Position;
  readonly table: string; // Schema and name, `public.orders`.
  readonly op: Op;
  readonly lane: number; // The partition of its key, the same in every topic.
  readonly transaction: number;
  readonly committedAt: number; // Microseconds since 1970. Not monotone.
  readonly watermark: number; // The greatest `committedAt` in the log up to here.
}

interface Images {
  readonly key: Key | null; // Null for a truncate, and for a table without a key.
  readonly before: Row | null; // Null unless the table's replica identity sends it.
  readonly after: Row | null; // Null for a delete and a truncate.
}

/** A change as decoded, confidential values in the clear. It never leaves capture. */
export type Decoded = Identity & Images;

/** A change as it travels: its confidential columns are in the sealed box and nowhere else. */
export type Change = Identity & Images & { readonly sealed: Uint8Array | null };

/** A change that says where it came from. */
export type Stamped = Change & { readonly provenance: string };

/** A change that policy has released. Sinks accept nothing less. */
export type Governed = Identity & Images & { readonly provenance: string; readonly policy: string };
