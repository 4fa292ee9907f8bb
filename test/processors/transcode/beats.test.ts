import { Reader, readRecord } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { Beats } from '../../../processors/transcode/beats.ts';
import { Output } from '../../../processors/transcode/output.ts';
import { SlabPool } from '../../../processors/transcode/slab-pool.ts';
import { Bytes } from '../../../schemas/bytes.ts';
import { isRecords } from '../../pipelines/wal/carried.ts';

const second = 1_000_000;

function world(...widths: readonly number[]) {
  const output = new Output(new SlabPool());
  const lanes = output.lanes('t', 2);
  const beats = new Beats(output, [{ lanes, widthsMicros: widths.map((width) => width * second) }]);
  const row = (lane: number) => {
    const value = new Bytes(8);
    value.ascii('row');
    output.append(lanes[lane]!, null, value);
  };
  /** What a client that is not ours reads of the lanes. */
  const taken = () =>
    output
      .take()
      .values.filter(isRecords)
      .flatMap(({ partition, count, bytes }) => {
        const reader = Reader.from(bytes);
        return Array.from({ length: count }, () => {
          const { key, value, headers } = readRecord(reader);
          const told = headers.map(([name, text]) => `${String(name)}=${String(text)}`);
          return { partition, key, value: value && String(value), told };
        });
      });
  return { beats, row, taken };
}

test('a heartbeat has neither key nor value, and stands in every lane behind the rows that it speaks of', () => {
  const { beats, row, taken } = world(60);
  row(1);
  beats.beat(75 * second, 0x10n);
  const heartbeat = { key: null, value: null, told: ['watermark=75000000', 'lsn=0/10'] };
  expect(taken()).toEqual([
    { partition: 1, key: null, value: 'row', told: [] },
    { partition: 1, ...heartbeat },
    { partition: 0, ...heartbeat },
  ]);
});

test('lanes are told once when reading begins, and then only when a window has ended', () => {
  const { beats, taken } = world(60);
  const told = (seconds: number) => {
    beats.beat(seconds * second, 1n);
    return taken().length;
  };
  expect([0, 70, 70, 119, 120, 130, 179, 500].map(told)).toEqual([0, 2, 0, 0, 2, 0, 0, 2]);
});

test('of windows of two widths, the end of either is told', () => {
  const { beats, taken } = world(60, 100);
  const told = (seconds: number) => {
    beats.beat(seconds * second, 1n);
    return taken().length;
  };
  expect([10, 59, 60, 99, 100, 110].map(told)).toEqual([2, 0, 2, 0, 2, 0]);
});
