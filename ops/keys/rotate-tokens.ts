import { sql } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { refuseOwnName } from '../../contracts/keys/keyring-admin.ts';
import { administerKeyring } from '../../contracts/keys/open-keyring.ts';
import { baseOf } from '../../pipelines/backfill/first-copy.ts';
import { runsAt } from '../../pipelines/backfill/runs.ts';
import { membersOf } from '../../pipelines/topic/admin.ts';
import { kafkaOptions } from '../../pipelines/topic/kafka.ts';
import { type Checkpoint, checkpointsAt } from '../../pipelines/wal/checkpoint.ts';
import { ownPool, partFrom } from '../../pipelines/wal/own-pool.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';
import { plansInUse } from '../policy/active.ts';
import { hasTokens } from './has-tokens.ts';

/** What a new token key changes, and whether it was made. */
export interface TokensRotated {
  readonly version: number | null; // Null: nothing was done.
  readonly tables: readonly string[]; // Copied anew, in place of what was captured of them.
  readonly text: string;
}

/**
 * Makes the next token key of a tenant. Tokens are keys: whatever has them is captured anew, and what was
 * captured before is truncated first, so that no row stays behind under a key that nobody can make again.
 */
export async function rotateTokens(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
  { tenant, yes }: { readonly tenant: string; readonly yes: boolean },
): Promise<TokensRotated> {
  refuseOwnName(tenant);
  const plans = await plansInUse(config, contracts);
  const own = [...contracts.values()].filter((each) => hasTokens(each, plans.get(each.table)));
  const tables = own.map(({ table }) => table);
  refuseOutboxes(own);
  if (!yes)
    return {
      version: null,
      tables,
      text: `would make a new token key of this tenant, and have ${tables.length} tables copied anew in place of what was captured of them, for all tenants: ${tables.join(', ') || 'none'}\nstop capture, govern and the API, and say --yes`,
    };
  await refuseBesideWorkers(config);
  const stream = `${config.database}/${config.source.slot}`;
  const from = await checkpointOf(config, stream);
  if (from) await requestCopies(config, stream, { tables, from });
  using admin = await administerKeyring(config.keyring);
  const version = await admin.rotateTokens(tenant);
  return {
    version,
    tables: from ? tables : [],
    text: `the token key of this tenant has version ${version}\nstart capture, govern, deliver and the API: ${from ? tables.length : 0} tables are copied anew in place of what was captured of them`,
  };
}

/** Rows that exist in the WAL only cannot be read again: their old tokens would stay for ever. */
function refuseOutboxes(contracts: readonly TableContract[]): void {
  const outbox = contracts.find((contract) => contract.outbox);
  if (outbox)
    throw new CannotRun({
      what: `table ${outbox.table} is an outbox with tokens: its rows are nowhere to be copied from, and would keep their old ones`,
      where: 'contracts',
      fix: 'take its contract out of the folder for this command, and accept that its tokens of before meet no others',
    });
}

/** Two workers with two token keys would make two keys of one row. */
async function refuseBesideWorkers(config: Config): Promise<void> {
  const { source, database } = config;
  const db = ownPool(source.url, { name: 'conductor keys', size: 1 });
  try {
    const rows = (await db.query(
      sql`SELECT active_pid FROM pg_replication_slots WHERE slot_name = ${source.slot} AND active`,
    )) as readonly { readonly active_pid: number }[];
    if (rows.length > 0)
      throw running(`capture reads the slot (server process ${rows[0]?.active_pid})`, source.slot);
  } catch (error) {
    throw postgresTrouble(error, 'source.url', source.url);
  } finally {
    await partFrom(db);
  }
  const group = `${database}.govern`;
  const members = await membersOf(kafkaOptions(config, 'keys'), group);
  if (members > 0) throw running(`govern runs (${members} members)`, `consumer group ${group}`);
}

const running = (what: string, where: string) =>
  new CannotRun({
    what: `${what}: a new token key counts when whoever makes tokens is started`,
    where,
    fix: 'stop capture, govern and the API, all of them; then give the command again, and start them',
  });

async function checkpointOf({ state }: Config, stream: string): Promise<Checkpoint | null> {
  await using checkpoints = await checkpointsAt(state.url);
  return await checkpoints.read(stream);
}

/** First, because a copy that finds the old key yet does no harm. */
async function requestCopies(
  { state }: Config,
  stream: string,
  { tables, from }: { readonly tables: readonly string[]; readonly from: Checkpoint },
): Promise<void> {
  await using runs = await runsAt(state.url, stream);
  for (const table of tables) {
    await runs.set(table, 'cancelled'); // They are part of this.
    await runs.replace(table, baseOf(from));
  }
}
