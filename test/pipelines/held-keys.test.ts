import fc from 'fast-check';
import { lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { into } from '../../pipelines/flow/into.ts';
import { pull } from '../../pipelines/flow/stage.ts';
import { HeldKeys, type Holding, holdingGatherer, holdingSink } from '../../pipelines/held-keys.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { deliveries, ListDoor, ListSink, ListSource } from '../doubles.ts';

interface Item {
  readonly id: number;
  readonly key: number | null;
  readonly isBad: boolean;
}

const refusing = new Refusal('rejected-by-sink', 'it is bad');

const holdingOf = (held: HeldKeys): Holding<Item> => ({
  held,
  keyOf: ({ key }) => ({ table: 't', lane: 0, key: key === null ? null : Buffer.from(`${key}`) }),
  letterOf: ({ id }) => ({ id: `${id}` }),
  comesFrom: () => null,
});

const items = fc.array(fc.record({ key: fc.option(fc.nat({ max: 4 })), isBad: fc.boolean() }), {
  maxLength: 40,
});

/** What is written of items where keys are held: all of a key before its first bad one, and of what has no key what is good. */
const expected = (all: readonly Item[]): readonly Item[] =>
  all.filter(
    ({ id, key, isBad }) =>
      !isBad && (key === null || !all.slice(0, id).some((one) => one.key === key && one.isBad)),
  );

test('however items are batched, a sink is written nothing of a key after its first letter, and all else in order', async () => {
  await fc.assert(
    fc.asyncProperty(items, fc.integer({ min: 1, max: 12 }), async (drawn, size) => {
      const all = drawn.map((item, id): Item => ({ id, ...item }));
      const sink = new ListSink<Item>();
      sink.before = (batch) => {
        if (batch.some(({ isBad }) => isBad)) throw refusing;
      };
      const door = new ListDoor<Item>();
      const batches = all.length === 0 ? [] : [all.slice(0, size), all.slice(size)];
      const source = new ListSource(deliveries(batches.filter((batch) => batch.length > 0)));
      const room = { values: 100, bytes: 10_000 };
      const flow = pull(source, { room, signal: new AbortController().signal }).pipe(
        into(holdingSink(sink, holdingOf(new HeldKeys(String))), { size, lingerMs: 0 }, door),
      );
      await lastValueFrom(flow, { defaultValue: 0 });
      expect(sink.values).toEqual(expected(all));
      expect(sink.values.length + door.refused.length).toBe(all.length);
    }),
  );
});

test('a gatherer holds keys likewise, and lets go of one once all of its letters came again or were given up', () => {
  const held = new HeldKeys(String);
  const passed: Item[] = [];
  let from: string | null = null;
  const gatherer = holdingGatherer<Item, Item>(
    {
      add(item) {
        if (item.isBad) throw refusing;
        passed.push(item);
      },
      take: () => [],
    },
    { ...holdingOf(held), comesFrom: () => from },
  );
  const add = (id: number, isBad = false) => gatherer.add({ id, key: 1, isBad });
  expect(() => add(1, true)).toThrow(refusing);
  expect(() => add(2)).toThrow(expect.objectContaining({ reason: 'held' }));
  from = '1';
  add(11);
  from = null;
  expect(() => add(3)).toThrow(expect.objectContaining({ reason: 'held' }));
  from = '2';
  add(12);
  from = null;
  expect(() => add(4)).toThrow(expect.objectContaining({ reason: 'held' }));
  held.release({ table: 't', lane: 0, key: Buffer.from('1') }, '3');
  held.release({ table: 't', lane: 0, key: Buffer.from('1') }, '4');
  add(5);
  from = '5';
  expect(() => add(6, true)).toThrow(refusing); // Refused again, it is a new letter.
  from = null;
  expect(() => add(7)).toThrow(expect.objectContaining({ reason: 'held' }));
  expect(passed.map(({ id }) => id)).toEqual([11, 12, 5]);
});
