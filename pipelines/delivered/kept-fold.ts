import { CannotRun } from '../../contracts/cannot-run.ts';
import type { RowDigest } from '../../processors/row-digest.ts';
import type { SavedFold } from './fold-state.ts';
import type { LaneChange, LaneChanges } from './lane-changes.ts';

/** Where the fold of a table is kept; who only looks does not save. */
export interface Keeping {
  read(form: string): Promise<SavedFold | null>;
  readonly save: ((form: string, saved: SavedFold, goesOn: boolean) => Promise<void>) | null;
}

/** What comes of a topic's records, and can be kept. */
interface Expected {
  taken(): Pick<SavedFold, 'rest' | 'pages'>;
  goOn(saved: SavedFold): void;
}

/** A topic folded up to where a sink is: from where it was kept last, or from its beginning. */
export class KeptFold<E extends Expected> {
  readonly expected: E;
  readonly changes: LaneChanges;
  readonly begun: readonly bigint[];
  offsets: readonly bigint[];
  readonly #keeping: Keeping | null;
  readonly #form: string;
  readonly #goesOn: boolean;

  private constructor(
    expected: E,
    changes: LaneChanges,
    begin: Pick<SavedFold, 'begun' | 'offsets'>,
    {
      keeping,
      form,
      goesOn,
    }: { readonly keeping: Keeping | null; readonly form: string; readonly goesOn: boolean },
  ) {
    this.expected = expected;
    this.changes = changes;
    this.begun = begin.begun;
    this.offsets = begin.offsets;
    this.#keeping = keeping;
    this.#form = form;
    this.#goesOn = goesOn;
  }

  /** Goes on from what was kept, unless the sink was set back since, or the topic no longer has what comes next. */
  static async begin<E extends Expected>(
    expected: E,
    changes: LaneChanges,
    {
      digest,
      applied,
      keeping,
    }: { digest: RowDigest; applied: readonly bigint[]; keeping: Keeping | null },
  ): Promise<KeptFold<E>> {
    const form = JSON.stringify([
      await changes.records.topicId(),
      digest.columns,
      digest.keyColumns,
    ]);
    const starts = await changes.records.bounds('start');
    const ends = await changes.records.bounds('end');
    const ahead = applied.findIndex((offset, lane) => offset > (ends[lane] ?? 0n));
    if (ahead !== -1) throw anotherTopic(ahead);
    const saved = (await keeping?.read(form)) ?? null;
    const fits =
      saved?.offsets.length === starts.length &&
      saved.offsets.every(
        (offset, lane) => offset >= (starts[lane] ?? 0n) && offset <= (applied[lane] ?? 0n),
      );
    if (saved && fits) {
      expected.goOn(saved);
      return new KeptFold(expected, changes, saved, { keeping, form, goesOn: true });
    }
    const begin = { begun: starts, offsets: starts };
    return new KeptFold(expected, changes, begin, { keeping, form, goesOn: false });
  }

  /** Whether nothing came before it began. */
  get isWhole(): boolean {
    return this.begun.every((offset) => offset === 0n);
  }

  async upTo(applied: readonly bigint[], take: (change: LaneChange) => void): Promise<void> {
    for (const [lane, from] of this.offsets.entries())
      await this.changes.each(lane, from, applied[lane] ?? 0n, take);
    this.offsets = this.offsets.map((from, lane) => max(from, applied[lane] ?? 0n));
  }

  async keep(): Promise<void> {
    const { begun, offsets } = this;
    const saved = { begun, offsets, ...this.expected.taken() };
    await this.#keeping?.save?.(this.#form, saved, this.#goesOn);
  }
}

/** Of a topic that was made anew nothing can be said with the offsets of the one before. */
const anotherTopic = (lane: number) =>
  new CannotRun({
    what: `the sink has applied more records of lane ${lane} than its topic has: it was delivered to from another topic`,
    where: 'the governed topic, and the offsets that the sink keeps',
    fix: 'deliver from this topic into an empty sink, or restore the topic',
  });

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
