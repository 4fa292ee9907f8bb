import databases, { type ConnectionPool, sql } from '@databases/pg';
import { lsnText, parseLsn } from '../../schemas/lsn.ts';

/** What capture remembers of a stream, and the slot's owner is told only afterwards. */
export interface Checkpoint {
  readonly lsn: bigint; // All up to here is durable in Kafka.
  readonly system: string;
  readonly timeline: number;
  readonly watermark: number; // The greatest commit time up to here, in microseconds.
}

export interface Checkpoints extends AsyncDisposable {
  read(stream: string): Promise<Checkpoint | null>;
  write(stream: string, checkpoint: Checkpoint): Promise<void>;
  /** How long ago a checkpoint was written; 0 if there is none. */
  secondsSince(stream: string): Promise<number>;
}

/** Keeps checkpoints in `cdc_offsets` of Conductor's own database. */
export async function checkpointsAt(url: string): Promise<Checkpoints> {
  const db: ConnectionPool = databases.default({
    connectionString: url,
    poolSize: 2,
    bigIntMode: 'string',
    onError: () => {}, // A lost idle connection shows itself at the next query.
  });
  await db.tx(async (tx) => {
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
        ADD COLUMN IF NOT EXISTS watermark BIGINT`);
  });

  return {
    async read(stream) {
      const [row] = (await db.query(
        sql`SELECT lsn, system, timeline, watermark FROM cdc_offsets WHERE stream = ${stream}`,
      )) as readonly { lsn: string; system: string; timeline: number; watermark: string }[];
      return (
        (row && {
          lsn: parseLsn(row.lsn),
          system: row.system,
          timeline: row.timeline,
          watermark: Number(row.watermark),
        }) ??
        null
      );
    },
    async write(stream, { lsn, system, timeline, watermark }) {
      await db.query(sql`
        INSERT INTO cdc_offsets AS known (stream, lsn, updated_at, system, timeline, watermark)
        VALUES (${stream}, ${lsnText(lsn)}, now(), ${system}, ${timeline}, ${watermark})
        ON CONFLICT (stream) DO UPDATE SET lsn = excluded.lsn, updated_at = excluded.updated_at,
          system = excluded.system, timeline = excluded.timeline, watermark = excluded.watermark`);
    },
    async secondsSince(stream) {
      const [row] = (await db.query(
        sql`SELECT extract(epoch FROM now() - updated_at)::float8 AS ago FROM cdc_offsets WHERE stream = ${stream}`,
      )) as readonly { ago: number }[];
      return row?.ago ?? 0;
    },
    [Symbol.asyncDispose]: () => db.dispose(),
  };
}
