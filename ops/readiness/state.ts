import databases, { type Queryable, sql } from '@databases/pg';
import { publicUrl } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import { postgresLogin } from '../../contracts/postgres-login.ts';
import { type Checkpoint, checkpointsAt } from '../../pipelines/wal/checkpoint.ts';
import { capturedTables } from '../../pipelines/wal/forms.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { failed, type Finding, looking, ok } from './finding.ts';

/** What is known of the stream; nothing where its database could not be asked. */
export type Known = {
  readonly checkpoint: Checkpoint | null;
  readonly captured: ReadonlySet<number>; // Tables, by OID.
  readonly now: () => Promise<Checkpoint | null>; // A worker that runs writes others meanwhile.
} | null;

/** What was captured already; null if nothing was. What changed since then stops nobody. */
export const capturedBefore = (known: Known): ReadonlySet<number> | null =>
  known?.checkpoint && known.checkpoint.lsn > 0n ? known.captured : null;

/** Looks at Conductor's own database, and reads the stream's checkpoint. */
export async function checkState({ state: { url }, database, source }: Config): Promise<{
  readonly findings: readonly Finding[];
  readonly standing: Known;
}> {
  let standing: Known = null;
  const where = `state.url = ${publicUrl(url)}`;
  const findings = await looking('state', where, async () => {
    const login = postgresLogin(url);
    const db = databases.default({
      ...login,
      poolSize: 1,
      bigIntMode: 'string',
      onError: () => {},
    });
    try {
      const access = await accessOf(db);
      const now = async () => {
        if (!access.there) return null;
        await using checkpoints = await checkpointsAt(url);
        return checkpoints.read(`${database}/${source.slot}`);
      };
      const captured = await capturedTables(url, `${database}/${source.slot}`);
      standing = { checkpoint: await now(), captured, now };
      return [
        access.writable ? ok('state', publicUrl(url)) : failed('state', unwritable(access, where)),
      ];
    } catch (error) {
      throw postgresTrouble(error, 'state.url', url);
    } finally {
      await db.dispose();
    }
  });
  return { findings, standing };
}

interface Access {
  readonly there: boolean; // cdc_offsets.
  readonly writable: boolean;
  readonly role: string;
}

async function accessOf(db: Queryable): Promise<Access> {
  const [access] = (await db.query(sql`
    SELECT current_user AS role, to_regclass('cdc_offsets') IS NOT NULL AS there,
           current_setting('transaction_read_only') = 'off' AND
           CASE WHEN to_regclass('cdc_offsets') IS NULL
                THEN coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
                ELSE has_table_privilege(to_regclass('cdc_offsets'), 'INSERT') AND
                     has_table_privilege(to_regclass('cdc_offsets'), 'UPDATE') END AS writable`)) as [
    Access,
  ];
  return access;
}

const unwritable = ({ there, role }: Access, where: string) => ({
  what: `role ${role} may not keep checkpoints there`,
  where,
  fix: there
    ? `as its owner: GRANT SELECT, INSERT, UPDATE ON cdc_offsets TO "${role}"; or the database is read-only: give its primary`
    : `GRANT CREATE ON SCHEMA public TO "${role}"; or the database is read-only: give its primary`,
});
