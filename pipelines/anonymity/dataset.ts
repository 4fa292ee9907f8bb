import type { Queryable } from '@databases/pg';
import { Book } from '../../processors/anonymity/book.ts';
import { chunksOf, type Publishing } from '../../processors/anonymity/chunks.ts';
import type { Pseudonyms } from '../../processors/anonymity/pseudonyms.ts';
import {
  type Outcome,
  type Put,
  type Sighting,
  Teller,
} from '../../processors/anonymity/teller.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { Records } from '../../schemas/records.ts';
import { Refusal } from '../../schemas/refusal.ts';
import type { Sink } from '../flow/sink.ts';
import type { Refused } from '../flow/stage.ts';
import type { Received } from '../topic/received.ts';
import type { ClosedWindow, WindowRow } from '../windows/closed-window.ts';
import type { Decision, WindowUser } from '../windows/windows.ts';
import { type AnonymityFigures, figuresOf } from './figures.ts';
import type { AnonymousTable, Sightings } from './sightings.ts';
import type { AnonymityStore, WaitingPlace } from './store.ts';

export interface DatasetParts {
  readonly table: AnonymousTable;
  readonly dataset: string;
  readonly sightings: Sightings;
  readonly pseudonyms: Pseudonyms;
  readonly keyring: Pick<Keyring, 'find'>;
  readonly publishing: Publishing;
  readonly records: Sink<Records>;
  readonly letters: Sink<Refused<Received>>;
  readonly store: Pick<AnonymityStore, 'restore' | 'save' | 'sent'>;
  /** The rows at these places of their topics, as windows have them. What Kafka has no more is left out. */
  readonly reread: (places: readonly WaitingPlace[]) => Promise<readonly WindowRow[]>;
  readonly seen: (figures: AnonymityFigures) => void;
}

const leastSummaryBytes = 8 * 1024 * 1024;
const pieceBytes = 256 * 1024;
const mostWaiting = 50_000;

/**
 * A dataset on its way: what is told of a window is decided, saved together with the very bytes that tell it, and
 * sent; after a crash the same bytes are sent again.
 */
export class Dataset implements WindowUser {
  readonly #parts: DatasetParts;
  readonly #store: DatasetParts['store'];
  #book = new Book();
  #teller: Teller | null = null;
  #session: Queryable | null = null;
  #journalBytes = 0; // Since the book was last summed up.
  #summaryBytes = 0;

  constructor(parts: DatasetParts) {
    this.#parts = parts;
    this.#store = parts.store;
  }

  async restore(session: Queryable): Promise<void> {
    const { journals, waiting, outbox } = await this.#store.restore(session);
    this.#session = session;
    this.#book = new Book();
    for (const journal of journals) this.#book.replay(journal);
    this.#summaryBytes = journals.reduce((sum, { length }) => sum + length, 0);
    this.#teller = this.#tellerOf(await this.#waitingAgain(waiting));
    await this.#send(outbox);
  }

  /** Who waits grows less particular with every window, and leaves in the end. */
  get isWaiting(): boolean {
    return this.#teller?.isWaiting ?? false;
  }

  async close(window: ClosedWindow): Promise<Decision> {
    const teller = this.#teller;
    if (!teller) throw new TypeError('the dataset was not restored');
    const { index, endMicros, isLast } = window;
    const refused: Refused<Received>[] = [...window.refused];
    const outcome = teller.close(index, this.#seen(window, refused), isLast);
    if (refused.length > 0) await this.#parts.letters.write(refused);
    const outbox = chunksOf(
      outcome.news,
      endMicros,
      producedAtMs(endMicros),
      this.#parts.publishing,
    );
    const journal = this.#book.takeJournal();
    const waiting = [...teller.waiting].map(({ place, since }) => ({ ...place, since }));
    const figures = this.#figures(window, outcome, waiting.length);
    this.#journalBytes += journal.length;
    const isDue = this.#journalBytes > Math.max(leastSummaryBytes, this.#summaryBytes);
    return {
      save: (tx) => {
        const summary = isDue ? this.#summary() : null;
        return this.#store.save(tx, { journal, summary, waiting, outbox });
      },
      send: async () => {
        this.#parts.seen(figures);
        await this.#send(outbox);
        for (const records of outbox) this.#parts.publishing.pool.recycle(records);
      },
    };
  }

  *#seen({ rows, index }: ClosedWindow, refused: Refused<Received>[]): Generator<Sighting> {
    for (const row of rows) {
      try {
        yield this.#parts.sightings.of(row, index);
      } catch (refusal) {
        if (!(refusal instanceof Refusal)) throw refusal;
        refused.push({ value: row.record, refusal });
        const { key } = row.record;
        const { pseudonyms } = this.#parts;
        if (key) yield { what: 'untold', row: pseudonyms.row(key), why: 'refused', subject: null };
      }
    }
  }

  #tellerOf(waiting: readonly Put[]): Teller {
    const { table, sightings, pseudonyms, keyring } = this.#parts;
    const { k, delay, diversity } = table.anon;
    const isErased = ({ keyRef }: Put) =>
      keyRef !== null && keyring.find(keyRef).state === 'destroyed';
    const terms = {
      k,
      l: diversity?.l ?? 1,
      delay,
      mostWaiting,
      isErased,
      releaseOf: pseudonyms.release,
    };
    return new Teller(this.#book, sightings.lattice, terms, waiting);
  }

  async #waitingAgain(places: readonly WaitingPlace[]): Promise<readonly Put[]> {
    if (places.length === 0) return [];
    const since = new Map(places.map((place) => [nameOf(place), place.since]));
    const puts: Put[] = [];
    const refused: Refused<Received>[] = [];
    for (const row of await this.#parts.reread(places)) {
      try {
        const sighting = this.#parts.sightings.of(row, since.get(nameOf(row.record)) ?? 0);
        if (sighting.what === 'put') puts.push(sighting.put);
      } catch (refusal) {
        if (!(refusal instanceof Refusal)) throw refusal; // Its contract may have changed meanwhile.
        refused.push({ value: row.record, refusal });
      }
    }
    if (refused.length > 0) await this.#parts.letters.write(refused);
    return puts;
  }

  async #send(outbox: readonly Records[]): Promise<void> {
    if (outbox.length === 0) return;
    if (!this.#session) throw new TypeError('the dataset was not restored');
    await this.#parts.records.write(outbox);
    await this.#store.sent(this.#session);
  }

  *#summary(): Generator<Buffer> {
    this.#journalBytes = 0;
    this.#summaryBytes = 0;
    for (const piece of this.#book.summary(pieceBytes)) {
      this.#summaryBytes += piece.length;
      yield piece;
    }
  }

  #figures(window: ClosedWindow, outcome: Outcome, waiting: number): AnonymityFigures {
    const { dataset, table } = this.#parts;
    const counted = figuresOf(window, outcome, this.#book.regions);
    return { dataset, k: table.anon.k, waiting, ...counted };
  }
}

const yearMicros = 366 * 86_400 * 1_000_000;

/** The time that Kafka keeps, and by which it lets go of records: where the log has none yet, theirs would be over at once. */
const producedAtMs = (endMicros: number): number =>
  endMicros < yearMicros ? Date.now() : endMicros / 1_000;

const nameOf = ({ topic, partition, offset }: Put['place']) => `${topic}/${partition}/${offset}`;
