import type { Queryable } from '@databases/pg';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Dataset } from '../../../pipelines/anonymity/dataset.ts';
import type { AnonymityFigures } from '../../../pipelines/anonymity/figures.ts';
import type { AnonymousTable } from '../../../pipelines/anonymity/sightings.ts';
import type { ToSave, WaitingPlace } from '../../../pipelines/anonymity/store.ts';
import type { Refused } from '../../../pipelines/flow/stage.ts';
import type { Received } from '../../../pipelines/topic/received.ts';
import type { ClosedWindow, WindowRow } from '../../../pipelines/windows/closed-window.ts';
import { pseudonymsOf, releaseText } from '../../../processors/anonymity/pseudonyms.ts';
import { tokeniser } from '../../../processors/tokens.ts';
import type { Records } from '../../../schemas/records.ts';
import type { Row } from '../../../schemas/value.ts';
import { ListSink } from '../../doubles.ts';
import { MemoryKeyring } from '../../processors/memory-keyring.ts';
import { decoded } from '../../processors/tables.ts';
import { sealing } from '../../processors/transcode/oracle.ts';
import { changeRecord } from '../records.ts';
import { Auditor, type Truth } from './auditor.ts';
import { isIn, people, readChunk, sightingsOf } from './people.ts';

interface Person {
  readonly id: number;
  readonly owner: number;
  readonly country: string;
  readonly age: number;
  readonly mood: string;
}

type Happening =
  | ({ readonly op: 'put' } & Person)
  | { readonly op: 'delete'; readonly id: number }
  | { readonly op: 'truncate' };

const rowOf = ({ id, owner, ...rest }: Person): Row => ({
  ...rest,
  id: `${id}`,
  owner: `${owner}`,
  tenant_id: '1',
});

/** Windows of records as capture writes them, and what the source knows of each. */
function scene(table: AnonymousTable, windows: readonly (readonly Happening[])[]) {
  const keyring = new MemoryKeyring();
  const seal = sealing(new Map([[table.table, table]]), keyring, tokeniser(keyring), 1, () => {});
  const truths = new Map<string, Truth & { readonly window: number }>();
  const { release } = pseudonymsOf(keyring, 'people');
  let lsn = 0n;
  const closed = windows.map((happenings, index): ClosedWindow => {
    const rows = happenings.map((happening): WindowRow => {
      const position = { timeline: 1, lsn: ++lsn, seq: 0, part: 0 };
      const { op } = happening;
      const image =
        op === 'put' ? rowOf(happening) : op === 'delete' ? { id: `${happening.id}` } : null;
      const change = decoded(
        op === 'put' ? 'insert' : op,
        op === 'put' ? { after: image } : { before: image },
        table,
      );
      const [sealed] = seal({ ...change, position });
      const record = changeRecord(table, sealed!, lsn) as WindowRow['record'];
      const log = '7000/slot';
      if (op === 'put')
        truths.set(releaseText(release({ log, position })), {
          subject: `${happening.owner}`,
          row: `${happening.id}`,
          isIn: (region) => isIn(region, happening),
          window: index,
        });
      return { record, log, position };
    });
    return { index, endMicros: (index + 1) * 1_000_000, rows, refused: [] };
  });
  return { keyring, closed, truths };
}

class Crash extends Error {}

/** What outlives a worker: the state database, and what Kafka holds. */
class World {
  readonly table: AnonymousTable;
  readonly emitted: Records[] = [];
  readonly letters = new ListSink<Refused<Received>>();
  readonly figures: AnonymityFigures[] = [];
  readonly #scene: ReturnType<typeof scene>;
  #saved: { journals: Buffer[]; waiting: readonly WaitingPlace[]; outbox: readonly Records[] } = {
    journals: [],
    waiting: [],
    outbox: [],
  };
  #closed = -1;
  #untilCrash: number; // Effects that are still done.

  constructor(table: AnonymousTable, of: ReturnType<typeof scene>, untilCrash = Infinity) {
    this.table = table;
    this.#scene = of;
    this.#untilCrash = untilCrash;
  }

  /** One worker after the other, until all windows are closed; `crashes` says after how many effects the next ones die. */
  async run(crashes: readonly number[] = []): Promise<void> {
    for (const at of [...crashes, Infinity]) {
      this.#untilCrash = at;
      try {
        await this.#work();
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
    }
  }

  async #work(): Promise<void> {
    const dataset = new Dataset({ ...this.#parts(), table: this.table, dataset: 'people' });
    const nobody = {} as Queryable;
    await dataset.restore(nobody);
    for (const window of this.#scene.closed.slice(this.#closed + 1)) {
      const decision = await dataset.close(window);
      await decision.save(nobody);
      this.#closed = window.index;
      await decision.send();
    }
  }

  #effect(): void {
    if (this.#untilCrash-- <= 0) throw new Crash();
  }

  #parts() {
    const { keyring, closed } = this.#scene;
    const byOffset = new Map(
      closed.flatMap(({ rows }) => rows).map((row) => [row.record.offset, row]),
    );
    return {
      sightings: sightingsOf(this.table, keyring),
      pseudonyms: pseudonymsOf(keyring, 'people'),
      keyring,
      publishing: {
        topic: 'anon.people',
        lanes: 2,
        schema: 1,
        k: this.table.anon.k,
        chunkBytes: 600,
      },
      letters: this.letters,
      records: {
        name: 'anon',
        write: async (batch: readonly Records[]) => {
          for (const records of batch) {
            this.#effect();
            this.emitted.push(records);
          }
        },
        [Symbol.asyncDispose]: async () => {},
      },
      store: {
        restore: async () => ({ ...this.#saved, journals: [...this.#saved.journals] }),
        save: async (_: Queryable, { journal, summary, waiting, outbox }: ToSave) => {
          this.#effect();
          const journals = summary ? [...summary] : [...this.#saved.journals, journal];
          this.#saved = { journals, waiting, outbox };
        },
        sent: async () => {
          this.#effect();
          this.#saved = { ...this.#saved, outbox: [] };
        },
      },
      reread: async (places: readonly WaitingPlace[]) =>
        places.map(({ offset }) => byOffset.get(offset)!),
      seen: (figures: AnonymityFigures) => void this.figures.push(figures),
    };
  }

  /** Replays all that was emitted, moment by moment. */
  audit(): Auditor {
    const auditor = new Auditor(this.table.anon.k, (release) => this.#scene.truths.get(release));
    for (const records of this.emitted) auditor.chunk(readChunk(this.table, records));
    auditor.windowEnded();
    return auditor;
  }

  /** What a reader has who takes each record once, lane by lane. */
  once(): readonly string[] {
    const all = this.emitted.flatMap((records) =>
      readChunk(this.table, records).map(
        ({ bytes }) => `${records.partition} ${bytes.toString('hex')}`,
      ),
    );
    return [...new Set(all)];
  }
}

const put = fc.record({
  op: fc.constant('put' as const),
  id: fc.nat(11),
  owner: fc.nat(7),
  country: fc.constantFrom('CH', 'DE', 'FR', 'JP', 'IN'),
  age: fc.nat(99),
  mood: fc.constantFrom('good', 'bad', 'long'.repeat(20)),
});
const happening = fc.oneof(
  { weight: 30, arbitrary: put },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('delete' as const), id: fc.nat(11) }) },
  { weight: 1, arbitrary: fc.constant({ op: 'truncate' as const }) },
);
const windows = fc.array(fc.array(happening, { maxLength: 25 }), { minLength: 1, maxLength: 8 });
const terms = fc.record({ k: fc.integer({ min: 2, max: 4 }), delay: fc.nat(2) });
const crashes = fc.array(fc.nat(12), { maxLength: 8 });

test('at every moment every region that is told has k subjects, whatever happens and wherever workers die', async () => {
  let [released, retracted] = [0, 0];
  await fc.assert(
    fc.asyncProperty(windows, terms, crashes, async (happenings, anon, deaths) => {
      const world = new World(people(anon), scene(people(anon), happenings));
      await world.run(deaths);
      const auditor = world.audit();
      released += auditor.released;
      retracted += auditor.retracted.size;
    }),
    { numRuns: 200 },
  );
  expect(Math.min(released, retracted)).toBeGreaterThan(200);
});

test('whoever takes each record once has the same in the end, with deaths and without', async () => {
  await fc.assert(
    fc.asyncProperty(windows, terms, crashes, async (happenings, anon, deaths) => {
      const table = people(anon);
      const [struck, spared] = [1, 2].map(() => new World(table, scene(table, happenings)));
      await struck!.run(deaths);
      await spared!.run();
      expect(struck!.once()).toEqual(spared!.once());
      expect(new Set(struck!.audit().live.keys())).toEqual(new Set(spared!.audit().live.keys()));
    }),
    { numRuns: 100 },
  );
});

const person = (id: number, more: Partial<Person> = {}): Happening => ({
  op: 'put',
  id,
  owner: id,
  country: 'CH',
  age: 30,
  mood: 'good',
  ...more,
});

async function told(
  happenings: readonly (readonly Happening[])[],
  anon: Partial<AnonymousTable['anon']> = {},
) {
  const table = people(anon);
  const of = scene(table, happenings);
  const world = new World(table, of);
  await world.run();
  const auditor = world.audit();
  const live = [...auditor.live.values()].map(({ region, subject }) => `${subject} ${region}`);
  return { world, auditor, live: live.toSorted(), ...of };
}

const region = '["CH","[30,40)"]';

test('one subject that comes a thousand times is one subject', async () => {
  const thousand = Array.from({ length: 1_000 }, (_, id) => person(id, { owner: 1 }));
  const { auditor, world } = await told([thousand, [], []], { delay: 1 });
  expect(auditor.released).toBe(0);
  expect(world.figures.at(1)?.suppressed.get('expired')).toBe(1_000);
  const { auditor: joined } = await told([[...thousand, person(2_000), person(2_001)]]);
  expect(joined.released).toBe(1_002);
});

test('an update inside its region is another release, and retracts the one before', async () => {
  const first = [person(1), person(2), person(3)];
  const { auditor, live } = await told([first, [person(2, { age: 39, mood: 'bad' })]]);
  expect(auditor.released).toBe(4);
  expect(auditor.retracted.size).toBe(1);
  expect(live).toEqual(['1', '2', '3'].map((subject) => `${subject} ${region}`));
});

test('an update outside of its region is suppressed: nothing of it leaves', async () => {
  const first = [person(1), person(2), person(3)];
  const { auditor, world, live } = await told([first, [person(2, { country: 'JP' })]]);
  expect([auditor.released, auditor.retracted.size]).toEqual([3, 0]);
  expect(world.figures[1]?.suppressed.get('outside')).toBe(1);
  expect(live.length).toBe(3);
});

test('a delete retracts, and where too few are left the rest is taken back with it', async () => {
  const four = [person(1), person(2), person(3), person(4)];
  const { live } = await told([four, [{ op: 'delete', id: 4 }]]);
  expect(live).toEqual(['1', '2', '3'].map((subject) => `${subject} ${region}`));
  const { live: none, auditor } = await told([
    four,
    [
      { op: 'delete', id: 4 },
      { op: 'delete', id: 3 },
    ],
  ]);
  expect(none).toEqual([]);
  expect(auditor.retracted.size).toBe(4);
});

test('a region that was taken back is told again once it has k subjects, and not before', async () => {
  const gone = [1, 2].map((id): Happening => ({ op: 'delete', id }));
  const start = [[person(1), person(2), person(3)], gone];
  const { live: two } = await told([...start, [person(3), person(5)]]);
  expect(two).toEqual([]);
  const { live: three } = await told([...start, [person(3), person(5)], [person(6)]]);
  expect(three).toEqual(['3', '5', '6'].map((subject) => `${subject} ${region}`));
});

test('rows wait for others like them, no longer than they may, and take coarser classes the longer they wait', async () => {
  const near = [person(1), person(2, { country: 'DE' })];
  const { live } = await told([near, [], [person(3, { country: 'FR', age: 31 })]], { delay: 2 });
  expect(live).toEqual(['1', '2', '3'].map((subject) => `${subject} ["Europe","[30,40)"]`));
  const { live: late, world } = await told([near, [], [], [person(3)]], { delay: 2 });
  expect(late).toEqual([]);
  expect(world.figures[2]?.suppressed.get('expired')).toBe(2);
});

test('who is erased while he waits is never told, and who was told is retracted with his next change', async () => {
  const table = people();
  const of = scene(table, [
    [person(1), person(2)],
    [person(3), person(4)],
  ]);
  of.keyring.destroy({ tenant: '1', domain: 'public.people.owner', subject: '1' });
  const world = new World(table, of);
  await world.run();
  const subjects = [...world.audit().live.values()].map(({ subject }) => subject);
  expect(subjects.toSorted()).toEqual(['2', '3', '4']);
});

test('a value that no hierarchy covers is a dead letter that names the column, and stops nothing', async () => {
  const { live, world } = await told([
    [person(1), person(2), person(3), person(4, { country: 'Atlantis' })],
  ]);
  expect(live.length).toBe(3);
  expect(world.letters.values).toMatchObject([{ refusal: { reason: 'uncovered' } }]);
  const { message } = world.letters.values[0]!.refusal;
  expect(message).toContain('column country');
  expect(message).not.toContain('Atlantis');
});

test('where regions are to have several sensitive values, one that has not is not told', async () => {
  const anon = { diversity: { column: 'mood', l: 2 }, delay: 0 };
  const alike = [person(1), person(2), person(3)];
  expect((await told([alike], anon)).live).toEqual([]);
  const { live } = await told([[...alike, person(4, { mood: 'bad' })]], anon);
  expect(live.length).toBe(4);
});

test('a record has the time of its window and no header, and a retraction tells nothing but what it retracts', async () => {
  const first = [person(1), person(2), person(3)];
  const { world } = await told([first, [], [{ op: 'delete', id: 1 }]]);
  for (const records of world.emitted)
    for (const { read, key, headers, row } of readChunk(world.table, records)) {
      expect(key).toBe(read.release);
      expect(key).toMatch(/^[0-9a-f]{32}$/);
      expect(headers).toEqual([]);
      expect(records.producedAtMs).toBe(read.window / 1_000);
      expect(read.window % 1_000_000).toBe(0);
      if (read.op === 'release') expect(Object.keys(row!)).toEqual(['mood']);
      else expect([read.region, row]).toEqual([null, null]);
    }
});
