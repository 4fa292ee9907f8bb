import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Dedupe, type Marks } from '../../processors/dedupe.ts';
import type { Change } from '../../schemas/change.ts';
import { compare, positionText, type Position } from '../../schemas/position.ts';
import { nearPosition } from '../schemas/arbitrary.ts';
import { decoded } from './tables.ts';

const topic = 'cdc.shop.public.users';

const change = (position: Position, { lane = 0, log = 'slot', system = '7000' } = {}): Change => ({
  ...decoded('insert', {}),
  position,
  lane,
  log,
  system,
  sealed: null,
});
/** The marks that go out with a change; null if it was seen before. */
function admit(dedupe: Dedupe, of: string, { system, log, lane, position }: Change): Marks | null {
  return dedupe.admit(of, lane, `${system}/${log}`, position) ? dedupe.marks(of, lane) : null;
}

const at = (lsn: bigint, part = 0): Position => ({ timeline: 1, lsn, seq: 0, part });

const arrival = fc.record({
  position: nearPosition,
  lane: fc.nat(1),
  log: fc.constantFrom('slot', 'backfill'),
});
const arrivals = fc.array(arrival, { maxLength: 40 });

test('per lane and log exactly what is newer than all before it passes', () => {
  fc.assert(
    fc.property(arrivals, (all) => {
      const dedupe = new Dedupe();
      for (const [index, { position, lane, log }] of all.entries()) {
        const before = all.slice(0, index).filter((o) => o.lane === lane && o.log === log);
        const isNew = before.every((older) => compare(older.position, position) < 0);
        expect(admit(dedupe, topic, change(position, { lane, log })) !== null).toBe(isNew);
      }
    }),
  );
});

test('restoring the marks that went out equals having seen the changes, whatever the order of marks', () => {
  fc.assert(
    fc.property(arrivals, arrivals, fc.boolean(), (past, next, reversed) => {
      const seen = new Dedupe();
      const marks: [lane: number, marks: Marks][] = [];
      for (const { position, lane, log } of past) {
        const out = admit(seen, topic, change(position, { lane, log }));
        if (out) marks.push([lane, out]);
      }
      const restored = new Dedupe();
      for (const [lane, out] of reversed ? marks.toReversed() : marks)
        restored.restore(topic, lane, out);
      for (const { position, lane, log } of next)
        expect(admit(restored, topic, change(position, { lane, log }))).toEqual(
          admit(seen, topic, change(position, { lane, log })),
        );
    }),
  );
});

test('the last marks of a lane tell the newest of every log: the tail is enough to go on from', () => {
  const dedupe = new Dedupe();
  admit(dedupe, topic, change(at(5n)));
  const marks = admit(dedupe, topic, change(at(2n), { log: 'backfill' }));
  expect(marks).toEqual({
    '7000/slot': positionText(at(5n)),
    '7000/backfill': positionText(at(2n)),
  });
});

test('what one change became is told apart by its part', () => {
  const dedupe = new Dedupe();
  expect(admit(dedupe, topic, change(at(5n, 0)))).not.toBeNull();
  expect(admit(dedupe, topic, change(at(5n, 1)))).not.toBeNull();
  expect(admit(dedupe, topic, change(at(5n, 1)))).toBeNull();
});

test('a lane that was lost is forgotten, and no other: it is known anew from what was released', () => {
  const dedupe = new Dedupe();
  admit(dedupe, topic, change(at(5n), { lane: 0 }));
  admit(dedupe, topic, change(at(5n), { lane: 1 }));
  dedupe.forget(topic, 0);
  expect(admit(dedupe, topic, change(at(4n), { lane: 1 }))).toBeNull();
  expect(admit(dedupe, topic, change(at(4n), { lane: 0 }))).not.toBeNull();
});

test('the same lane of two topics is two lanes', () => {
  const dedupe = new Dedupe();
  admit(dedupe, topic, change(at(5n)));
  expect(admit(dedupe, 'cdc.shop.public.orders', change(at(5n)))).not.toBeNull();
});

test('positions of another server are of another world, though its slot has the same name', () => {
  const dedupe = new Dedupe();
  admit(dedupe, topic, change(at(5n)));
  expect(admit(dedupe, topic, change(at(4n), { system: '8000' }))).not.toBeNull();
  expect(admit(dedupe, topic, change(at(4n)))).toBeNull();
});
