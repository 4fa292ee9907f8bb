import { expect } from 'vitest';

/** What a reader of `anon.<dataset>` has of one record. */
export interface Read {
  readonly release: string;
  readonly op: 'release' | 'retract';
  readonly window: number;
  readonly region: readonly (string | null)[] | null;
}

/** What the source knows of a release, and no reader does. */
export interface Truth {
  readonly subject: string;
  readonly row: string;
  readonly sensitive: string | null; // Where regions are to have several of these.
  /** Whether a class may stand for the values that the row had. */
  readonly isIn: (region: readonly (string | null)[]) => boolean;
}

interface Live extends Pick<Truth, 'subject' | 'row' | 'sensitive'> {
  readonly region: string;
}

/**
 * Reads all that was ever emitted, with the ground truth beside it, and counts subjects by region at every
 * moment: after each chunk, which brokers keep and give whole. It shares no code with what decides.
 */
export class Auditor {
  readonly #k: number;
  readonly #l: number;
  readonly #truthOf: (release: string) => Truth | undefined;
  readonly #seen = new Map<string, string>(); // By release and op: the very bytes.
  readonly #ever = new Map<string, Set<string>>(); // Subjects by region.
  readonly #live = new Map<string, Live>(); // By release.
  readonly #regionOf = new Map<string, string>(); // By subject.
  readonly retracted = new Set<string>();
  moments = 0;
  released = 0;

  constructor(k: number, truthOf: (release: string) => Truth | undefined, l = 1) {
    this.#k = k;
    this.#l = l;
    this.#truthOf = truthOf;
  }

  /** Releases that were not retracted, and the subjects of each region among them. */
  get live(): ReadonlyMap<string, Live> {
    return this.#live;
  }

  /** Between two windows no row is told twice: what is over of it was retracted. */
  windowEnded(): void {
    const rows = [...this.#live.values()].map(({ row }) => row);
    expect(rows.length, 'a row is told once').toBe(new Set(rows).size);
  }

  /** One moment later. A record that is there already, byte by byte, is one that was sent again. */
  chunk(records: readonly { readonly read: Read; readonly bytes: Buffer }[]): void {
    const releases = records.map(({ read }) => read.release);
    expect(releases, 'the order in a chunk is that of release ids').toEqual(releases.toSorted());
    const told = new Set<string>();
    // What is new of a row comes before what is over of it: both are there at once.
    const fresh = records.filter(({ read, bytes }) => this.#isFresh(read, bytes));
    for (const { read } of fresh.filter(({ read: { op } }) => op === 'retract'))
      this.#retract(read);
    for (const { read } of fresh.filter(({ read: { op } }) => op === 'release'))
      told.add(this.#release(read));
    this.moments++;
    for (const region of told)
      expect(
        this.#ever.get(region)!.size,
        `subjects ever told in ${region}`,
      ).toBeGreaterThanOrEqual(this.#k);
    const now = Map.groupBy(this.#live.values(), ({ region }) => region);
    for (const [region, rows] of now) {
      expect(
        new Set(rows.map(({ subject }) => subject)).size,
        `subjects told in ${region} now`,
      ).toBeGreaterThanOrEqual(this.#k);
      if (this.#l > 1)
        expect(
          new Set(rows.flatMap(({ sensitive }) => sensitive ?? [])).size,
          `sensitive values told in ${region} now`,
        ).toBeGreaterThanOrEqual(this.#l);
    }
  }

  #isFresh({ release, op }: Read, bytes: Buffer): boolean {
    const name = `${op} ${release}`;
    const text = bytes.toString('hex');
    const before = this.#seen.get(name);
    if (before !== undefined) expect(text, 'two different releases of one thing').toBe(before);
    this.#seen.set(name, text);
    return before === undefined;
  }

  #release({ release, region: classes }: Read): string {
    const truth = this.#truthOf(release);
    if (!truth || !classes) throw new Error('a release of nothing that the source knows');
    const region = JSON.stringify(classes);
    const { subject, row, sensitive } = truth;
    expect(truth.isIn(classes), 'the region has the values of the row in it').toBe(true);
    expect(this.#regionOf.get(subject) ?? region, 'a subject keeps its region').toBe(region);
    this.#regionOf.set(subject, region);
    this.#live.set(release, { region, subject, row, sensitive });
    const ever = this.#ever.get(region) ?? new Set();
    this.#ever.set(region, ever.add(subject));
    this.released++;
    return region;
  }

  #retract({ release }: Read): void {
    expect(this.#live.has(release), 'only what is told is retracted').toBe(true);
    this.#live.delete(release);
    this.retracted.add(release);
  }
}
