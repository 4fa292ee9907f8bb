import { InvalidArgumentError } from 'commander';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { governedTopic } from '../../contracts/topics.ts';
import type { Bound, Range } from '../../replay/range.ts';
import { parseLsn } from '../../schemas/lsn.ts';
import { streamOf } from '../../schemas/stream-manifest.ts';
import { moment } from '../commands/moments.ts';
import type { SinkName } from '../worker/sink-names.ts';

/** Reads an option that is an LSN, `16/B374D1C8`, or a time. */
export function bound(text: string): Bound {
  if (/^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/.test(text)) return { lsn: parseLsn(text) };
  try {
    return { micros: moment(text).getTime() * 1_000 };
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(
      'say an LSN, 16/B374D1C8, or a time: 2026-11-27, 2026-11-27T03:00Z, 90m, 2h, 7d.',
    );
  }
}

/** The tables that are meant: those of a stream, however it is called, or all that the sink has. */
export function tablesOf(
  config: Config,
  contracts: ReadonlyMap<string, TableContract>,
  { stream, into }: { readonly stream: string | undefined; readonly into: SinkName },
): readonly TableContract[] {
  const { database, provenance } = config;
  const isMeant = ({ table }: TableContract) =>
    stream === undefined ||
    [table, governedTopic(database, table), streamOf(provenance?.prefix ?? 'pg', table)].includes(
      stream,
    );
  const found = [...contracts.values()].filter(isMeant);
  const fit = found.filter(({ graph }) => into !== 'neo4j' || graph !== null);
  if (fit.length > 0) return fit;
  throw new CannotRun({
    what:
      found.length > 0
        ? `${stream} is no nodes of the graph: by its contract it is a relationship, or nothing`
        : `there is no stream ${stream}`,
    where: '--stream',
    fix: `say a table that has a contract, as ${[...contracts.keys()].slice(0, 3).join(', ')}, or the name of its governed topic`,
  });
}

/** The range as a table has it. A tenant is found by a column that its readers see. */
export function rangeOf(
  { table, tenant, columns }: TableContract,
  asked: { readonly from?: Bound; readonly to?: Bound; readonly tenant?: string },
): Range {
  const { from = null, to = null, tenant: value } = asked;
  if (value === undefined) return { from, to, tenant: null };
  const column = columns.find(({ name }) => name === tenant);
  if (tenant === null || column?.rule !== 'keep')
    throw new CannotRun({
      what: `the rows of ${table} do not tell whose they are once they are governed`,
      where: `its contract: ${tenant === null ? 'it names no tenant' : `the rule of ${tenant} is ${column?.rule ?? 'drop'}`}`,
      fix: 'leave --tenant out: the whole table is rebuilt; or name a stream whose tenant column is kept',
    });
  return { from, to, tenant: { column: tenant, value } };
}
