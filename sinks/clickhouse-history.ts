import { ClickHouseError } from '@clickhouse/client';
import { CannotRun } from '../contracts/cannot-run.ts';
import type { GovernedRecord } from '../schemas/governed-record.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { Appended } from './claimed-table.ts';
import { Block } from './clickhouse-block.ts';
import type { WarehousePlace } from './clickhouse-place.ts';
import type { WarehouseTable } from './clickhouse-tables.ts';

/** How changes are appended to the history of one table. */
export const historyOf = (
  place: WarehousePlace,
  table: WarehouseTable,
): Appended<GovernedRecord> => ({
  table: table.history,
  resting: place.resting(table.history),
  claimed: table.history,
  lane: '_lane',
  offset: '_offset',
  only: '',
  identity: `concat(toString(_timeline), '/', toString(_lsn), '/', toString(_seq), '/', toString(_part))`,
  identityOf: positionIn,
  block: () => new Block(table),
  refusalOf: (error) => refusalOf(table, error),
  madeAnew,
});

function positionIn({ form, value }: GovernedRecord): string {
  const { timeline, lsn, seq, part } = form.read(value);
  return `${timeline}/${lsn}/${seq}/${part}`;
}

/** Offsets are a lane's own: where they begin again, none can be told from what rests. */
const madeAnew = ({ topic, lane, offset }: GovernedRecord): CannotRun =>
  new CannotRun({
    what: `${topic}/${lane} has another change at offset ${offset} than the warehouse: the topic was made anew`,
    where: 'sinks.clickhouse',
    fix: 'deliver into another database of ClickHouse, or drop the histories that came from the topic of before',
  });

/** Codes that speak of the data sent, not of the server's state: a constraint of the table's own. */
const dataCodes = new Set(['131', '349', '469']);

/** What ClickHouse says about data quotes it: only its code is taken over. */
function refusalOf({ source }: WarehouseTable, error: unknown): Refusal | null {
  if (!(error instanceof ClickHouseError) || !dataCodes.has(error.code)) return null;
  const what = `ClickHouse code ${error.code} ${error.type ?? ''}`.trim();
  return new Refusal('rejected-by-sink', `table ${source}: ${what}`, {
    cause: Object.assign(new Error(what), { code: error.code }),
  });
}
