import neo4j from 'neo4j-driver';
import type { TableContract } from '../../../contracts/contract.ts';
import type { Sink } from '../../../pipelines/flow/sink.ts';
import type { Governed } from '../../../schemas/change.ts';
import { graph } from '../../../sinks/neo4j.ts';
import { takingChanges } from '../../sinks/taking-changes.ts';
import { servers } from '../servers.ts';

/** The one database that there is; what a run makes in it, by label and table, it takes away again. */
export async function sharedGraph() {
  const { neo4j: server } = await servers();
  const driver = neo4j.driver(server.url, neo4j.auth.basic(server.user, server.password), {
    useBigInt: true,
  });
  const made = new Map<string, string>();
  const cypher = async (query: string, parameters = {}) => {
    const { records } = await driver.executeQuery(query, parameters, { database: 'neo4j' });
    return records.map((record) => record.toObject());
  };
  const close = async () => {
    for (const [table, label] of made) {
      await cypher(`MATCH (n:\`${label}\`) DETACH DELETE n`);
      await cypher('MATCH (t:CdcTombstone) WHERE t.pk STARTS WITH $table DELETE t', { table });
      await cypher('MATCH (o:CdcOffset) WHERE o.stream STARTS WITH $table DELETE o', { table });
    }
    const constraints = await cypher(
      'SHOW CONSTRAINTS YIELD name, labelsOrTypes WHERE labelsOrTypes[0] IN $labels RETURN name',
      { labels: [...made.values()] },
    );
    for (const { name } of constraints) await cypher(`DROP CONSTRAINT \`${name}\``);
    await driver.close();
  };
  const open = (contracts: readonly TableContract[]): Promise<Sink<Governed>> => {
    for (const { table, graph: mapping } of contracts) if (mapping) made.set(table, mapping.label);
    return graph({ ...server, contracts }).then((sink) => takingChanges(contracts, sink));
  };
  return { server, cypher, open, [Symbol.asyncDispose]: close };
}
