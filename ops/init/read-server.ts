import { type Queryable, sql } from '@databases/pg';
import type { Publication, Server, ServerSetting, Slot } from './catalog.ts';

/** Reads what of the server, its publications and the role that is to capture it one needs to know. */
export async function readServer(db: Queryable, role: string | null): Promise<Server> {
  const [row] = (await db.query(sql`
    SELECT current_setting('server_version_num')::int AS version,
           current_database() AS database, quote_ident(current_database()) AS "databaseIdent",
           me.rolname AS user, me.rolsuper AS superuser, pg_is_in_recovery() AS standby,
           (SELECT setting::int FROM pg_settings WHERE name = 'max_slot_wal_keep_size')
             AS "slotWalKeepSizeMb",
           (SELECT count(*)::int FROM pg_stat_replication) AS "sendersInUse",
           EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication') AS rds,
           json_build_object(
             'name', chosen.name, 'ident', quote_ident(chosen.name),
             'exists', role.rolname IS NOT NULL,
             'login', coalesce(role.rolcanlogin, false),
             'replicates', coalesce(role.rolreplication OR role.rolsuper OR EXISTS (
               SELECT FROM pg_roles granted WHERE granted.rolname = 'rds_replication'
                  AND pg_has_role(role.oid, granted.oid, 'member')), false),
             'bypassesRowSecurity', coalesce(role.rolbypassrls OR role.rolsuper, false)) AS role
    FROM pg_roles me
    CROSS JOIN LATERAL (
      -- Whoever may replicate and no more is the one that was made for it.
      SELECT coalesce(${role}, CASE WHEN me.rolreplication AND NOT me.rolsuper THEN me.rolname
              ELSE 'conductor' END)::text AS name) AS chosen
    LEFT JOIN pg_roles role ON role.rolname = chosen.name
    WHERE me.rolname = current_user`)) as [Omit<Server, keyof Rest>];
  return { ...row, ...(await readRest(db)) };
}

type Rest = Pick<Server, 'walLevel' | 'replicationSlots' | 'walSenders' | 'slots' | 'publications'>;

async function readRest(db: Queryable): Promise<Rest> {
  const settings = (await db.query(sql`
    SELECT name, setting AS value, pending_restart AS waits, source = 'command line' AS fixed
    FROM pg_settings`)) as readonly (ServerSetting & { readonly name: string })[];
  const setting = (wanted: string): ServerSetting => {
    const found = settings.find(({ name }) => name === wanted);
    if (!found) throw new TypeError(`the server has no setting ${wanted}`);
    const { value, waits, fixed } = found;
    return { value, waits, fixed };
  };
  const slots = (await db.query(sql`
    SELECT slot_name::text AS name, database::text AS database, plugin::text AS plugin
    FROM pg_replication_slots`)) as readonly Slot[];
  const publications = (await db.query(sql`
    SELECT p.pubname::text AS name, p.puballtables AS "allTables", p.pubviaroot AS "viaRoot",
           (SELECT coalesce(json_agg(t.schemaname || '.' || t.tablename), '[]')
            FROM pg_publication_tables t WHERE t.pubname = p.pubname) AS tables
    FROM pg_publication p`)) as readonly Publication[];
  return {
    walLevel: setting('wal_level'),
    replicationSlots: setting('max_replication_slots'),
    walSenders: setting('max_wal_senders'),
    slots,
    publications,
  };
}
