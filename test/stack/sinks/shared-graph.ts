import neo4j, { type ProfiledPlan } from 'neo4j-driver';
import type { TableContract } from '../../../contracts/contract.ts';
import type { Sink } from '../../../pipelines/flow/sink.ts';
import type { Governed } from '../../../schemas/change.ts';
import { graph, type GraphOptions } from '../../../sinks/neo4j.ts';
import { takingChanges } from '../../sinks/taking-changes.ts';
import { servers } from '../servers.ts';

/** The one database that there is; what a run makes in it, by label and table, it takes away again. */
export async function sharedGraph() {
  const { neo4j: server } = await servers();
  const driver = neo4j.driver(server.url, neo4j.auth.basic(server.user, server.password), {
    useBigInt: true,
  });
  const made = new Map<string, string>();
  const types = new Set<string>();
  const tables = new Set<string>();
  const cypher = async (query: string, parameters = {}) => {
    const { records } = await driver.executeQuery(query, parameters, { database: 'neo4j' });
    return records.map((record) => record.toObject());
  };
  /** How often the server went to its store for a statement. */
  const hits = async (query: string, parameters: object): Promise<number> => {
    const { summary } = await driver.executeQuery(`PROFILE ${query}`, parameters, {
      database: 'neo4j',
    });
    const sum = (plan: ProfiledPlan): number =>
      plan.dbHits + plan.children.reduce((all, child) => all + sum(child), 0);
    return summary.profile ? sum(summary.profile) : 0;
  };
  const close = async () => {
    for (const label of made.values()) await cypher(`MATCH (n:\`${label}\`) DETACH DELETE n`);
    for (const table of tables) {
      await cypher('MATCH (t:CdcTombstone) WHERE t.pk STARTS WITH $table DELETE t', { table });
      await cypher('MATCH (o:CdcOffset) WHERE o.stream STARTS WITH $table DELETE o', { table });
    }
    const constraints = await cypher(
      'SHOW CONSTRAINTS YIELD name, labelsOrTypes WHERE labelsOrTypes[0] IN $labels RETURN name',
      { labels: [...made.values(), ...types] },
    );
    for (const { name } of constraints) await cypher(`DROP CONSTRAINT \`${name}\``);
    await driver.close();
  };
  const open = (
    contracts: readonly TableContract[],
    options: Pick<GraphOptions, 'contended'> = {},
  ): Promise<Sink<Governed>> => {
    for (const { table, graph: mapping, join } of contracts) {
      tables.add(table);
      if (mapping) made.set(table, mapping.label);
      if (join) types.add(join.type);
    }
    return graph({ ...server, contracts, ...options }).then((sink) =>
      takingChanges(contracts, sink),
    );
  };
  return { server, cypher, hits, open, [Symbol.asyncDispose]: close };
}
