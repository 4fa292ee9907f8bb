import type { TableContract } from '../../../contracts/contract.ts';
import type { Sink } from '../../../pipelines/flow/sink.ts';
import type { GovernedRecord } from '../../../schemas/governed-record.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { warehouse, type WarehouseOptions } from '../../../sinks/clickhouse.ts';
import { graph, type GraphOptions } from '../../../sinks/neo4j.ts';
import { mirror, type MirrorOptions } from '../../../sinks/postgres.ts';

/** Where a sink rests, said such that a process of its own can open it, too. */
export type Place =
  | { readonly sink: 'postgres'; readonly at: Omit<MirrorOptions, 'contracts' | 'planned'> }
  | { readonly sink: 'neo4j'; readonly at: Omit<GraphOptions, 'contracts' | 'contended'> }
  | { readonly sink: 'clickhouse'; readonly at: Omit<WarehouseOptions, 'contracts'> };

export function openAt(
  place: Place,
  contracts: readonly TableContract[],
): Promise<Sink<GovernedRecord>> {
  switch (place.sink) {
    case 'postgres':
      return mirror({ ...place.at, contracts } as MirrorOptions);
    case 'neo4j':
      return graph({ ...place.at, contracts });
    case 'clickhouse':
      return warehouse({ ...place.at, contracts });
  }
}

/** Writes a batch again and again, as an outage is waited out: a server hangs up on who was stopped, or has waited, for too long. */
export async function untilWritten(
  sink: Sink<GovernedRecord>,
  batch: readonly GovernedRecord[],
): Promise<void> {
  for (let failed = 0; ; failed++)
    try {
      return await sink.write(batch);
    } catch (error) {
      if (error instanceof Refusal || failed > 20) throw error;
    }
}
