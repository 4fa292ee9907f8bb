import { AvroCursor } from '../../schemas/avro-cursor.ts';
import { Bytes } from '../../schemas/bytes.ts';
import { type Classes, regionKey } from './lattice.ts';
import { nameLength, NameList } from './name-list.ts';
import { Names } from './names.ts';

/** A combination of quasi-identifiers that was told. */
export interface Region {
  readonly number: number;
  readonly key: string;
  readonly classes: Classes;
  readonly loss: number;
  readonly sensitive: Map<string, Holders>; // By the pseudonyms of the sensitive values that are told in it now.
  subjects: number; // Those that have a row in it now.
}

/** The rows that are told with a sensitive value in one region. */
export interface Holders {
  readonly value: string;
  rows: number;
}

/** What is told of a row. */
export interface Release {
  readonly release: string;
  readonly lane: number; // In which it came.
  readonly sensitive: string | null; // Where regions are to have several values.
}

/** Under what a row is told, where, of whom, and with which sensitive value. */
export interface Told {
  readonly release: string;
  readonly region: Region;
  readonly subject: number; // Among all of whom anything was ever told.
  readonly sensitive: string | null;
}

/** What was told, and of whom: all of it in pseudonyms. It is written down step by step, and read from that again. */
export class Book {
  readonly #regions: Region[] = [];
  readonly #byKey = new Map<string, Region>();
  readonly #subjects = new Names();
  readonly #rows = new Names();
  #regionOf = new Int32Array(1_024); // By subject.
  #rowsOf = new Int32Array(1_024); // How many of a subject's rows are told, by subject.
  #subjectOf = new Int32Array(1_024).fill(gone); // By row.
  readonly #releases = new NameList(); // By row.
  #laneOf = new Int32Array(1_024); // By row.
  readonly #holdersOf: (Holders | null)[] = []; // By row, where regions are to have several values.
  #journal = new Bytes();

  /** Those that were ever told, in the order in which they came about. */
  get regions(): readonly Region[] {
    return this.#regions;
  }

  region(key: string): Region | undefined {
    return this.#byKey.get(key);
  }

  /** The region that a subject has for good; null if nothing was told of it yet. */
  regionOf(subject: string): Region | null {
    const number = this.#subjects.find(subject);
    return number < 0 ? null : (this.#regions[this.#regionOf[number] ?? 0] ?? null);
  }

  /** Whether any row of a subject is told. */
  isTold(subject: string): boolean {
    const number = this.#subjects.find(subject);
    return number >= 0 && (this.#rowsOf[number] ?? 0) > 0;
  }

  isRowTold(row: string): boolean {
    return this.#rows.find(row) >= 0;
  }

  /** Whether a row that is told is told of somebody else. */
  isOfAnother(row: string, subject: string): boolean {
    const number = this.#rows.find(row);
    return number >= 0 && this.#subjectOf[number] !== this.#subjects.find(subject);
  }

  /** How many sensitive values a region would have, were a row told in it with this one. */
  valuesWith(row: string, { sensitive }: Region, value: string | null): number {
    const holders = this.#holdersOf[this.#rows.find(row)];
    const isLost = holders?.rows === 1 && holders.value !== value;
    const isNew = value !== null && !sensitive.has(value);
    return sensitive.size - (isLost ? 1 : 0) + (isNew ? 1 : 0);
  }

  /** All rows that are told in these regions, in no order that means anything. */
  rowsIn(regions: ReadonlySet<Region>): readonly string[] {
    return this.#rowsThat((row) => regions.has(this.#releaseAt(row).region));
  }

  /** All rows that are told and came in this lane, in no order that means anything. */
  rowsOf(lane: number): readonly string[] {
    return this.#rowsThat((row) => this.#laneOf[row] === lane);
  }

  #rowsThat(isOne: (row: number) => boolean): readonly string[] {
    const rows: string[] = [];
    for (let number = 0; number < this.#rows.limit; number++)
      if (this.#subjectOf[number] !== gone && isOne(number)) rows.push(this.#rows.nameOf(number));
    return rows;
  }

  /** Opens a region, or finds it there. */
  open(classes: Classes, loss: number): Region {
    const key = regionKey(classes);
    let region = this.#byKey.get(key);
    if (region) return region;
    region = {
      number: this.#regions.length,
      key,
      classes,
      loss,
      sensitive: new Map(),
      subjects: 0,
    };
    this.#regions.push(region);
    this.#byKey.set(key, region);
    const text = Buffer.from(key);
    this.#journal.byte(steps.region);
    this.#journal.double(loss);
    this.#journal.sized(text, 0, text.length);
    return region;
  }

  /** Tells a row in the region that its subject has, or has from now on; gives what was told of it before, which is over. */
  release(
    row: string,
    subject: string,
    region: Region,
    { release, lane, sensitive }: Release,
  ): Told | null {
    const before = this.#drop(row);
    let number = this.#subjects.find(subject);
    if (number < 0) number = this.#know(subject, region);
    if ((this.#rowsOf[number] = (this.#rowsOf[number] ?? 0) + 1) === 1) region.subjects++;
    const at = this.#rows.add(row);
    this.#subjectOf = roomFor(this.#subjectOf, at, gone);
    this.#subjectOf[at] = number;
    this.#laneOf = roomFor(this.#laneOf, at);
    this.#laneOf[at] = lane;
    this.#releases.set(at, release);
    const place = [region.number, lane] as const;
    if (sensitive === null) this.#write(steps.release, place, row, subject, release);
    else {
      this.#hold(at, region, sensitive);
      this.#write(steps.valued, place, row, subject, release, sensitive);
    }
    return before;
  }

  #hold(row: number, { sensitive }: Region, value: string): void {
    let holders = sensitive.get(value);
    if (!holders) sensitive.set(value, (holders = { value, rows: 0 }));
    holders.rows++;
    this.#holdersOf[row] = holders;
  }

  /** Says of a row no more; gives what was told of it, if anything was. */
  retract(row: string): Told | null {
    const told = this.#drop(row);
    if (told) this.#write(steps.retract, [0, 0], row);
    return told;
  }

  #drop(row: string): Told | null {
    const number = this.#rows.find(row);
    if (number < 0) return null;
    const told = this.#releaseAt(number);
    const { subject } = told;
    const left = (this.#rowsOf[subject] ?? 1) - 1;
    this.#rowsOf[subject] = left;
    if (left === 0) told.region.subjects--;
    const holders = this.#holdersOf[number];
    if (holders) {
      if (--holders.rows === 0) told.region.sensitive.delete(holders.value);
      this.#holdersOf[number] = null;
    }
    this.#subjectOf[number] = gone;
    this.#rows.remove(number);
    return told;
  }

  /** What has been written down since it was asked last. */
  takeJournal(): Buffer {
    const taken = Buffer.from(this.#journal.view());
    this.#journal.clear();
    return taken;
  }

  /** Does again what was written down. */
  replay(journal: Buffer): void {
    for (let at = 0; at < journal.length;) {
      const step = journal[at];
      if (step === steps.region) {
        const loss = journal.readDoubleLE(at + 1);
        const cursor = new AvroCursor(journal, at + 9);
        this.open(JSON.parse(cursor.text()) as Classes, loss);
        ({ at } = cursor);
        continue;
      }
      const region = this.#regions[journal.readUInt32LE(at + 1)];
      const name = (index: number) => {
        const from = at + headLength + index * nameLength;
        return journal.toString('latin1', from, from + nameLength);
      };
      if (step === steps.retract) this.retract(name(0));
      else if (!region)
        throw new TypeError('the book of what was told names a region that it does not have');
      else if (step === steps.subject) this.#know(name(0), region);
      else {
        const lane = journal.readUInt32LE(at + 5);
        const sensitive = step === steps.valued ? name(3) : null;
        this.release(name(0), name(1), region, { release: name(2), lane, sensitive });
      }
      at += headLength + nameLength * (step === steps.valued ? 4 : step === steps.release ? 3 : 1);
    }
    this.#journal.clear();
  }

  /** The shortest journal that leads to the same book, in pieces: each is valid until the next is asked for. */
  *summary(pieceBytes: number): Generator<Buffer> {
    const copy = new Book();
    const journal = copy.#journal;
    function* whenFull() {
      if (journal.at < pieceBytes) return;
      yield journal.view();
      journal.clear();
    }
    for (const { classes, loss } of this.#regions) copy.open(classes, loss);
    for (let number = 0; number < this.#subjects.limit; number++) {
      const place = [this.#regionOf[number] ?? 0, 0] as const;
      copy.#write(steps.subject, place, this.#subjects.nameOf(number));
      yield* whenFull();
    }
    for (let number = 0; number < this.#rows.limit; number++) {
      const subject = this.#subjectOf[number] ?? gone;
      if (subject === gone) continue;
      const { release, region } = this.#releaseAt(number);
      const [row, whose] = [this.#rows.nameOf(number), this.#subjects.nameOf(subject)];
      const place = [region.number, this.#laneOf[number] ?? 0] as const;
      const value = this.#holdersOf[number]?.value;
      if (value === undefined) copy.#write(steps.release, place, row, whose, release);
      else copy.#write(steps.valued, place, row, whose, release, value);
      yield* whenFull();
    }
    yield journal.view();
  }

  /** Gives a subject its region for good. */
  #know(subject: string, region: Region): number {
    const number = this.#subjects.add(subject);
    this.#regionOf = roomFor(this.#regionOf, number);
    this.#rowsOf = roomFor(this.#rowsOf, number);
    this.#regionOf[number] = region.number;
    return number;
  }

  #releaseAt(row: number): Told {
    const subject = this.#subjectOf[row] ?? 0;
    const region = this.#regions[this.#regionOf[subject] ?? 0];
    if (!region) throw new TypeError('a row was told in no region');
    const release = this.#releases.at(row);
    return { release, region, subject, sensitive: this.#holdersOf[row]?.value ?? null };
  }

  #write(
    step: number,
    [region, lane]: readonly [region: number, lane: number],
    ...names: readonly string[]
  ): void {
    const out = this.#journal;
    out.room(headLength + names.length * nameLength);
    out.data[out.at] = step;
    out.data.writeUInt32LE(region, out.at + 1);
    out.data.writeUInt32LE(lane, out.at + 5);
    out.at += headLength;
    for (const name of names) {
      out.data.write(name, out.at, nameLength, 'latin1');
      out.at += nameLength;
    }
  }
}

const gone = -1;
const headLength = 9; // The step, the number of a region, and that of a lane.

const steps = { region: 1, subject: 2, release: 3, retract: 4, valued: 6 } as const; // 5 was another.

function roomFor(numbers: Int32Array<ArrayBuffer>, at: number, empty = 0): Int32Array<ArrayBuffer> {
  if (at < numbers.length) return numbers;
  const grown = new Int32Array(numbers.length * 2).fill(empty);
  grown.set(numbers);
  return grown;
}
