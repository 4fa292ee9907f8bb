import fc from 'fast-check';
import { lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { besideLetters } from '../../../pipelines/flow/beside.ts';
import { into } from '../../../pipelines/flow/into.ts';
import type { Delivery, Source } from '../../../pipelines/flow/source.ts';
import { each, pull, type Refused } from '../../../pipelines/flow/stage.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { ListSink, ListSource, turns } from '../../doubles.ts';

type Fate = 'passes' | 'doubles' | 'withheld' | 'refused' | 'refused by the sink';

interface Item {
  readonly id: string;
  readonly log: string;
  readonly fate: Fate;
}

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: fc.constant('passes' as const) },
  fc.constantFrom('doubles' as const, 'withheld', 'refused', 'refused by the sink'),
);
const fault = fc.constantFrom('none', 'none', 'none', 'before', 'after');

const world = fc.record({
  batches: fc.array(
    fc.record({ log: fc.constantFrom('a', 'b'), fates: fc.array(fate, { maxLength: 6 }) }),
    { maxLength: 14 },
  ),
  size: fc.integer({ min: 1, max: 8 }),
  room: fc.integer({ min: 1, max: 12 }),
  writes: fc.array(fault, { maxLength: 12 }), // What befalls the writes, one after another; then nothing.
  letters: fc.array(fault, { maxLength: 4 }),
});

class Outage extends Error {}

/** A sink that fails as it was told to, before it is durable or only in its answer. */
class FailingSink<T> extends ListSink<T> {
  readonly faults: string[];

  constructor(faults: readonly string[]) {
    super();
    this.faults = [...faults];
  }

  override async write(batch: readonly T[]): Promise<void> {
    const next = this.faults.shift();
    await turns(1);
    if (next === 'before') throw new Outage();
    await super.write(batch);
    if (next === 'after') throw new Outage();
  }
}

function itemsOf(
  batches: readonly { log: string; fates: readonly Fate[] }[],
): readonly Delivery<Item>[] {
  return batches.map(({ log, fates }, index) => ({
    position: { log, at: BigInt(index + 1) },
    values: fates.map((each, n) => ({ id: `${index}.${n}`, log, fate: each })),
    bytes: fates.length,
  }));
}

const process = (item: Item): readonly Item[] => {
  if (item.fate === 'refused') throw new Refusal('undecodable', 'refused');
  if (item.fate === 'withheld') return [];
  return item.fate === 'doubles' ? [item, item] : [item];
};

/** A reading of a source that is closed with the life it is of, as a worker's is: what was left under way confirms nothing any more. */
function readingOf(source: ListSource<Item>): Source<Item> {
  let isOpen = true;
  return {
    read: (reading) => source.read(reading),
    confirm: (position) => {
      if (isOpen) source.confirm(position);
    },
    async [Symbol.asyncDispose]() {
      isOpen = false;
    },
  };
}

/** One life of a worker: true if it came to the end. */
async function live(
  list: ListSource<Item>,
  sink: FailingSink<Item>,
  letters: FailingSink<Refused<Item>>,
  { size, room }: { readonly size: number; readonly room: number },
): Promise<boolean> {
  const { signal } = new AbortController();
  await using source = readingOf(list);
  const flow = besideLetters(letters, (refused) =>
    pull(source, { room: { values: room, bytes: Infinity }, signal }).pipe(
      each(process, refused),
      into(sink, { size, lingerMs: 0 }, refused),
    ),
  );
  try {
    await lastValueFrom(flow, { defaultValue: 0 });
    return true;
  } catch (error) {
    if (!(error instanceof Outage)) throw error;
    return false;
  }
}

const firsts = (items: readonly Item[], log: string) => [
  ...new Set(items.filter((item) => item.log === log).map(({ id }) => id)),
];

test('whatever fails and whatever is refused, a restart from the last confirmed position loses nothing', async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ batches, writes, letters: letterFaults, ...limits }) => {
      const source = new ListSource(itemsOf(batches));
      const sink = new FailingSink<Item>(writes);
      sink.before = (batch) => {
        if (batch.some((item) => item.fate === 'refused by the sink'))
          throw new Refusal('rejected-by-sink', 'never');
      };
      const letters = new FailingSink<Refused<Item>>(letterFaults);
      const durable = (item: Item) =>
        item.fate === 'withheld' ||
        sink.values.includes(item) ||
        letters.values.some(({ value }) => value === item);

      source.onConfirm = ({ log, at }) => {
        const before = source.deliveries.filter(
          ({ position }) => position.log === log && position.at <= at,
        );
        expect(before.flatMap(({ values }) => values).every(durable)).toBe(true);
      };

      let lives = 1;
      while (!(await live(source, sink, letters, limits))) lives++;
      await turns();

      expect(lives).toBeLessThanOrEqual(1 + writes.length + letterFaults.length);
      const all = source.deliveries.flatMap(({ values }) => values);
      expect(all.filter((item) => !durable(item))).toEqual([]);
      for (const log of ['a', 'b']) {
        const kept = all.filter(({ fate: f }) => f === 'passes' || f === 'doubles');
        expect(firsts(sink.values, log)).toEqual(firsts(kept, log));
        const last = source.deliveries.findLast(({ position }) => position.log === log);
        expect(source.confirmed.get(log)).toBe(last?.position.at);
      }
    }),
    { numRuns: 200 },
  );
});
