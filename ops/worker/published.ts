import type { ConnectionPool } from '@databases/pg';
import {
  type Interrupted,
  type Outcome,
  rememberMissing,
} from '../../pipelines/backfill/interrupted.ts';
import { requestLateCopies } from '../../pipelines/backfill/late-copy.ts';
import type { Runs } from '../../pipelines/backfill/runs.ts';
import type { Forms } from '../../pipelines/wal/forms.ts';
import { lookEvery } from '../../pipelines/wal/look-every.ts';
import { atMost, ownPool, partMs } from '../../pipelines/wal/own-pool.ts';
import type { Prepared } from '../../pipelines/wal/prepare.ts';
import { lookAtPublication, type Published } from '../../pipelines/wal/publication.ts';
import { republish } from '../../pipelines/wal/publish.ts';
import { lookAtTables, type TableFault, tablesOf } from '../../pipelines/wal/tables.ts';
import { log } from '../log.ts';
import { reasonOf } from './keep-running.ts';
import type { Setting } from './setting.ts';

/** What is known of tables, and of their copies. */
export interface Known {
  readonly runs: Runs;
  readonly forms: Forms;
  readonly interrupted: Interrupted;
}

const notThere = 'it is not in the source database';
const everySeconds = 10;

/** Asks for the copies of tables that were not published without a break, and says so. */
export async function copyInterrupted(
  { config: { source } }: Setting,
  { interrupted }: Known,
  published: Published,
): Promise<void> {
  const { publication } = source;
  const tables = Map.groupBy(await interrupted.look(published.memberships), ([, to]) => to);
  const told = (outcome: Outcome) => (tables.get(outcome) ?? []).map(([table]) => table);
  const [replaced, copied, left] = [told('replaced'), told('copied'), told('left as it is')];
  const unreadable = told('unreadable');
  if (replaced.length > 0)
    log.warn(
      { tables: replaced, publication },
      'tables that were not published for a while, or made anew: they are copied in place of what was captured of them',
    );
  if (copied.length > 0)
    log.warn(
      { tables: copied, publication, fix: 'conductor backfill --compare --table …' },
      'tables that were not published for a while: they are copied, but rows that were deleted meanwhile stay, for a row filter leaves the rest to others',
    );
  if (unreadable.length > 0)
    log.error(
      {
        tables: unreadable,
        publication,
        fix: 'as the owner: GRANT SELECT ON … to the role of source.url',
      },
      'tables that were not published for a while, or made anew: they are copied in place of what was captured once the role may read them',
    );
  if (left.length > 0)
    log.error(
      { tables: left, publication, fix: 'conductor backfill --table …' },
      'tables that were not published for a while: what happened to them is not captured, and source.snapshot is never',
    );
}

/** Asks for the copies of tables that are new to the stream, and says so. */
export async function copyLate(
  { contracts, config: { source } }: Setting,
  parts: Known,
  { published, faults }: { readonly published: Published; readonly faults: readonly TableFault[] },
): Promise<void> {
  if (source.snapshot === 'never') return;
  const there = new Map([...contracts].filter(([table]) => published.memberships.has(table)));
  const tables = await requestLateCopies(parts, there, faults);
  if (tables.length > 0) log.info({ tables }, 'tables that are new to the stream are copied');
}

/** Tells of tables under contract of which nothing is captured: in a metric for as long as it lasts, once in the log. */
function teller({ contracts, counters, config }: Setting, { published }: Prepared) {
  const toldOf = new Map(published.gone.map((table) => [table, notThere])); // What was said last, by table.
  return ({ gone }: Published, left: readonly TableFault[]): void => {
    const wrong = new Map(left.map(({ table, what, fix }) => [table, { what, fix }]));
    for (const table of gone)
      wrong.set(table, { what: notThere, fix: 'create it, or remove its contract' });
    for (const table of tablesOf(contracts).keys()) {
      const fault = wrong.get(table);
      counters.unpublished(table, fault !== undefined);
      if (fault && toldOf.get(table) !== fault.what)
        log.error(
          { table, publication: config.source.publication, fix: fault.fix },
          `table ${table}: ${fault.what}; nothing of it is captured, and what was captured stays as it is`,
        );
      if (fault) toldOf.set(table, fault.what);
      else toldOf.delete(table);
    }
  };
}

/**
 * Looks while capture runs whether what is contracted is published: a table that was dropped and made anew is
 * not, and PostgreSQL says nothing of it. What may be published is; of the rest somebody is told.
 */
export function watchPublished(
  setting: Setting,
  prepared: Prepared,
  known: Known,
): AsyncDisposable {
  const { url, publication } = setting.config.source;
  const publishing = { publication, contracts: tablesOf(setting.contracts) };
  const server = { version: prepared.serverVersion, standby: prepared.standby };
  const tell = teller(setting, prepared);
  let looked = signatureOf(prepared.published);
  let trouble: string | null = null;

  const look = async (db: ConnectionPool) => {
    let published = await lookAtPublication(db, publishing);
    const { missing } = published;
    if (missing.length > 0) {
      await rememberMissing(known.forms, missing);
      const left = await republish(db, publishing, published, server);
      published = await lookAtPublication(db, publishing);
      const tables = missing.filter((table) => published.memberships.has(table));
      if (tables.length > 0)
        log.warn({ tables, publication }, 'tables under contract were not published: they are now');
      tell(published, left);
    } else tell(published, []);
    await copyInterrupted(setting, known, published);
    if (signatureOf(published) !== looked) {
      const { faults } = await lookAtTables(db, publishing);
      await copyLate(setting, known, { published, faults });
    }
    looked = signatureOf(published);
    trouble = null;
  };
  const db = ownPool(url, { name: 'conductor tables', size: 1 });
  const stack = new AsyncDisposableStack();
  stack.use(
    lookEvery(everySeconds, db, () =>
      look(db).catch((error: unknown) => {
        const reason = reasonOf(error);
        if (trouble !== reason)
          log.warn({ publication, error: reason }, 'whether tables are published is not known');
        trouble = reason;
      }),
    ),
  );
  return { [Symbol.asyncDispose]: () => atMost(2 * partMs, stack.disposeAsync()) };
}

const signatureOf = ({ memberships }: Published): string => JSON.stringify([...memberships]);
