import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { positionText } from '../../../schemas/position.ts';
import { keyText } from '../../../schemas/value.ts';
import { position } from '../../sinks/changes.ts';
import { boltCommits, commitProxy } from './commit-proxy.ts';
import { type FaultStore, faultSuite } from './fault-suite.ts';
import { type Course, marksOf } from './lanes-of-marks.ts';
import { sharedGraph } from './shared-graph.ts';

faultSuite('Neo4j', {
  start: freshGraph,
  fates: ['never arrives', 'answer lost', 'arrives late'],
  strikes: ['writing', 'written'],
  length: 150,
});

async function freshGraph(): Promise<FaultStore> {
  const shared = await sharedGraph();
  const run = randomBytes(6).toString('hex');
  const contract = marksOf(run);
  const first = await shared.open([contract]); // So that all that is made under its names goes at the end.
  await first[Symbol.asyncDispose]();
  const at = { ...shared.server, longestMs: 2_000 };
  return {
    run,
    place: { sink: 'neo4j', at },
    async expectRests(course: Course) {
      const nodes = await shared.cypher(
        `MATCH (n:${contract.graph?.label}) RETURN n._key AS key, n.id AS id, n.note AS note, n.body AS body,
           n.after_id AS after_id, n._position AS position, [(n)-[:AFTER]->(m) | m._key] AS after ORDER BY key`,
      );
      expect(nodes).toEqual(nodesOf(course));
      const reached = await shared.cypher(
        `MATCH (o:CdcOffset) WHERE o.stream STARTS WITH $table
         RETURN o.stream AS stream, o.recordOffset AS offset ORDER BY stream`,
        { table: `${contract.table}/` },
      );
      expect(reached).toEqual(
        course.lanes.map((lane, n) => ({
          stream: `${contract.table}/${n}`,
          offset: BigInt(lane.length - 1),
        })),
      );
    },
    async proxied(fateOf) {
      const { hostname, port } = new URL(shared.server.url);
      const proxy = await commitProxy({ host: hostname, port: Number(port) }, boltCommits, fateOf);
      const through = { ...at, url: `bolt://127.0.0.1:${proxy.port}` };
      return { proxy, place: { sink: 'neo4j', at: through } };
    },
    [Symbol.asyncDispose]: () => shared[Symbol.asyncDispose](),
  };
}

/** A node per mark, and a stub per mark that others come after and that is not there. */
function nodesOf({ marks }: Course) {
  const none = { id: null, note: null, body: null, after_id: null, position: null };
  const keyOf = (id: bigint) => keyText({ id });
  const nodes = new Map<string, object>();
  for (const { after_id: after } of marks)
    if (after !== null) nodes.set(keyOf(after), { key: keyOf(after), ...none, after: [] });
  for (const { lsn, after_id: after, ...mark } of marks)
    nodes.set(keyOf(mark.id), {
      key: keyOf(mark.id),
      ...mark,
      after_id: after,
      position: positionText(position(lsn)),
      after: after === null ? [] : [keyOf(after)],
    });
  return [...nodes].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, node]) => node);
}
