import { sql } from '@databases/pg';
import { NotNow } from '../../contracts/cannot-run.ts';
import { lsnText, parseLsn } from '../../schemas/lsn.ts';
import { ownPool, partFrom } from './own-pool.ts';
import { postgresTrouble } from './postgres-trouble.ts';

/** How a stream goes on whose slot could not. */
export type Recovery = 'resnapshot' | 'repair';

/** What capture remembers of a stream, and the slot's owner is told only afterwards. */
export interface Checkpoint {
  readonly lsn: bigint; // All up to here is durable in Kafka.
  readonly system: string;
  readonly timeline: number; // Of the server, when this was recorded.
  /** Added to the timeline in positions: lifts those of a server whose own began anew above all before. */
  readonly era: number;
  readonly watermark: number; // The greatest commit time up to here, in microseconds.
  /** What was chosen when the slot before was given up, until something was captured through the new one. */
  readonly recovery: Recovery | null;
}

export interface Checkpoints extends AsyncDisposable {
  read(stream: string): Promise<Checkpoint | null>;
  /**
   * Begins a stream anew where nothing is captured yet; moves it on otherwise. Rejects if it has gone on
   * without whoever writes: a checkpoint never goes back.
   */
  write(stream: string, checkpoint: Checkpoint): Promise<void>;
  /** How long ago a checkpoint was written; 0 if there is none. */
  secondsSince(stream: string): Promise<number>;
}

/** Keeps checkpoints in `cdc_offsets` of Conductor's own database. */
export async function checkpointsAt(url: string): Promise<Checkpoints> {
  const db = ownPool(url, { name: 'conductor checkpoints', size: 2 });
  const asked = <T>(answer: Promise<T>): Promise<T> =>
    answer.catch((error: unknown) => {
      throw postgresTrouble(error, 'state.url', url);
    });
  const creating = db.tx(async (tx) => {
    await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('conductor.cdc_offsets'))`);
    await tx.query(sql`
      CREATE TABLE IF NOT EXISTS cdc_offsets (
        stream TEXT PRIMARY KEY,
        lsn TEXT NOT NULL,
        updated_at TIMESTAMPTZ DEFAULT now()
      )`);
    await tx.query(sql`
      ALTER TABLE cdc_offsets
        ADD COLUMN IF NOT EXISTS system TEXT,
        ADD COLUMN IF NOT EXISTS timeline INTEGER,
        ADD COLUMN IF NOT EXISTS watermark BIGINT,
        ADD COLUMN IF NOT EXISTS era INTEGER NOT NULL DEFAULT 0,
        ADD COLUMN IF NOT EXISTS recovery TEXT`);
  });
  try {
    await asked(creating);
  } catch (error) {
    await partFrom(db);
    throw error;
  }

  return {
    async read(stream) {
      const [row] = (await asked(
        db.query(
          sql`SELECT lsn, system, timeline, era, watermark, recovery FROM cdc_offsets WHERE stream = ${stream}`,
        ),
      )) as readonly (Omit<Checkpoint, 'lsn' | 'watermark'> & {
        readonly lsn: string;
        readonly watermark: string;
      })[];
      return row ? { ...row, lsn: parseLsn(row.lsn), watermark: Number(row.watermark) } : null;
    },
    async write(stream, { lsn, system, timeline, era, watermark, recovery }) {
      const written = await asked(
        db.query(sql`
        INSERT INTO cdc_offsets AS known (stream, lsn, updated_at, system, timeline, era, watermark, recovery)
        VALUES (${stream}, ${lsnText(lsn)}, now(), ${system}, ${timeline}, ${era}, ${watermark}, ${recovery})
        ON CONFLICT (stream) DO UPDATE SET lsn = excluded.lsn, updated_at = excluded.updated_at,
          system = excluded.system, timeline = excluded.timeline,
          era = excluded.era, watermark = excluded.watermark, recovery = excluded.recovery
        WHERE excluded.lsn = '0/0' OR known.system = excluded.system AND known.era = excluded.era
          AND known.timeline <= excluded.timeline AND known.lsn::pg_lsn <= excluded.lsn::pg_lsn
        RETURNING 1`),
      );
      if (written.length === 0) throw overtaken(stream, lsn);
    },
    async secondsSince(stream) {
      const [row] = (await asked(
        db.query(
          sql`SELECT extract(epoch FROM now() - updated_at)::float8 AS ago FROM cdc_offsets WHERE stream = ${stream}`,
        ),
      )) as readonly { ago: number }[];
      return row?.ago ?? 0;
    },
    [Symbol.asyncDispose]: () => partFrom(db),
  };
}

/** Whoever was stopped for a while, and finds that another has gone on meanwhile. */
const overtaken = (stream: string, lsn: bigint) =>
  new NotNow({
    what: `another worker has gone on with stream ${stream}: what this one had captured up to ${lsnText(lsn)} is not recorded any more`,
    where: 'cdc_offsets of state.url',
    fix: 'none is needed if the other runs: this one waits for the slot; otherwise stop one of the two, or give it a slot of its own with source.slot',
  });
