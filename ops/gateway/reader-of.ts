import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { clickhouseReader } from './clickhouse-reader.ts';
import { postgresReader } from './postgres-reader.ts';
import type { Reader } from './reader.ts';

/** What the gateway reads: as the configuration says, else ClickHouse where there is one, else the mirror. */
export function readerOf(
  { sinks, api }: Config,
  contracts: ReadonlyMap<string, TableContract>,
): Reader {
  const { clickhouse, postgres } = sinks;
  if (clickhouse && api.from !== 'postgres')
    return clickhouseReader(clickhouse, [...contracts.values()], api.timeoutSeconds);
  if (postgres && api.from !== 'clickhouse')
    return postgresReader(postgres.url, api.timeoutSeconds);
  throw new CannotRun({
    what: 'there is nothing for the gateway to read',
    where: api.from ? `sinks.${api.from}` : 'sinks',
    fix: 'set sinks.clickhouse or sinks.postgres, and api.from to one that is set',
  });
}
