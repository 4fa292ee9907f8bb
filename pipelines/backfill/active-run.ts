import { firstGap, withBlocks } from './blocks.ts';
import type { Part } from './described.ts';
import type { Base, Blocks, CopiedPart, Run } from './runs.ts';

const rangeBlocks = 2_048; // 16 MB of a table at a time.

/** A run that is under way: what of its table was copied, and what is being read. */
export class ActiveRun {
  readonly run: Run;
  isPaused = false;
  /**
   * Transactions before this one may have written to the table when it was not published yet: nobody tells
   * what they did, so it is read once they have ended. Null if it was read before.
   */
  readonly past: number | null;
  isReplaced: boolean; // All that it replaces has ended, durably; or there is nothing.
  isReplacing = false;
  #parts: readonly CopiedPart[];
  #rows: number;
  readonly #taken = new Map<string, readonly Blocks[]>();

  constructor(run: Run, past: number | null = null) {
    this.run = run;
    this.past = past;
    this.isReplaced = run.replaces === null;
    this.#parts = run.parts;
    this.#rows = run.rows;
  }

  get parts(): readonly CopiedPart[] {
    return this.#parts;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Whether it is to be read now: what it replaces ends at a place that the stream has come to, or nothing of it would stand after that. */
  isDue(now: Base): boolean {
    if (this.isPaused || this.isReplacing) return false;
    const { replaces } = this.run;
    if (replaces === null || this.isReplaced) return true;
    if (replaces.timeline !== now.timeline) return replaces.timeline < now.timeline;
    return replaces.lsn <= now.lsn;
  }

  /** Whether anything of it is being read, or waits to be confirmed. */
  get isBusy(): boolean {
    return [...this.#taken.values()].some((blocks) => blocks.length > 0);
  }

  /**
   * Takes note of where the table's rows lie now. What lies elsewhere is to be copied again. What a part
   * grows afterwards need not be: the stream brings it.
   */
  agree(parts: readonly Part[]): void {
    this.#parts = parts.map(({ part, filenode, blocks }) => {
      const known = this.#parts.find((each) => each.part === part && each.filenode === filenode);
      if (!known) this.#taken.delete(part);
      return known ?? { part, filenode, blocks, done: [] };
    });
  }

  /** The next range that nobody has read; null if there is none. */
  claim(): { readonly part: string; readonly blocks: Blocks } | null {
    for (const { part, blocks: length, done } of this.#parts) {
      const taken = this.#taken.get(part) ?? [];
      const all = [...done, ...taken].toSorted((a, b) => a[0] - b[0]);
      const blocks = firstGap(all, length, rangeBlocks);
      if (!blocks) continue;
      this.#taken.set(part, [...taken, blocks]);
      return { part, blocks };
    }
    return null;
  }

  /** Gives a range back: it was not read whole. */
  release(part: string, blocks: Blocks): void {
    const taken = this.#taken.get(part) ?? [];
    this.#taken.set(
      part,
      taken.filter((each) => each !== blocks),
    );
  }

  /** Notes that a range is durable. */
  complete({ part, filenode }: Pick<Part, 'part' | 'filenode'>, blocks: Blocks, rows: number) {
    this.release(part, blocks);
    this.#rows += rows;
    this.#parts = this.#parts.map((each) =>
      each.part === part && each.filenode === filenode
        ? { ...each, done: withBlocks(each.done, blocks) }
        : each,
    );
  }
}
