import type { Position } from '../../schemas/position.ts';
import { unchanged, type Unchanged } from '../../schemas/value.ts';
import type { Book, Region, Told } from './book.ts';
import { type Candidate, cluster, type Occupied } from './clusters.ts';
import type { Cell, Lattice } from './lattice.ts';

/** A row as it may be told: of whom, where among all, and what beside it. */
export interface Put {
  readonly row: string; // Pseudonyms, these two.
  readonly subject: string;
  readonly cell: Cell;
  readonly attributes: Buffer; // As their record has them.
  readonly sensitive: string | null; // A pseudonym, where regions are to have several values.
  readonly log: string;
  readonly position: Position;
  readonly place: { readonly topic: string; readonly partition: number; readonly offset: bigint };
  readonly keyRef: Buffer | null; // Of its box: whose key is destroyed is told of no more.
  readonly since: number; // The window in which it came, or what it replaces.
}

/** What a change means here. */
export type Sighting =
  | { readonly what: 'put'; readonly put: Put }
  | { readonly what: 'gone'; readonly row: string }
  | { readonly what: 'erased'; readonly row: string } // Its subject is: it goes, and is not told again.
  | Untold
  | { readonly what: 'truncated'; readonly lane: number }; // It comes in every lane, maybe in several parts of a window.

/** A row of which nothing may be told, and whose it is now: `unchanged` as before; null nobody's, or nobody knows. */
export interface Untold {
  readonly what: 'untold';
  readonly row: string;
  readonly why: Suppressed;
  readonly subject: string | null | Unchanged;
}

/** Why a row is not told: it is outside of its subject's region, waited in vain, is not sent whole, is nobody's, or its subject is erased. */
export type Suppressed = 'outside' | 'expired' | 'incomplete' | 'no-subject' | 'erased' | 'refused';

/** What is published in a region, all at once. */
export interface News {
  readonly region: Region;
  readonly releases: readonly { readonly release: string; readonly put: Put }[];
  readonly retractions: readonly Told[];
}

/** What a window came to. */
export interface Outcome {
  readonly news: readonly News[];
  readonly suppressed: ReadonlyMap<Suppressed, number>;
}

export interface Terms {
  readonly k: number;
  readonly l: number;
  readonly delay: number; // In windows.
  readonly mostWaiting: number; // Rows; where there are more, none is particular any longer.
  /** The release id of a change: a pseudonym. */
  readonly releaseOf: (put: Put) => string;
  /** Whether the subject of a row that waits was erased since it came. */
  readonly isErased: (put: Put) => boolean;
}

/**
 * Decides what is told of a window: a pure function of what was told before and of its rows. Whatever it says,
 * a region in which something is told has k subjects and l sensitive values that are told in it, or nobody is any more.
 */
export class Teller {
  readonly #book: Book;
  readonly #lattice: Lattice;
  readonly #terms: Terms;
  readonly #waiting: Map<string, Put>; // By row.

  constructor(book: Book, lattice: Lattice, terms: Terms, waiting: readonly Put[]) {
    this.#book = book;
    this.#lattice = lattice;
    this.#terms = terms;
    this.#waiting = new Map(waiting.map((put) => [put.row, put]));
  }

  /** Rows that are not told yet, and may be. */
  get waiting(): Iterable<Put> {
    return this.#waiting.values();
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Decides a window, or a part of it; only at its end is it too late for who waited until then. */
  close(index: number, sightings: Iterable<Sighting>, isLast: boolean): Outcome {
    const turn = new Turn();
    for (const put of this.#waiting.values())
      if (this.#terms.isErased(put)) this.#drop(put.row, 'erased', turn);
    for (const sighting of sightings) this.#see(sighting, turn);
    const seats = this.#seats(turn);
    this.#cluster(index, seats, turn);
    for (const [region, seat] of seats.known) this.#tellSeat(seat, region, turn);
    this.#withdraw(turn);
    for (const put of this.#waiting.values())
      if (isLast && index - put.since >= this.#terms.delay) this.#drop(put.row, 'expired', turn);
    return turn.outcome();
  }

  #see(sighting: Sighting, turn: Turn): void {
    switch (sighting.what) {
      case 'put': {
        const { put } = sighting;
        const before = this.#waiting.get(put.row);
        this.#waiting.set(put.row, before ? { ...put, since: before.since } : put);
        if (this.#book.isOfAnother(put.row, put.subject)) turn.retract(this.#book.retract(put.row));
        return;
      }
      case 'erased':
        turn.suppress('erased');
        this.#waiting.delete(sighting.row);
        turn.retract(this.#book.retract(sighting.row));
        return;
      case 'gone':
        this.#waiting.delete(sighting.row);
        turn.retract(this.#book.retract(sighting.row));
        return;
      case 'untold':
        this.#leave(sighting, turn);
        return;
      case 'truncated':
        for (const { row, place } of this.#waiting.values())
          if (place.partition === sighting.lane) this.#waiting.delete(row);
        for (const row of this.#book.rowsOf(sighting.lane)) turn.retract(this.#book.retract(row));
    }
  }

  /** What was told of a row stays told, if it is still of the same subject. */
  #leave({ row, why, subject }: Untold, turn: Turn): void {
    this.#drop(row, why, turn);
    if (subject === unchanged || (subject !== null && !this.#book.isOfAnother(row, subject)))
      return;
    turn.retract(this.#book.retract(row));
  }

  /** Where each waiting row would be told, if it were. */
  #seats(turn: Turn): Seats {
    const known = new Map<Region, Seat>();
    const newcomers = new Map<string, Put[]>();
    for (const put of this.#waiting.values()) {
      const region = this.#book.regionOf(put.subject);
      if (!region) {
        const own = newcomers.get(put.subject);
        if (own) own.push(put);
        else newcomers.set(put.subject, [put]);
      } else if (!this.#lattice.fits(put.cell, region.classes))
        this.#drop(put.row, 'outside', turn);
      else {
        let seat = known.get(region);
        if (!seat) known.set(region, (seat = new Seat()));
        if (this.#terms.l > 1 && this.#book.isRowTold(put.row)) seat.updates.push(put);
        else seat.add(put, this.#book.isTold(put.subject));
      }
    }
    return { known, newcomers };
  }

  /** Gives newcomers a region for good, where they find one, and tells their rows in it. */
  #cluster(index: number, { known, newcomers }: Seats, turn: Turn): void {
    const { k, l, delay } = this.#terms;
    const candidates: Candidate[] = [];
    const isCrowded = this.#waiting.size > this.#terms.mostWaiting;
    for (const [subject, puts] of newcomers) {
      const [first] = puts;
      if (!first) continue;
      const since = puts.reduce((least, put) => Math.min(least, put.since), first.since);
      const patience = isCrowded ? 1 : Math.min(1, (index - since + 1) / (delay + 1));
      const cells = [...new Set(puts.map(({ cell }) => cell))];
      candidates.push({ subject, cells, patience, sensitive: leastOf(puts) });
    }
    const occupied = (key: string): Occupied => {
      const region = this.#book.region(key);
      const seat = region && known.get(region);
      const subjects = (region?.subjects ?? 0) + (seat?.newcomers.size ?? 0);
      return { subjects, sensitive: region ? this.#sensitiveIn(region, seat) : new Set() };
    };
    for (const { classes, loss, members } of cluster(
      candidates,
      this.#lattice,
      { k, l },
      occupied,
    )) {
      const region = this.#book.open(classes, loss);
      for (const { subject } of members)
        for (const put of newcomers.get(subject) ?? []) this.#tell(put, region, turn);
    }
  }

  /** So many sensitive values of a region and of what is new in it as matter. */
  #sensitiveIn({ sensitive }: Region, seat: Seat | undefined): ReadonlySet<string> {
    const values = new Set(seat?.sensitive);
    for (const value of sensitive.keys()) if (values.add(value).size >= this.#terms.l) break;
    return values;
  }

  /**
   * Tells those who have a seat in a region if it has enough subjects and values, theirs among them; but for an update
   * that would take one of the last l values away: what was told of its row stays told.
   */
  #tellSeat(seat: Seat, region: Region, turn: Turn): void {
    const { k, l } = this.#terms;
    if (region.subjects + seat.newcomers.size < k) return;
    if (l > 1 && this.#sensitiveIn(region, seat).size < l) return;
    for (const put of seat.puts) this.#tell(put, region, turn);
    // In an order of their own: what waited is in another after a crash.
    for (const put of seat.updates.toSorted((a, b) => (a.row < b.row ? -1 : 1)))
      if (this.#book.valuesWith(put.row, region, put.sensitive) >= l) this.#tell(put, region, turn);
  }

  #tell(put: Put, region: Region, turn: Turn): void {
    const release = this.#terms.releaseOf(put);
    const { row, subject, sensitive, place } = put;
    turn.retract(
      this.#book.release(row, subject, region, { release, lane: place.partition, sensitive }),
    );
    this.#waiting.delete(row);
    turn.release(region, release, put);
  }

  /** Takes back the rest of regions in which too few are left, or too few values: whoever is still told in them would stand out. */
  #withdraw(turn: Turn): void {
    const { k, l } = this.#terms;
    const isThin = ({ subjects, sensitive }: Region) =>
      subjects < k || (l > 1 && sensitive.size < l);
    const few = new Set(this.#book.regions.filter((each) => each.subjects > 0 && isThin(each)));
    if (few.size === 0) return;
    for (const row of this.#book.rowsIn(few)) turn.retract(this.#book.retract(row));
  }

  #drop(row: string, why: Suppressed, turn: Turn): void {
    this.#waiting.delete(row);
    turn.suppress(why);
  }
}

/** Who sits in a region that is known, and whom it may get. */
interface Seats {
  readonly known: ReadonlyMap<Region, Seat>;
  readonly newcomers: ReadonlyMap<string, readonly Put[]>;
}

class Seat {
  readonly puts: Put[] = [];
  readonly updates: Put[] = []; // Of rows that are told, where regions are to have several values.
  readonly newcomers = new Set<string>(); // Subjects of whom nothing is told at present.
  readonly sensitive = new Set<string>();

  add(put: Put, isTold: boolean): void {
    this.puts.push(put);
    if (!isTold) this.newcomers.add(put.subject);
    if (put.sensitive !== null) this.sensitive.add(put.sensitive);
  }
}

/** One of the sensitive values of a subject, whatever the order of its rows. */
const leastOf = (puts: readonly Put[]): string | null =>
  puts.reduce<string | null>(
    (least, { sensitive }) =>
      sensitive !== null && (least === null || sensitive < least) ? sensitive : least,
    null,
  );

/** What comes of one window, as it comes. */
class Turn {
  readonly #news = new Map<
    Region,
    { readonly releases: News['releases'][number][]; readonly retractions: Told[] }
  >();
  readonly #suppressed = new Map<Suppressed, number>();

  release(region: Region, release: string, put: Put): void {
    this.#of(region).releases.push({ release, put });
  }

  retract(told: Told | null): void {
    if (told) this.#of(told.region).retractions.push(told);
  }

  suppress(why: Suppressed): void {
    this.#suppressed.set(why, (this.#suppressed.get(why) ?? 0) + 1);
  }

  outcome(): Outcome {
    const news = [...this.#news].map(([region, each]) => ({ region, ...each }));
    return { news, suppressed: this.#suppressed };
  }

  #of(region: Region) {
    let news = this.#news.get(region);
    if (!news) this.#news.set(region, (news = { releases: [], retractions: [] }));
    return news;
  }
}
