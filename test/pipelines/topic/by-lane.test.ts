import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byLane } from '../../../pipelines/topic/by-lane.ts';

const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 20 });

test('every lane of every topic has one owner, and a lane has the same in all topics', () => {
  fc.assert(
    fc.property(names, names, fc.integer({ min: 1, max: 24 }), (members, topics, lanes) => {
      const known = new Map(topics.map((topic) => [topic, { partitionsCount: lanes }]));
      const given = byLane(
        '',
        new Map(members.map((member) => [member, {}])) as never,
        new Set(topics),
        { topics: known } as never,
      );
      const owners = topics.map((topic) =>
        given.flatMap(({ memberId, assignments }) =>
          (assignments.get(topic)?.partitions ?? []).map((lane) => [lane, memberId] as const),
        ),
      );
      for (const owned of owners) {
        expect(owned.length).toBe(lanes);
        expect(new Map(owned)).toEqual(new Map(owners[0]));
      }
      const counts = given.map(
        ({ assignments }) => assignments.get(topics[0]!)?.partitions.length ?? 0,
      );
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }),
  );
});
