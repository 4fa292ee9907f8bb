import type { Config } from '../../contracts/config.ts';
import type { VerifiedSink } from '../../pipelines/delivered/verify-table.ts';

/** The sinks that are configured, as they are verified. */
export function verifiedSinks({ sinks }: Config): readonly VerifiedSink[] {
  const { postgres, neo4j, clickhouse } = sinks;
  return [
    ...(postgres ? [{ sink: 'postgres', at: postgres } as const] : []),
    ...(neo4j ? [{ sink: 'neo4j', at: neo4j } as const] : []),
    ...(clickhouse ? [{ sink: 'clickhouse', at: clickhouse } as const] : []),
  ];
}
