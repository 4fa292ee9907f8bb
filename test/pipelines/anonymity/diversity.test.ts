import { expect, test } from 'vitest';
import { people } from './people.ts';
import { person, region, told } from './told.ts';
import { scene, World } from './world.ts';

test('where regions are to have several sensitive values, one that has not is not told', async () => {
  const anon = { diversity: { column: 'mood', l: 2 }, delay: 0 };
  const alike = [person(1), person(2), person(3)];
  expect((await told([alike], anon)).live).toEqual([]);
  const { live } = await told([[...alike, person(4, { mood: 'bad' })]], anon);
  expect(live.length).toBe(4);
});

const two = { diversity: { column: 'mood', l: 2 }, delay: 1 };
const mixed = [person(1), person(2), person(3), person(4, { mood: 'bad' })];

test.each([
  ['is deleted', { op: 'delete', id: 4 } as const],
  ['comes to be nobody’s', person(4, { op: 'update', owner: null })],
])(
  'where the last row with another sensitive value %s, all are taken back, and told again with several',
  async (_, gone) => {
    const { live, auditor } = await told([mixed, [gone]], two);
    expect([live, auditor.retracted.size]).toEqual([[], 4]);
    const again = [1, 2, 3].map((id) => person(id));
    expect((await told([mixed, [gone], again], two)).live).toEqual([]);
    const others = [person(5, { mood: 'bad' })];
    const { live: anew } = await told([mixed, [gone], again, others], two);
    expect(anew).toEqual(['1', '2', '3', '5'].map((subject) => `${subject} ${region}`));
  },
);

test('an update that would leave too few sensitive values waits, and holds up nobody else; what was told stays', async () => {
  const alike = person(4, { age: 31 });
  const others = [person(5), person(1, { age: 32 })];
  const waited = await told([mixed, [alike, ...others], []], two);
  expect([waited.auditor.released, waited.auditor.retracted.size]).toEqual([6, 1]);
  expect(waited.live).toEqual(['1', '2', '3', '4', '5'].map((subject) => `${subject} ${region}`));
  expect(waited.world.figures.at(-1)?.suppressed.get('expired')).toBe(1);
  const late = await told([mixed, [alike], [person(5, { mood: 'sad' })]], two);
  expect([late.auditor.released, late.auditor.retracted.size]).toEqual([6, 1]);
});

test('of several updates that would, the same one is told after a crash, in whatever order they are read again', async () => {
  const table = people({ k: 3, delay: 9, diversity: { column: 'mood', l: 3 } });
  const few = [person(1), person(2), person(3, { mood: 'bad' }), person(4, { mood: 'sad' })];
  for (const [one, other] of [
    [3, 4],
    [4, 3],
  ] as const) {
    // The first comes once more, and then later in the log than the other, which it still stands before.
    const updates = [[person(one), person(other)], [person(one, { age: 31 })]];
    const happenings = [few, ...updates, [person(5, { mood: 'odd' })]];
    const spared = new World(table, scene(table, happenings));
    await spared.run();
    for (let at = 0; at < 12; at++) {
      const world = new World(table, scene(table, happenings));
      await world.run([at]);
      expect(world.once()).toEqual(spared.once());
    }
    expect(spared.audit().released).toBe(6);
  }
});

test('a region that is too large for a chunk is taken back so that at no moment fewer than l values are told in it', async () => {
  const of = (owner: number, rows: number, mood: string) =>
    Array.from({ length: rows }, (_, at) => person(100 * owner + at, { owner, mood }));
  const odd = [person(1, { mood: 'sad' }), person(3, { mood: 'bad' })];
  const { live, auditor } = await told(
    [[...of(1, 20, 'good'), ...odd, ...of(2, 20, 'good')], [{ op: 'delete', id: 3 }]],
    { diversity: { column: 'mood', l: 3 } },
  );
  expect(live).toEqual([]);
  expect(auditor.retracted.size).toBe(42);
});
