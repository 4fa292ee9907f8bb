import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LaneQueue } from '../../../pipelines/windows/lane-queue.ts';
import { OpenWindows } from '../../../pipelines/windows/open-windows.ts';
import type { Received } from '../../../pipelines/topic/received.ts';
import { positionText } from '../../../schemas/position.ts';
import { decoded, userRow, users } from '../../processors/tables.ts';
import { changeRecord, registryOf } from '../records.ts';

const registry = registryOf(users);
const topic = 'cdc.shop.public.users';
const width = 10;

interface Row {
  readonly lane: number;
  readonly lsn: number;
  readonly watermark: number;
  readonly log: string;
}

const rowRecord = ({ lane, lsn, watermark, log }: Row, offset: number): Received =>
  changeRecord(
    users,
    {
      ...decoded('insert', { after: userRow }),
      position: { timeline: 1, lsn: BigInt(lsn), seq: 0, part: 0 },
      lane,
      log,
      watermark,
      sealed: null,
    },
    BigInt(offset),
  );

const beat = (partition: number, watermark: number, offset: number): Received => ({
  topic,
  partition,
  offset: BigInt(offset),
  key: null,
  value: null,
  headers: [[Buffer.from('watermark'), Buffer.from(`${watermark}`)]],
});

/** What lanes hold: commits one after the other, each in some lane, sent again now and then; a heartbeat in each lane at times. */
const lanes = fc
  .array(
    fc.record({
      lane: fc.nat(2),
      later: fc.nat(9),
      beats: fc.boolean(),
      copied: fc.boolean(),
      again: fc.boolean(),
    }),
    { maxLength: 40 },
  )
  .map((commits) => {
    const records: Received[][] = [[], [], []];
    const add = (lane: number, make: (offset: number) => Received) =>
      records[lane]!.push(make(records[lane]!.length));
    let watermark = 1;
    for (const [at, { lane, later, beats, copied, again }] of commits.entries()) {
      watermark += later;
      const row = { lane, lsn: 100 + at, watermark, log: 'slot' };
      if (copied) add(lane, (o) => rowRecord({ ...row, lsn: at, watermark: 1, log: 'run' }, o));
      for (let times = again ? 2 : 1; times > 0; times--) add(lane, (o) => rowRecord(row, o));
      if (beats)
        for (const each of [0, 1, 2]) {
          const now = watermark;
          add(each, (o) => beat(each, now, o));
        }
    }
    return records;
  });

/** Reads lanes in pieces, as `pieces` has it, and begins anew from what was saved wherever it is negative. */
function closed(records: readonly Received[][], pieces: readonly number[], mostPerLane = Infinity) {
  let marks = [0, 1, 2].map((partition) => ({
    topic,
    partition,
    next: 0n,
    watermark: 0,
    marks: {},
  }));
  let last: number | null = null;
  const begin = () =>
    new OpenWindows(
      marks.map((mark) => new LaneQueue(mark)),
      { width, mostPerLane, skipsUntimed: false },
      last,
    );
  let windows = begin();
  const out: { index: number; rows: readonly string[] }[] = [];
  for (let turn = 0; ; turn++) {
    for (let due = windows.due(false); due !== null; due = windows.due(false)) {
      const { index, rows } = windows.close(due);
      if (rows.length > 0)
        out.push({
          index,
          rows: rows.map(({ log, position }) => `${log}@${positionText(position)}`),
        });
      marks = [...windows.marks()] as typeof marks;
      last = windows.closed;
    }
    const piece = pieces[turn % pieces.length]!;
    if (piece < 0 && turn < 50) windows = begin();
    const open = windows
      .toRead()
      .filter(({ partition, next }) => Number(next) < records[partition]!.length);
    if (open.length === 0) return out;
    for (const lane of open) {
      const from = Number(lane.next);
      const values = records[lane.partition]!.slice(from, from + Math.abs(piece));
      lane.push(values, BigInt(from + values.length), registry);
    }
  }
}

const pieces = fc.array(fc.constantFrom(-3, -1, 1, 2, 5, 50), { minLength: 1, maxLength: 9 });

test('however lanes are read, and wherever it is begun anew, the windows hold the same rows in the same order', () => {
  fc.assert(
    fc.property(lanes, pieces, (records, read) => {
      expect(closed(records, read)).toEqual(closed(records, [100]));
    }),
    { numRuns: 300 },
  );
});

test('a window that is too large comes in the same parts at any pace, and each lane in its order', () => {
  fc.assert(
    fc.property(lanes, pieces, fc.integer({ min: 1, max: 4 }), (records, read, most) => {
      const parts = closed(records, read, most);
      expect(parts).toEqual(closed(records, [100], most));
      for (const { rows } of parts) expect(rows.length).toBeLessThanOrEqual(3 * most);
      const whole = closed(records, [100]);
      const rows = (some: typeof whole) => some.flatMap((each) => each.rows).toSorted();
      const ended = new Set(whole.map(({ index }) => index));
      const closedParts = parts.filter(({ index }) => ended.has(index));
      expect(rows(closedParts)).toEqual(rows(whole));
    }),
    { numRuns: 300 },
  );
});

test('a row is in the window of its time, once, and windows come in order', () => {
  fc.assert(
    fc.property(lanes, (records) => {
      const windows = closed(records, [7]);
      const indexes = windows.map(({ index }) => index);
      expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b));
      const all = windows.flatMap(({ rows }) => rows);
      expect(new Set(all).size).toBe(all.length);
      const streamed = all.filter((each) => each.includes('/slot@'));
      expect(streamed).toEqual([...streamed].sort());
    }),
  );
});

const streamed = (lane: number, lsn: number, watermark: number): Row => ({
  lane,
  lsn,
  watermark,
  log: 'slot',
});

test('whoever waits for it gets every window that has ended, be it empty', () => {
  const lane = [rowRecord(streamed(0, 1, 5), 0), beat(0, 40, 1), rowRecord(streamed(0, 2, 45), 2)];
  const windows = new OpenWindows(
    [new LaneQueue({ topic, partition: 0, next: 0n, watermark: 0, marks: {} })],
    { width, mostPerLane: Infinity, skipsUntimed: false },
    null,
  );
  for (const queue of windows.toRead()) queue.push(lane, 3n, registry);
  const indexes = [];
  for (let due = windows.due(true); due !== null; due = windows.due(true)) {
    indexes.push(due);
    windows.close(due);
  }
  expect(indexes).toEqual([0, 1, 2, 3]);
});

test('whoever skips what was copied before there was a time begins with the first window that has one', () => {
  const untimed = { lane: 0, lsn: 1, watermark: 0, log: 'run' };
  const indexes = (later: readonly Received[], skipsUntimed: boolean) => {
    const lane = [rowRecord(untimed, 0), ...later];
    const windows = new OpenWindows(
      [new LaneQueue({ topic, partition: 0, next: 0n, watermark: 0, marks: {} })],
      { width, mostPerLane: Infinity, skipsUntimed },
      null,
    );
    for (const queue of windows.toRead()) queue.push(lane, BigInt(lane.length), registry);
    const closedOnes = [];
    for (let due = windows.due(true); due !== null; due = windows.due(true))
      closedOnes.push(windows.close(due).index);
    return closedOnes;
  };
  const first = [rowRecord(streamed(0, 2, 9_005), 1), beat(0, 9_025, 2)];
  expect(indexes(first, true)).toEqual([0, 900, 901]);
  expect(indexes([beat(0, 9_025, 1)], true)).toEqual([0, 901]);
  expect(indexes([beat(0, 15, 1)], true)).toEqual([0]);
  expect(indexes(first, false)).toHaveLength(902);
});

test('once a part of a window was decided no window before it is due, also to whoever begins anew from there', () => {
  const first = [rowRecord(streamed(0, 1, 9_001), 0), rowRecord(streamed(0, 2, 9_002), 1)];
  const rest = [rowRecord(streamed(0, 3, 9_003), 2), beat(0, 9_011, 3)];
  for (const skipsUntimed of [true, false])
    for (const isKilled of [true, false]) {
      const form = { width, mostPerLane: 2, skipsUntimed };
      let lane = new LaneQueue({ topic, partition: 0, next: 0n, watermark: 0, marks: {} });
      let windows = new OpenWindows([lane], form, null);
      lane.push(first, 2n, registry);
      const indexes = [windows.due(false)!];
      windows.close(indexes[0]!);
      if (isKilled) {
        lane = new LaneQueue(windows.marks()[0]!);
        windows = new OpenWindows([lane], form, windows.closed);
      }
      expect(windows.due(true)).toBeNull();
      lane.push(rest, 4n, registry);
      const { index, isLast, rows } = windows.close(windows.due(true)!);
      expect([index, isLast, rows.length]).toEqual([900, true, 1]);
    }
});

test('also the very first window, of what was copied, is closed to its end before any other, at whatever pace it is read', () => {
  const untimed = [0, 1].map((at) =>
    rowRecord({ lane: 0, lsn: 1 + at, watermark: 0, log: 'run' }, at),
  );
  const form = { width, mostPerLane: 2, skipsUntimed: false };
  let lane = new LaneQueue({ topic, partition: 0, next: 0n, watermark: 0, marks: {} });
  const begun = new OpenWindows([lane], form, null);
  lane.push(untimed, 2n, registry);
  expect(begun.close(begun.due(false)!)).toMatchObject({ index: 0, isLast: false });
  lane = new LaneQueue(begun.marks()[0]!);
  for (const windows of [begun, new OpenWindows([lane], form, begun.closed)]) {
    for (const queue of windows.toRead()) queue.push([beat(0, 9_011, 2)], 3n, registry);
    expect([1, 2, 3].map(() => windows.close(windows.due(true)!).index)).toEqual([0, 1, 2]);
  }
});

test('a lane in which nothing happens holds a window open until a heartbeat comes by', () => {
  const busy = [rowRecord(streamed(0, 1, 5), 0), rowRecord(streamed(0, 2, 15), 1)];
  expect(closed([busy, [], []], [9])).toEqual([]);
  const beats = (watermark: number) => [busy, [beat(1, watermark, 0)], [beat(2, watermark, 0)]];
  expect(closed(beats(9), [9])).toEqual([]);
  expect(closed(beats(15), [9])).toMatchObject([{ index: 0 }]);
});

test('a copied row that is read after its time has passed is in the window in which it is read, before what is streamed', () => {
  const lane = [
    rowRecord(streamed(0, 8, 5), 0),
    beat(0, 25, 1),
    rowRecord(streamed(0, 9, 26), 2),
    rowRecord({ lane: 0, lsn: 3, watermark: 5, log: 'run' }, 3),
    beat(0, 40, 4),
  ];
  const windows = closed([lane, [beat(1, 40, 0)], [beat(2, 40, 0)]], [1]);
  expect(windows.map(({ index, rows }) => [index, rows.length])).toEqual([
    [0, 1],
    [2, 2],
  ]);
  expect(windows[1]?.rows[0]).toContain('/run@');
});

test('what is copied before anything is known of the time is in the very first window', () => {
  const lane = [
    rowRecord({ lane: 0, lsn: 1, watermark: 0, log: 'run' }, 0),
    beat(0, 57, 1),
    beat(0, 80, 2),
  ];
  const windows = closed([lane, [beat(1, 80, 0)], [beat(2, 80, 0)]], [1]);
  expect(windows.map(({ index }) => index)).toEqual([0]);
});

test('a record that is no change of ours is refused in its window, and stops nothing', () => {
  const ours = rowRecord(streamed(0, 1, 5), 0);
  const broken = [
    Buffer.from('junk'),
    ours.value!.subarray(0, 9),
    Buffer.concat([ours.value!.subarray(0, 5), Buffer.alloc(20, 0xff)]),
  ];
  const junk = broken.map((value, at) => ({ ...beat(0, 0, at + 1), value }));
  const lane = [ours, ...junk, beat(0, 30, 4)];
  const windows = new OpenWindows(
    [0, 1, 2].map(
      (partition) => new LaneQueue({ topic, partition, next: 0n, watermark: 0, marks: {} }),
    ),
    { width, mostPerLane: Infinity, skipsUntimed: false },
    null,
  );
  for (const queue of windows.toRead())
    queue.push(queue.partition === 0 ? lane : [beat(1, 30, 0)], 5n, registry);
  const window = windows.close(windows.due(false)!);
  expect(window.rows.length).toBe(1);
  expect(window.refused.map(({ refusal }) => refusal.reason)).toEqual(
    junk.map(() => 'undecodable'),
  );
});
