import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sink } from '../../../pipelines/flow/sink.ts';
import type { Governed } from '../../../schemas/change.ts';
import { unchanged } from '../../../schemas/value.ts';
import { making } from '../../../sinks/neo4j-relationships.ts';
import { changesOf, contractOf } from '../../sinks/changes.ts';
import { printSeed, seed } from '../capture/seed.ts';
import { sharedGraph } from './shared-graph.ts';

const run = randomBytes(4).toString('hex');
const [people, teams, members] = ['people', 'teams', 'members'].map(
  (name) => `club.${name}_${run}`,
) as [string, string, string];
const [Person, Team, MEMBER] = [`Person_${run}`, `Team_${run}`, `MEMBER_${run}`];
const contracts = [
  contractOf(
    people,
    { id: 'bigint', boss: 'bigint' },
    { graph: { label: Person, relationships: [{ type: 'BOSS', column: 'boss', to: people }] } },
  ),
  contractOf(teams, { id: 'bigint', name: 'text' }, { graph: { label: Team, relationships: [] } }),
  contractOf(
    members,
    { who: 'bigint', team: 'bigint', role: 'text', since: 'integer' },
    {
      key: ['who', 'since'],
      join: {
        type: MEMBER,
        from: { column: 'who', to: people },
        to: { column: 'team', to: teams },
      },
    },
  ),
];
const [person, team, member] = contracts.map(changesOf) as [
  ReturnType<typeof changesOf>,
  ReturnType<typeof changesOf>,
  ReturnType<typeof changesOf>,
];

let shared: Awaited<ReturnType<typeof sharedGraph>>;
let sink: Sink<Governed>;
beforeAll(async () => {
  printSeed();
  shared = await sharedGraph();
  sink = await shared.open(contracts);
});
afterAll(async () => {
  await sink?.[Symbol.asyncDispose]();
  await shared?.[Symbol.asyncDispose]();
});

/** The whole graph of this run, one line per node and relationship; a stub has its key in brackets. */
const picture = async (): Promise<readonly string[]> => {
  const name = (n: string) =>
    `CASE WHEN ${n}._position IS NULL THEN '[' + ${n}._key + ']' ELSE split(labels(${n})[0], '_')[0] + ' ' + ${n}.id END`;
  const nodes = await shared.cypher(`MATCH (n:${Person}|${Team}) RETURN ${name('n')} AS line`);
  const ends = await shared.cypher(
    `MATCH (n:${Person}|${Team})-[r]->(m) RETURN ${name('n')} + ' -' + split(type(r), '_')[0]
       + coalesce(' ' + r.role + ' ' + r.since, '') + '-> ' + ${name('m')} AS line`,
  );
  return [...nodes, ...ends].map(({ line }) => String(line)).sort();
};
/** Empties the graph by truncates, at a position before anything a test writes. */
let epoch = 0;
const fresh = async () => {
  epoch += 100_000;
  await sink.write([person, team, member].map((each) => each.truncate(epoch)));
  expect(await picture()).toEqual([]);
  return (n: number) => epoch + n;
};
const row = { who: 1n, team: 7n, role: 'lead', since: 3 };

test('a row of a join table is a relationship with its columns, whichever of the three comes first', async () => {
  const at = await fresh();
  await sink.write([member.insert(at(3), row)]);
  expect(await picture()).toEqual([
    '[{"id":1}]',
    '[{"id":1}] -MEMBER lead 3-> [{"id":7}]',
    '[{"id":7}]',
  ]);
  await sink.write([
    person.insert(at(1), { id: 1n, boss: null }),
    team.insert(at(2), { id: 7n, name: 'a' }),
  ]);
  expect(await picture()).toEqual(['Person 1', 'Person 1 -MEMBER lead 3-> Team 7', 'Team 7']);
  const [kept] = await shared.cypher(`MATCH ()-[r:${MEMBER}]->() RETURN properties(r) AS r`);
  expect(kept?.['r']).toEqual({
    _key: '{"who":1,"since":3}',
    _position: `00000001/${at(3).toString(16).padStart(16, '0')}/00000000/00000000`,
    who: 1n,
    team: 7n,
    role: 'lead',
    since: 3n,
  });
});

test('it moves with its row, keeps what is unchanged, ignores what comes late, and goes with it', async () => {
  const at = await fresh();
  await sink.write([
    person.insert(at(1), { id: 1n, boss: null }),
    team.insert(at(2), { id: 7n, name: 'a' }),
    member.insert(at(3), row),
  ]);
  await sink.write([member.update(at(5), { ...row, role: 'aide' })]);
  await sink.write([member.update(at(4), { ...row, role: 'late' })]);
  expect(await picture()).toContain('Person 1 -MEMBER aide 3-> Team 7');
  await sink.write([member.update(at(6), { ...row, team: 8n, role: unchanged })]);
  expect(await picture()).toEqual([
    'Person 1',
    'Person 1 -MEMBER aide 3-> [{"id":8}]',
    'Team 7',
    '[{"id":8}]',
  ]);
  await sink.write([member.delete(at(8), { who: 1n, since: 3 })]);
  await sink.write([member.insert(at(7), row)]);
  expect(await picture()).toEqual(['Person 1', 'Team 7']);
  await sink.write([member.insert(at(9), row), member.insert(at(10), { ...row, since: 4 })]);
  await sink.write([member.truncate(at(11)), member.insert(at(12), { ...row, since: 5 })]);
  expect(await picture()).toEqual(['Person 1', 'Person 1 -MEMBER lead 5-> Team 7', 'Team 7']);
});

test('a row without one of its ends is refused, and its value not told', async () => {
  const at = await fresh();
  const halved = sink.write([member.insert(at(1), { ...row, team: null })]);
  await expect(halved).rejects.toMatchObject({
    reason: 'rejected-by-sink',
    message: `table ${members}: column team is empty, and a relationship needs both of its ends; make it NOT NULL at the source`,
  });
  expect(await picture()).toEqual([]);
});

test('by two writers of different lanes, in any batches, the graph becomes what the rows say, and hardly one begins again', async () => {
  const at = await fresh();
  let contended = 0;
  await using one = await shared.open(contracts, { contended: () => void contended++ });
  await using two = await shared.open(contracts, { contended: () => void contended++ });
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const rows = new Map<string, { line: string; needs: readonly string[] } | null>();
  const lanes: Governed[][] = [[], []];
  for (let n = 1; n <= 600; n++) {
    const id = BigInt(random(25));
    const lane = Number(id % 2n);
    const isGone = random(4) === 0;
    const add = (change: Governed) => lanes[lane]!.push({ ...change, lane });
    const kind = random(3);
    if (kind === 0) {
      const boss = random(3) === 0 ? null : BigInt(random(25));
      add(isGone ? person.delete(at(n), { id }) : person.update(at(n), { id, boss }));
      rows.set(`p${id}`, isGone ? null : { line: `Person ${id}`, needs: [] });
      const led =
        boss === null || isGone ? null : { line: `p${id} -BOSS-> p${boss}`, needs: [`p${boss}`] };
      rows.set(`b${id}`, led);
    } else if (kind === 1) {
      add(isGone ? team.delete(at(n), { id }) : team.update(at(n), { id, name: `${n}` }));
      rows.set(`t${id}`, isGone ? null : { line: `Team ${id}`, needs: [] });
    } else {
      const to = BigInt(random(25));
      const whole = { who: id, team: to, role: `r${n}`, since: 1 };
      add(isGone ? member.delete(at(n), { who: id, since: 1 }) : member.update(at(n), whole));
      const joined = { line: `p${id} -MEMBER r${n} 1-> t${to}`, needs: [`p${id}`, `t${to}`] };
      rows.set(`m${id}`, isGone ? null : joined);
    }
  }
  await Promise.all(
    [one, two].map(async (writer, lane) => {
      const all = lanes[lane]!;
      const cuts = Array.from({ length: all.length }, () => 1 + random(40));
      for (let from = 0; from < all.length; from += cuts[from]!) {
        const batch = all.slice(from, from + cuts[from]!);
        await writer.write(batch);
        if (from % 3 === 0) await writer.write(batch);
      }
    }),
  );
  const live = [...rows.values()].filter((each) => each !== null);
  const named = (key: string) => rows.get(key)?.line ?? `[{"id":${key.slice(1)}}]`;
  const stubs = new Set(live.flatMap(({ needs }) => needs).filter((key) => !rows.get(key)));
  // One stub for each that is referred to as a person, one as a team.
  const expected = [
    ...live.map(({ line }) => line.replace(/[pt]\d+/g, named)),
    ...[...stubs].map(named),
  ].sort();
  expect(await picture()).toEqual(expected);
  // A key that was made between two looks at it may be taken out of its order: once in 300 runs, on a busy machine.
  expect(contended).toBeLessThan(3);
});

test('one more relationship of a node that has 20,000 asks the server for no more than the first did', async () => {
  const at = await fresh();
  const all = Array.from({ length: 20_003 }, (_, n) => BigInt(n + 1));
  const alone = (id: bigint) => id > 20_000n;
  const changes = all.map((id) =>
    person.insert(at(Number(id)), { id, boss: alone(id) ? null : 1n }),
  );
  for (let from = 0; from < changes.length; from += 5_000)
    await sink.write(changes.slice(from, from + 5_000));
  const hitsOfLeading = async (from: bigint, to: bigint): Promise<number> => {
    const keys = [from, to].map((id) => `{"id":${id}}`);
    const hits = await shared.hits(making({ label: Person! }, { type: 'BOSS', target: Person! }), {
      keys: keys.slice(0, 1),
      targets: keys.slice(1),
    });
    return hits;
  };
  const [toNobody, toCrowd] = [
    await hitsOfLeading(20_001n, 20_003n),
    await hitsOfLeading(20_002n, 1n),
  ];
  expect(toNobody).toBeGreaterThan(0);
  expect(toCrowd).toBeLessThan(toNobody + 10);
  await sink.write([person.update(at(30_000), { id: 2n, boss: 20_003n })]);
  const [crowd] = await shared.cypher(
    `MATCH (:${Person} {id: 1})<-[r:BOSS]-() RETURN count(r) AS n`,
  );
  expect(crowd).toEqual({ n: 20_000n });
});
