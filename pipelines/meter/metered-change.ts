import type { TableContract } from '../../contracts/contract.ts';
import { changeOf, type GovernedRecord } from '../../schemas/governed-record.ts';
import type { LedgerRow } from '../../schemas/ledger-row.ts';
import { changeId } from '../../schemas/position.ts';
import { partsOfOne } from '../../schemas/usage.ts';
import { unchanged } from '../../schemas/value.ts';

interface Place {
  readonly database: string;
  readonly region: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
}

/** What a governed change is to the meter: one event that was ingested, under the identity that the change has for ever. */
export function meteredChange({ database, region, contracts }: Place) {
  return (record: GovernedRecord): LedgerRow => {
    const { topic, table, lane, offset } = record;
    const change = changeOf(record);
    const column = contracts.get(table)?.tenant ?? null;
    const told = [change.after, change.before, change.key].map((row) => column && row?.[column]);
    const tenant = told.find((value) => value !== undefined && value !== unchanged) ?? null;
    return {
      topic,
      lane,
      offset,
      source: `conductor/${database}`,
      id: changeId(change.system, change.log, change.position),
      tenant: tenant === null ? nobody : `${String(tenant)}`,
      unit: 'ingest_event',
      quantity: partsOfOne,
      at: change.committedAt,
      operation: change.op,
      dataset: table,
      region,
      corrects: null,
    };
  };
}

/** Whose a change is that tells no tenant: a cost that all share. */
const nobody = '';
