import type pg from 'pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { copyClient } from '../../pipelines/backfill/copy-out.ts';
import { describeTable } from '../../pipelines/backfill/described.ts';
import { hangUp } from '../../pipelines/wal/own-pool.ts';
import { postgresTrouble } from '../../pipelines/wal/postgres-trouble.ts';

/** What somebody wants to have copied. */
export interface Wanted {
  readonly table: string;
  readonly condition: string | null;
}

/** What the source says of a copy before it is asked for. */
export interface Examined {
  readonly keyless: boolean; // Its rows may come twice.
  readonly capturing: boolean; // Somebody reads the slot.
}

/** Makes sure that a table can be copied: nothing was written yet, and the condition is not run. */
export async function examine(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
  { table, condition }: Wanted,
): Promise<Examined> {
  const contract = contractedTable(contracts, table, config.contracts);
  const { url, publication, slot } = config.source;
  const client = await copyClient(url).catch((error: unknown) => {
    throw postgresTrouble(error, 'source.url', url);
  });
  try {
    const described = await describeTable(client, table, publication);
    if (!described)
      throw new CannotRun({
        what: `table ${table} is not published`,
        where: `publication ${publication}`,
        fix: `create the table if it is not there; then ALTER PUBLICATION ${publication} ADD TABLE ${table}, or start capture, which does it if it may`,
      });
    if (condition !== null) await explain(client, described.from, condition);
    const { rows } = await client.query<{ active: boolean }>(
      'SELECT active FROM pg_replication_slots WHERE slot_name = $1',
      [slot],
    );
    return { keyless: contract.key.length === 0, capturing: rows[0]?.active === true };
  } finally {
    await hangUp(client);
  }
}

/** The contract of a table that may be copied. */
export function contractedTable(
  contracts: ReadonlyMap<string, TableContract>,
  table: string,
  folder: string,
): TableContract {
  const contract = contracts.get(table);
  if (!contract)
    throw new CannotRun({
      what: `table ${table} has no contract`,
      where: `contracts: ${folder}`,
      fix: `write its contract, or name one of: ${[...contracts.keys()].join(', ')}`,
    });
  if (contract.outbox)
    throw new CannotRun({
      what: `table ${table} is an outbox: it is in the WAL only, and has no rows`,
      where: `contracts: ${folder}`,
      fix: 'name a table that has rows',
    });
  return contract;
}

/** Has the server look at the condition, with parentheses and without: what closes ours is no condition. */
async function explain(client: pg.Client, from: string, condition: string): Promise<void> {
  const forms = [
    `EXPLAIN SELECT 1 FROM ${from} WHERE (${condition}\n)`,
    `EXPLAIN SELECT 1 FROM ${from} WHERE ${condition}`,
  ];
  for (const text of forms)
    await client
      .query({ text, queryMode: 'extended' } as pg.QueryConfig)
      .catch((error: unknown) => {
        if (!(error instanceof Error)) throw error;
        throw new CannotRun({
          what: `the condition is not SQL that this table understands: ${error.message}`,
          where: '--where',
          fix: 'write what would stand after WHERE, for example --where "created_at >= \'2026-01-01\'"',
        });
      });
}
