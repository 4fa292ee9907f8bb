import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type UnitCosts, unitCostsOf } from '../../../contracts/unit-costs.ts';
import { type Costs, openCosts } from '../../../ops/costs/open-costs.ts';
import { usageLedger, type UsageLedger } from '../../../sinks/usage.ts';
import { servers } from '../servers.ts';
import { freshWarehouse } from '../sinks/own-warehouse.ts';
import { urlOf } from '../way/way.ts';

const prices = `unit_costs:
  graphql_call: 0.000002
  ingest_event: { price: [{ from: 2026-01-01, price: 0.0001 }, { from: 2026-10-02, tiers: [{ up_to: 5, price: 0.0003 }, { price: 0.00007 }] }] }
  storage_gb_day: { decimals: 9, price: 0.02, tenants: { b: [{ from: 2026-09-01, until: 2026-10-03, price: 0.000000003 }] } }
`;

/** A ledger, prices, allocations and a configuration of a test's own. */
export interface OwnCosts extends AsyncDisposable {
  readonly costs: Costs;
  readonly ledger: UsageLedger;
  readonly units: UnitCosts;
  readonly configFile: string;
  select<T>(query: string): Promise<T[]>;
  allocate(allocations: object): Promise<void>;
}

export async function ownCosts(more: object = {}): Promise<OwnCosts> {
  const stack = await servers();
  const fresh = await freshWarehouse();
  const folder = await mkdtemp(join(tmpdir(), 'conductor-costs-'));
  const configFile = join(folder, 'conductor.yaml');
  await writeFile(join(folder, 'unit-costs.yaml'), prices);
  const allocate = (allocations: object) =>
    writeFile(join(folder, 'allocations.yaml'), stringify({ allocations }));
  await allocate({});
  const url = urlOf(stack, 'postgres');
  const config = {
    database: 'costs',
    source: { url },
    state: { url },
    kafka: { brokers: stack.kafka.brokers },
    registry: { url: stack.registry.url },
    keyring: { directory: 'keyring', rootKey: '00'.repeat(32) },
    sinks: { clickhouse: fresh.at },
    metering: { unitCosts: 'unit-costs.yaml', allocations: 'allocations.yaml' },
    ...more,
  };
  await writeFile(configFile, stringify(config));
  const units = unitCostsOf(prices, 'unit-costs.yaml');
  const ledger = await usageLedger(fresh.at);
  await ledger.publishPrices(units);
  const costs = await openCosts(configFile);
  return {
    costs,
    ledger,
    units,
    configFile,
    select: fresh.select,
    allocate,
    async [Symbol.asyncDispose]() {
      await costs[Symbol.asyncDispose]();
      await ledger[Symbol.asyncDispose]();
      await fresh[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
