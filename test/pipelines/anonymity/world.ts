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
import type { Row, Unchanged } from '../../../schemas/value.ts';
import { ListSink } from '../../doubles.ts';
import { MemoryKeyring } from '../../processors/memory-keyring.ts';
import { decoded } from '../../processors/tables.ts';
import { sealing } from '../../processors/transcode/oracle.ts';
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

/** Windows of records as capture writes them, and what the source knows of each. */
export function scene(table: AnonymousTable, windows: readonly (readonly Happening[])[]) {
  const keyring = new MemoryKeyring();
  const seal = sealing(new Map([[table.table, table]]), keyring, tokeniser(keyring), 1, () => {});
  const truths = new Map<string, Truth & { readonly window: number }>();
  const { release } = pseudonymsOf(keyring, 'people');
  let lsn = 0n;
  const closed = windows.map((happenings, index): ClosedWindow => {
    const rows = happenings.map((happening): WindowRow => {
      const position = { timeline: 1, lsn: ++lsn, seq: 0, part: 0 };
      const { op } = happening;
      const isPut = op === 'put' || op === 'update';
      const image = isPut ? rowOf(happening) : op === 'delete' ? { id: `${happening.id}` } : null;
      const change = decoded(
        op === 'put' ? 'insert' : op,
        isPut ? { after: image } : { before: image },
        table,
      );
      const [sealed] = seal({ ...change, position });
      const record = changeRecord(table, sealed!, lsn) as WindowRow['record'];
      const log = '7000/slot';
      if (isPut)
        truths.set(releaseText(release({ log, position })), {
          subject: `${happening.owner}`,
          row: `${happening.id}`,
          isIn: (region) => isIn(region, happening),
          window: index,
        });
      return { record, log, position };
    });
    const endMicros = epochMicros + (index + 1) * 1_000_000;
    return { index, isLast: true, endMicros, rows, refused: [] };
  });
  return { keyring, closed, truths };
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
