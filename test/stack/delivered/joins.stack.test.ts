import { randomBytes } from 'node:crypto';
import neo4j from 'neo4j-driver';
import { expect, test } from 'vitest';
import { Differences } from '../../../pipelines/delivered/differences.ts';
import { ExpectedRows } from '../../../pipelines/delivered/expected-rows.ts';
import { GraphRows } from '../../../pipelines/delivered/graph-rows.ts';
import { graphTables } from '../../../sinks/neo4j-tables.ts';
import { graph } from '../../../sinks/neo4j.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { recording } from '../../sinks/taking-changes.ts';
import { servers } from '../servers.ts';

const run = randomBytes(5).toString('hex');
const [people, teams, members] = ['people', 'teams', 'members'].map(
  (name) => `club.${name}_${run}`,
) as [string, string, string];
const label = (name: string) => `${name}_${run}`;
const joined = contractOf(
  members,
  { who: 'bigint', team: 'bigint', role: 'text' },
  {
    key: ['who', 'team'],
    join: {
      type: label('MEMBER'),
      from: { column: 'who', to: people },
      to: { column: 'team', to: teams },
    },
  },
);
const contracts = [
  contractOf(people, { id: 'bigint' }, { graph: { label: label('P'), relationships: [] } }),
  contractOf(teams, { id: 'bigint' }, { graph: { label: label('T'), relationships: [] } }),
  joined,
];

test('relationships of a join table are verified as rows, and one that leads elsewhere is named', async () => {
  const { neo4j: at } = await servers();
  const driver = neo4j.driver(at.url, neo4j.auth.basic(at.user, at.password));
  const cypher = (query: string) => driver.executeQuery(query);
  const record = recording(contracts);
  const member = changesOf(joined);
  const records = [1n, 2n, 3n, 4n, 5n].map((who, index) =>
    record(member.insert(10 + index, { who, team: 7n, role: 'r' })),
  );
  const table = graphTables(contracts).get(members)!;
  try {
    await using sink = await graph({ ...at, contracts });
    await sink.write(records);
    await using resting = new GraphRows({ ...at, database: 'neo4j' }, table, joined, 1);
    const expected = new ExpectedRows(resting.digest);
    for (const { form, topic, lane, offset, key, value } of records)
      expected.take(
        { form, record: { topic, partition: lane, offset, key, value, headers: [], at: 0 } },
        null,
      );
    const found = async () => {
      const differences = new Differences(expected, true);
      await resting.each(null, differences.take);
      differences.end(expected.there(null));
      return [...differences.found.values()].map(({ kind, name }) => `${kind} ${name}`).toSorted();
    };
    expect(await found()).toEqual([]);
    const one = (who: number) => `MATCH (a)-[r:${label('MEMBER')} {who: ${who}}]->(b)`;
    await cypher(`${one(1)} SET r.role = 'other'`);
    await cypher(`${one(2)} DELETE r`);
    await cypher(
      `${one(3)} MATCH (p:${label('P')} {_key: '{"id":4}'}) WITH r, p, b, properties(r) AS all DELETE r
       CREATE (p)-[n:${label('MEMBER')}]->(b) SET n = all`,
    );
    expect(await found()).toEqual([
      'missing null',
      'other {"who":1,"team":7}',
      'relationship {"who":3,"team":7}',
    ]);
    const asked: (string | null)[] = [];
    await resting.some(['{"who":5,"team":7}', 'none'], ({ name }) => asked.push(name));
    expect(asked).toEqual(['{"who":5,"team":7}']);
  } finally {
    await cypher(`MATCH (n:${label('P')}|${label('T')}) DETACH DELETE n`);
    await cypher(`MATCH (n:CdcOffset) WHERE n.stream CONTAINS '${run}' DELETE n`);
    await driver.close();
  }
});
