import type { Queryable } from '@databases/pg';
import { Dataset } from '../../../pipelines/anonymity/dataset.ts';
import type { AnonymityFigures } from '../../../pipelines/anonymity/figures.ts';
import type { AnonymousTable } from '../../../pipelines/anonymity/sightings.ts';
import type { ToSave, WaitingPlace } from '../../../pipelines/anonymity/store.ts';
import type { Refused } from '../../../pipelines/flow/stage.ts';
import type { Received } from '../../../pipelines/topic/received.ts';
import type { ClosedWindow, WindowRow } from '../../../pipelines/windows/closed-window.ts';
import { pseudonymsOf, releaseText } from '../../../processors/anonymity/pseudonyms.ts';
import { tokeniser } from '../../../processors/tokens.ts';
import { SlabPool } from '../../../processors/transcode/slab-pool.ts';
import type { Records } from '../../../schemas/records.ts';
import { type Row, unchanged, type Unchanged } from '../../../schemas/value.ts';
import { ListSink } from '../../doubles.ts';
import { MemoryKeyring } from '../../processors/memory-keyring.ts';
import { decoded } from '../../processors/tables.ts';
import { sealing } from '../../../processors/seal-change.ts';
import { changeRecord } from '../records.ts';
import { Auditor, type Truth } from './auditor.ts';
import { isIn, readChunk, sightingsOf } from './people.ts';

export interface Person {
  readonly id: number;
  readonly owner: number | null;
  readonly country: string;
  readonly age: number;
  readonly mood: string | Unchanged;
}

export type Happening =
  | ({ readonly op: 'put' | 'update' } & Person)
  | { readonly op: 'delete'; readonly id: number }
  | { readonly op: 'truncate' };

const rowOf = ({ id, owner, ...rest }: Person): Row => ({
  ...rest,
  id: `${id}`,
  owner: owner === null ? null : `${owner}`,
  tenant_id: '1',
});

const lanes = [0, 1] as const;

/** Windows of records as capture writes them, lane by lane, in parts of so many records; and what the source knows of each. */
export function scene(
  table: AnonymousTable,
  windows: readonly (readonly Happening[])[],
  mostPerLane = Infinity,
) {
  const keyring = new MemoryKeyring();
  const seal = sealing(
    new Map([[table.table, table]]),
    keyring,
    tokeniser(keyring),
    lanes.length,
    () => {},
  );
  const truths = new Map<string, Truth & { readonly window: number }>();
  const rows = new Map<string, number | null>(); // Those that the source has in the end, and whose they are.
  const { release } = pseudonymsOf(keyring, 'people');
  let lsn = 0n;
  let offset = 0n;
  const log = '7000/slot';
  const recordsOf = (happening: Happening, index: number): readonly WindowRow[] => {
    const position = { timeline: 1, lsn: ++lsn, seq: 0, part: 0 };
    const { op } = happening;
    const isPut = op === 'put' || op === 'update';
    const image = isPut ? rowOf(happening) : op === 'delete' ? { id: `${happening.id}` } : null;
    const change = decoded(
      op === 'put' ? 'insert' : op,
      isPut ? { after: image } : { before: image },
      table,
    );
    if (op === 'truncate') rows.clear();
    else if (!isPut) rows.delete(`${happening.id}`);
    if (isPut) {
      rows.set(`${happening.id}`, happening.owner);
      truths.set(releaseText(release({ log, position })), {
        subject: `${happening.owner}`,
        row: `${happening.id}`,
        sensitive: happening.mood === unchanged ? null : happening.mood,
        isIn: (region) => isIn(region, happening),
        window: index,
      });
    }
    // A truncate is told in every lane; what is of a row, in that of its key.
    return (op === 'truncate' ? lanes : ([0] as const)).map((lane) => {
      const [sealed] = seal({ ...change, position, lane });
      const record = changeRecord(table, sealed!, ++offset) as WindowRow['record'];
      return { record, log, position };
    });
  };
  const closed = windows.flatMap((happenings, index): readonly ClosedWindow[] => {
    const records = happenings.flatMap((happening) => recordsOf(happening, index));
    const endMicros = epochMicros + (index + 1) * 1_000_000;
    const parts = partsOf(records, mostPerLane);
    return parts.map((part, at): ClosedWindow => ({
      index,
      isLast: at === parts.length - 1,
      endMicros,
      rows: part,
      refused: [],
    }));
  });
  return { keyring, closed, truths, rows };
}

/** So many records of each lane at a time, each part in the order of positions. */
function partsOf(records: readonly WindowRow[], most: number): readonly (readonly WindowRow[])[] {
  const seen = lanes.map(() => 0);
  const parts: WindowRow[][] = [[]];
  for (const row of records) {
    const { partition } = row.record;
    const at = Math.floor(seen[partition]!++ / most);
    (parts[at] ??= []).push(row);
  }
  return parts;
}

const epochMicros = 1_700_000_000_000_000;

class Crash extends Error {}

/** What outlives a worker: the state database, and what Kafka holds. */
export class World {
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
  #closed = 0; // Windows, or parts of them.
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
    for (const window of this.#scene.closed.slice(this.#closed)) {
      const decision = await dataset.close(window);
      await decision.save(nobody);
      this.#closed++;
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
        l: this.table.anon.diversity?.l ?? 1,
        pool: new SlabPool(),
        chunkBytes: 600,
      },
      letters: this.letters,
      records: {
        name: 'anon',
        write: async (batch: readonly Records[]) => {
          for (const records of batch) {
            this.#effect();
            this.emitted.push({ ...records, bytes: Buffer.from(records.bytes) });
          }
        },
        [Symbol.asyncDispose]: async () => {},
      },
      store: {
        restore: async () => ({ ...this.#saved, journals: [...this.#saved.journals] }),
        save: async (_: Queryable, { journal, summary, waiting, outbox }: ToSave) => {
          this.#effect();
          const journals = summary
            ? Array.from(summary, (piece) => Buffer.from(piece))
            : [...this.#saved.journals, journal];
          this.#saved = { journals, waiting, outbox };
        },
        sent: async () => {
          this.#effect();
          this.#saved = { ...this.#saved, outbox: [] };
        },
      },
      reread: async (places: readonly WaitingPlace[]) =>
        places // In the order of the log, whatever was the one in which they waited.
          .toSorted((a, b) => Number(a.offset - b.offset))
          .map(({ offset }) => byOffset.get(offset)!),
      seen: (figures: AnonymityFigures) => void this.figures.push(figures),
    };
  }

  /** Replays all that was emitted, moment by moment. */
  audit(): Auditor {
    const { k, diversity } = this.table.anon;
    const auditor = new Auditor(k, (release) => this.#scene.truths.get(release), diversity?.l);
    for (const records of this.emitted) auditor.chunk(readChunk(this.table, records));
    auditor.windowEnded();
    return auditor;
  }

  /** What a reader has in the end who takes each record once, lane by lane. */
  once(): readonly string[] {
    const all = this.emitted.flatMap((records) =>
      readChunk(this.table, records).map(
        ({ bytes }) => `${records.partition} ${bytes.toString('hex')}`,
      ),
    );
    return [...new Set(all)].toSorted(); // Where too large a window is cut is up to how its rows were read.
  }
}
