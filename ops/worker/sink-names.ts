export type SinkName = 'postgres' | 'neo4j' | 'clickhouse';
export const sinkNames: readonly SinkName[] = ['postgres', 'neo4j', 'clickhouse'];
