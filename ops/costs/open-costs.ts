import { readFile } from 'node:fs/promises';
import { type ClickHouseClient, ClickHouseError } from '@clickhouse/client';
import { type Allocation, allocationsOf } from '../../contracts/allocations.ts';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Config, loadConfig } from '../../contracts/config.ts';
import type { UnitCosts } from '../../contracts/unit-costs.ts';
import { usageClient } from '../../sinks/usage.ts';
import { type WarehousePlace, warehousePlace } from '../../sinks/clickhouse-place.ts';
import { warehouseTrouble } from '../../sinks/clickhouse-trouble.ts';
import { meteringOf, readUnitCosts } from '../worker/open-meter.ts';

/** The warehouse of a configuration, to be asked about costs. */
export interface Costs extends AsyncDisposable {
  readonly config: Config;
  readonly client: ClickHouseClient;
  readonly place: WarehousePlace;
  readonly graceDays: number;
  readonly ask: <T>(query: string) => Promise<readonly T[]>;
  readonly run: (query: string) => Promise<void>;
  readonly bytes: (query: string) => Promise<Buffer>; // As its FORMAT has them.
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
    ask: <T>(query: string) =>
      asked(warehouse, async () =>
        (await client.query({ query, format: 'JSONEachRow' })).json<T>(),
      ),
    run: (query) =>
      asked(warehouse, async () => {
        await client.command({ query });
      }),
    bytes: (query) =>
      asked(warehouse, async () => {
        const { stream } = await client.exec({ query });
        const pieces: Buffer[] = [];
        for await (const piece of stream) pieces.push(Buffer.from(piece as Uint8Array));
        return Buffer.concat(pieces);
      }),
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

const notThere = new Set(['60', '81']); // The table, or the database.

/** What a warehouse answers; what is wrong with it is told with how to mend it. */
async function asked<T>(
  warehouse: Parameters<typeof warehouseTrouble>[0],
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    if (!(cause instanceof ClickHouseError)) throw warehouseTrouble(warehouse, cause);
    if (!notThere.has(cause.code)) throw cause;
    throw new CannotRun(
      {
        what: `nothing was ever metered into ${warehouse.database}`,
        where: 'sinks.clickhouse.database',
        fix: 'run the meter first: conductor run meter; or name the database that it writes to',
      },
      { cause },
    );
  }
}
