import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changeId, compare, parsePosition, positionText } from '../../schemas/position.ts';
import { nearPosition, position } from './arbitrary.ts';

const anyPosition = fc.oneof(position, nearPosition);
const sign = (order: number) => Math.sign(order);

test('the order of texts is the order of positions, byte by byte', () => {
  fc.assert(
    fc.property(anyPosition, anyPosition, (a, b) => {
      const texts = Buffer.compare(Buffer.from(positionText(a)), Buffer.from(positionText(b)));
      expect(sign(texts)).toBe(sign(compare(a, b)));
    }),
    { numRuns: 1_000 },
  );
});

test('the order is total: by timeline, then LSN, then seq, then part', () => {
  fc.assert(
    fc.property(nearPosition, nearPosition, (a, b) => {
      const byPlace = [
        a.timeline - b.timeline,
        Number(a.lsn > b.lsn) - Number(a.lsn < b.lsn),
        a.seq - b.seq,
        a.part - b.part,
      ];
      expect(sign(compare(a, b))).toBe(sign(byPlace.find((order) => order !== 0) ?? 0));
      expect(sign(compare(b, a)) + sign(compare(a, b))).toBe(0);
    }),
  );
});

test('a position is read back from its text as it was', () => {
  fc.assert(
    fc.property(anyPosition, (each) => {
      expect(parsePosition(positionText(each))).toEqual(each);
    }),
  );
});

test('golden text and id: they must not change, for they stand in every store', () => {
  const at = { timeline: 2, lsn: 0x16_b374_d1c8n, seq: 10, part: 1 };
  expect(positionText(at)).toBe('00000002/00000016b374d1c8/0000000a/00000001');
  expect(changeId('7301234567890123456', 'ig_slot', at)).toBe('3456ee46b5604f7338636ce1c31623c7');
});

test('another system, log, timeline, LSN, seq or part is another id', () => {
  const at = { timeline: 1, lsn: 1n, seq: 1, part: 1 };
  const ids = [
    changeId('1', 'a', at),
    changeId('2', 'a', at),
    changeId('1', 'b', at),
    changeId('1', 'a', { ...at, timeline: 2 }),
    changeId('1', 'a', { ...at, lsn: 2n }),
    changeId('1', 'a', { ...at, seq: 2 }),
    changeId('1', 'a', { ...at, part: 2 }),
  ];
  expect(new Set(ids).size).toBe(ids.length);
});

for (const text of ['', '1', '1/2/3', '1/2/3/4/5', '///'])
  test(`${JSON.stringify(text)} is no position`, () => {
    expect(() => parsePosition(text)).toThrow('not a position');
  });
