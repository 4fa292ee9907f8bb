import fc from 'fast-check';
import { expect, test } from 'vitest';
import { positionText } from '../../schemas/position.ts';
import { LaneSpans } from '../../sinks/lane-spans.ts';
import { nearPosition } from '../schemas/arbitrary.ts';

const record = fc.record({
  lane: fc.nat(2),
  offset: fc.bigInt({ min: 0n, max: 9n }),
  isRetried: fc.boolean(),
  position: nearPosition,
});

test('a lane reaches from its oldest to its newest position, in whatever order they come', () => {
  fc.assert(
    fc.property(fc.array(record), (records) => {
      const spans = new LaneSpans();
      for (const each of records) spans.extend(each, { ...each.position });
      const found = spans.all().map(({ lane, oldest, newest, offset }) => ({
        lane,
        oldest: positionText(oldest),
        newest: positionText(newest),
        offset,
      }));
      const lanes = Object.entries(Object.groupBy(records, ({ lane }) => lane));
      const expected = lanes.map(([lane, of = []]) => {
        const texts = of.map(({ position }) => positionText(position)).sort();
        const own = of.filter(({ isRetried }) => !isRetried);
        const offset = own.reduce((most, each) => (each.offset > most ? each.offset : most), -1n);
        return { lane: Number(lane), oldest: texts[0], newest: texts.at(-1), offset };
      });
      expect(found).toEqual(expected);
    }),
  );
});
