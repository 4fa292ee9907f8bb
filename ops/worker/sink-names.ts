/** Kept apart from what opens them: who only names a sink loads no driver. */
export type SinkName = 'postgres' | 'neo4j' | 'clickhouse';
export const sinkNames: readonly SinkName[] = ['postgres', 'neo4j', 'clickhouse'];
