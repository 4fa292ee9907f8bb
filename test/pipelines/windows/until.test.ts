import { expect, test } from 'vitest';
import type { Registry } from '../../../contracts/registry.ts';
import type { Received } from '../../../pipelines/topic/received.ts';
import { LaneQueue } from '../../../pipelines/windows/lane-queue.ts';
import { OpenWindows } from '../../../pipelines/windows/open-windows.ts';

const topic = 'cdc.shop.public.users';
const registry = { type: () => null } as unknown as Pick<Registry, 'type'>;

const record = (partition: number, offset: number, watermark: number | null): Received => ({
  topic,
  partition,
  offset: BigInt(offset),
  key: null,
  value: watermark === null ? Buffer.from('waits in its window') : null,
  headers: watermark === null ? [] : [[Buffer.from('watermark'), Buffer.from(`${watermark}`)]],
});

test('what is read up to the end of the log ends there, also if a lane has more of the last window than is held', () => {
  const [full, idle] = [0, 1].map(
    (partition) => new LaneQueue({ topic, partition, next: 0n, watermark: 0, marks: {} }),
  );
  const form = { width: 10, mostPerLane: 2, skipsUntimed: false };
  const windows = new OpenWindows([full!, idle!], form, null);
  const ends = new Map([
    [`${topic}/0`, 9n],
    [`${topic}/1`, 1n],
  ]);
  full!.push([record(0, 0, 5), record(0, 1, null)], 2n, registry);
  idle!.push([record(1, 0, 5)], 1n, registry);
  expect(windows.toRead()).toEqual([full, idle]);
  expect(windows.reached(ends)).toBe(false);
  full!.push([record(0, 2, null)], 3n, registry);
  expect(windows.due(true)).toBeNull();
  expect(windows.toRead()).toEqual([idle]);
  expect(windows.reached(ends)).toBe(true); // No reading of the idle lane ends the window.
});
