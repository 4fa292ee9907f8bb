import fc from 'fast-check';
import { expect, test } from 'vitest';
import { people, readChunk } from './people.ts';
import { unchanged } from '../../../schemas/value.ts';
import { person, region, told } from './told.ts';
import { type Happening, type Person, scene, World } from './world.ts';

const put = fc.record({
  op: fc.constantFrom('put', 'put', 'update'),
  id: fc.nat(11),
  owner: fc.oneof(
    { weight: 15, arbitrary: fc.nat(7) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  country: fc.constantFrom('CH', 'DE', 'FR', 'JP', 'IN'),
  age: fc.nat(99),
  mood: fc.constantFrom('good', 'bad', 'long'.repeat(20), unchanged),
});
/** A row that is inserted is sent whole. */
const whole = (each: Person & { readonly op: 'put' | 'update' }): Happening =>
  each.op === 'put' && each.mood === unchanged ? { ...each, mood: 'good' } : each;

const happening = fc.oneof(
  { weight: 30, arbitrary: put.map(whole) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('delete' as const), id: fc.nat(11) }) },
  { weight: 1, arbitrary: fc.constant({ op: 'truncate' as const }) },
);
const windows = fc.array(fc.array(happening, { maxLength: 25 }), { minLength: 1, maxLength: 8 });
const diversity = fc.record({ column: fc.constant('mood'), l: fc.integer({ min: 2, max: 3 }) });
const terms = fc.record({
  k: fc.integer({ min: 2, max: 4 }),
  delay: fc.nat(2),
  diversity: fc.option(diversity),
});
const most = fc.constantFrom(Infinity, 1, 2, 5);
const crashes = fc.array(fc.nat(12), { maxLength: 8 });

test('at every moment every region that is told has k subjects, and l sensitive values where that is asked, whatever happens and wherever workers die', async () => {
  let [released, retracted] = [0, 0];
  await fc.assert(
    fc.asyncProperty(windows, terms, crashes, most, async (happenings, anon, deaths, parts) => {
      const of = scene(people(anon), happenings, parts);
      const world = new World(people(anon), of);
      await world.run(deaths);
      const auditor = world.audit();
      for (const { row, subject } of auditor.live.values())
        expect(
          `${of.rows.get(row)}`,
          'a row is told as long as it is there, and its subject’s',
        ).toBe(subject);
      released += auditor.released;
      retracted += auditor.retracted.size;
    }),
    { numRuns: 200 },
  );
  expect(Math.min(released, retracted)).toBeGreaterThan(200);
});

test('whoever takes each record once has the same in the end, with deaths and without', async () => {
  await fc.assert(
    fc.asyncProperty(windows, terms, crashes, most, async (happenings, anon, deaths, parts) => {
      const table = people(anon);
      const [struck, spared] = [1, 2].map(() => new World(table, scene(table, happenings, parts)));
      await struck!.run(deaths);
      await spared!.run();
      expect(struck!.once()).toEqual(spared!.once());
      expect(new Set(struck!.audit().live.keys())).toEqual(new Set(spared!.audit().live.keys()));
    }),
    { numRuns: 100 },
  );
});

test('one subject that comes a thousand times is one subject', async () => {
  const thousand = Array.from({ length: 1_000 }, (_, id) => person(id, { owner: 1 }));
  const { auditor, world } = await told([thousand, [], []], { delay: 1 });
  expect(auditor.released).toBe(0);
  expect(world.figures.at(1)?.suppressed.get('expired')).toBe(1_000);
  const { auditor: joined } = await told([[...thousand, person(2_000), person(2_001)]]);
  expect(joined.released).toBe(1_002);
});

test('an update inside its region is another release, and retracts the one before', async () => {
  const first = [person(1), person(2), person(3)];
  const { auditor, live } = await told([first, [person(2, { age: 39, mood: 'bad' })]]);
  expect(auditor.released).toBe(4);
  expect(auditor.retracted.size).toBe(1);
  expect(live).toEqual(['1', '2', '3'].map((subject) => `${subject} ${region}`));
});

test('an update outside of its region is suppressed: nothing of it leaves', async () => {
  const first = [person(1), person(2), person(3)];
  const { auditor, world, live } = await told([first, [person(2, { country: 'JP' })]]);
  expect([auditor.released, auditor.retracted.size]).toEqual([3, 0]);
  expect(world.figures[1]?.suppressed.get('outside')).toBe(1);
  expect(live.length).toBe(3);
});

const left = { op: 'update', owner: null } as const;
const moved = { op: 'update', owner: 9, mood: unchanged } as const;
test.each([
  ['to nobody', left],
  ['to somebody else, by a change that is not sent whole', moved],
  ['and cannot be read', { op: 'update', owner: 9, country: 'Atlantis' } as const],
])('a row that leaves its subject is retracted: %s', async (_, change) => {
  const four = [person(1), person(2), person(3), person(4)];
  const { live } = await told([four, [person(4, change)]]);
  expect(live).toEqual(['1', '2', '3'].map((subject) => `${subject} ${region}`));
  const { live: none } = await told([four, [person(4, change), person(3, change)]]);
  expect(none).toEqual([]);
});

test('a change that is not sent whole leaves what was told, where its subject is the same', async () => {
  const three = [person(1), person(2), person(3)];
  for (const mood of [unchanged, 'bad'] as const) {
    const { live } = await told([three, [person(3, { op: 'update', mood })]]);
    expect(live).toEqual(['1', '2', '3'].map((subject) => `${subject} ${region}`));
  }
});

test('a truncate takes back what was before it, in whatever parts its window comes, and nothing that is after', async () => {
  const before = [person(1), person(2), person(3), person(4)];
  const persons = Array.from({ length: 30 }, (_, at) => person(10 + at));
  const [seen] = scene(people(), [persons]).closed;
  const inLane = (lane: number) =>
    persons.filter((_, at) => seen?.rows[at]?.record.partition === lane);
  const after = inLane(1).slice(0, 3);
  const other = inLane(0).slice(0, 5); // So that it comes late in their lane.
  const there = after.map((each) => ('id' in each ? `${each.id}` : ''));
  const happenings = [before, [...other, { op: 'truncate' } as const, ...after]];
  for (const parts of [Infinity, 3, 2, 1]) {
    const world = new World(people(), scene(people(), [...happenings, []], parts));
    await world.run();
    const { live, retracted } = world.audit();
    expect([...live.values()].map(({ row }) => row).toSorted()).toEqual(there);
    expect(retracted.size).toBeGreaterThanOrEqual(4);
  }
});

test('a delete retracts, and where too few are left the rest is taken back with it', async () => {
  const four = [person(1), person(2), person(3), person(4)];
  const { live } = await told([four, [{ op: 'delete', id: 4 }]]);
  expect(live).toEqual(['1', '2', '3'].map((subject) => `${subject} ${region}`));
  const { live: none, auditor } = await told([
    four,
    [
      { op: 'delete', id: 4 },
      { op: 'delete', id: 3 },
    ],
  ]);
  expect(none).toEqual([]);
  expect(auditor.retracted.size).toBe(4);
});

test('a region that is too large for a chunk is taken back so that at no moment fewer than k are told in it', async () => {
  const of = (owner: number, rows: number) =>
    Array.from({ length: rows }, (_, at) => person(100 * owner + at, { owner }));
  const { live, auditor } = await told([
    [...of(1, 1), ...of(2, 2), ...of(3, 40)],
    [{ op: 'delete', id: 100 }],
  ]);
  expect(live).toEqual([]);
  expect(auditor.retracted.size).toBe(43);
});

test('a region that was taken back is told again once it has k subjects, and not before', async () => {
  const gone = [1, 2].map((id): Happening => ({ op: 'delete', id }));
  const start = [[person(1), person(2), person(3)], gone];
  const { live: two } = await told([...start, [person(3), person(5)]]);
  expect(two).toEqual([]);
  const { live: three } = await told([...start, [person(3), person(5)], [person(6)]]);
  expect(three).toEqual(['3', '5', '6'].map((subject) => `${subject} ${region}`));
});

test('rows wait for others like them, no longer than they may, and take coarser classes the longer they wait', async () => {
  const near = [person(1), person(2, { country: 'DE' })];
  const { live } = await told([near, [], [person(3, { country: 'FR', age: 31 })]], { delay: 2 });
  expect(live).toEqual(['1', '2', '3'].map((subject) => `${subject} ["Europe","[30,40)"]`));
  const { live: late, world } = await told([near, [], [], [person(3)]], { delay: 2 });
  expect(late).toEqual([]);
  expect(world.figures[2]?.suppressed.get('expired')).toBe(2);
});

test('who is erased while he waits is never told, and others are told', async () => {
  const table = people();
  const of = scene(table, [
    [person(1), person(2)],
    [person(3), person(4)],
  ]);
  of.keyring.destroy({ tenant: '1', domain: 'public.people.owner', subject: '1' });
  const world = new World(table, of);
  await world.run();
  const subjects = [...world.audit().live.values()].map(({ subject }) => subject);
  expect(subjects.toSorted()).toEqual(['2', '3', '4']);
});

test('a value that no hierarchy covers is a dead letter that names the column, and stops nothing', async () => {
  const { live, world } = await told([
    [person(1), person(2), person(3), person(4, { country: 'Atlantis' })],
  ]);
  expect(live.length).toBe(3);
  expect(world.letters.values).toMatchObject([{ refusal: { reason: 'uncovered' } }]);
  const { message } = world.letters.values[0]!.refusal;
  expect(message).toContain('column country');
  expect(message).not.toContain('Atlantis');
});

test('a record has the time of its window and no header, and a retraction tells nothing but what it retracts', async () => {
  const first = [person(1), person(2), person(3)];
  const { world } = await told([first, [], [{ op: 'delete', id: 1 }]]);
  for (const records of world.emitted)
    for (const { read, key, headers, row } of readChunk(world.table, records)) {
      expect(key).toBe(read.release);
      expect(key).toMatch(/^[0-9a-f]{32}$/);
      expect(headers).toEqual([]);
      expect(records.producedAtMs).toBe(read.window / 1_000);
      expect(read.window % 1_000_000).toBe(0);
      if (read.op === 'release') expect(Object.keys(row!)).toEqual(['mood']);
      else expect([read.region, row]).toEqual([null, null]);
    }
});
