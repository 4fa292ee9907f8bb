import { readFile } from 'node:fs/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import { type Allocation, allocationsOf } from '../../contracts/allocations.ts';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Config, loadConfig } from '../../contracts/config.ts';
import type { UnitCosts } from '../../contracts/unit-costs.ts';
import { usageClient } from '../../sinks/usage.ts';
import { type WarehousePlace, warehousePlace } from '../../sinks/clickhouse-place.ts';
import { meteringOf, readUnitCosts } from '../worker/open-meter.ts';

/** The warehouse of a configuration, to be asked about costs. */
export interface Costs extends AsyncDisposable {
  readonly config: Config;
  readonly client: ClickHouseClient;
  readonly place: WarehousePlace;
  readonly graceDays: number;
  readonly ask: <T>(query: string) => Promise<readonly T[]>;
  readonly run: (query: string) => Promise<void>;
  readonly units: () => Promise<UnitCosts>;
  readonly allocations: () => Promise<readonly Allocation[]>;
}

export async function openCosts(configFile: string): Promise<Costs> {
  const config = await loadConfig(configFile);
  const { metering, warehouse } = meteringOf(config);
  const client = usageClient(warehouse);
  return {
    config,
    client,
    place: warehousePlace(warehouse.database, warehouse.cluster ?? null),
    graceDays: metering.graceDays,
    async ask<T>(query: string) {
      return (await client.query({ query, format: 'JSONEachRow' })).json<T>();
    },
    async run(query) {
      await client.command({ query });
    },
    units: () => readUnitCosts(metering.unitCosts),
    async allocations() {
      const text = await readFile(metering.allocations, 'utf8').catch((cause: unknown) => {
        throw new CannotRun(
          {
            what: `there are no allocations at ${metering.allocations}`,
            where: 'metering.allocations',
            fix: 'write them there, as contracts/allocations.yaml of Conductor shows; without any: allocations: {}',
          },
          { cause },
        );
      });
      const units = await readUnitCosts(metering.unitCosts);
      return allocationsOf(text, metering.allocations, units);
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}
