import type { Observable } from 'rxjs';
import type { GovernedRecord } from '../schemas/governed-record.ts';
import { Refusal } from '../schemas/refusal.ts';
import type { OpenTransaction, WholeMirror } from '../sinks/postgres-whole.ts';
import { forming } from './forming.ts';
import { failpoint } from './flow/failpoint.ts';
import { writeAround } from './flow/into.ts';
import type { Sink } from './flow/sink.ts';
import type { Refused } from './flow/stage.ts';
import { commitFor, committedBy } from './topic/admin.ts';
import type { Received } from './topic/received.ts';
import { type Gathered, WholeTransactions } from './transactions/whole-transactions.ts';
import { allTasks } from './windows/all-tasks.ts';
import { WindowState } from './windows/window-state.ts';

export interface WholeEnds extends Gathered {
  readonly group: string;
  readonly stateUrl: string;
  readonly rest: WholeMirror;
  readonly letters: Sink<Refused<Received | GovernedRecord>>;
  readonly until: ReadonlyMap<string, bigint> | null; // Where to end, by `topic/partition`; null goes on for ever.
}

/**
 * `gov.*` → a mirror whose readers see whole transactions of the source only, in the order of their commits. One
 * worker has all lanes; another waits for its turn, and one that does not know that its turn is over does no
 * harm: what it writes is whole, and older than what is there.
 */
export const deliverWhole = (ends: WholeEnds, signal: AbortSignal): Observable<number> =>
  allTasks([ends], inTurn, signal);

const partSize = 5_000;
const commitEveryMs = 1_000;

async function* inTurn(ends: WholeEnds, signal: AbortSignal): AsyncGenerator<number> {
  const { stateUrl, kafka, group, rest, until } = ends;
  const form = () => Promise.resolve('whole transactions');
  await using turn = await WindowState.own(stateUrl, group, form, signal);
  if (!turn) return;
  const committed = (await committedBy(kafka, [group])).get(group) ?? new Map<string, bigint>();
  await using whole = await WholeTransactions.open(ends, committed, await rest.reached());
  const delivery = new Delivery(ends, whole, signal);
  let committedAtMs = performance.now();
  let uncommitted = 0;
  while (!signal.aborted) {
    const written = await delivery.next();
    if (written === 'interrupted') return;
    uncommitted += written;
    if (written > 0) yield written;
    else if (until && whole.isDone(until)) break;
    if (uncommitted === 0 || performance.now() - committedAtMs < commitEveryMs) continue;
    await commitFor(kafka, group, whole.offsets());
    committedAtMs = performance.now();
    uncommitted = 0;
  }
  await commitFor(kafka, group, whole.offsets());
}

/** Writes one transaction of the mirror after the other. */
class Delivery {
  readonly #ends: WholeEnds;
  readonly #whole: WholeTransactions;
  readonly #signal: AbortSignal;
  readonly #form: ReturnType<typeof forming>;

  constructor(ends: WholeEnds, whole: WholeTransactions, signal: AbortSignal) {
    this.#ends = ends;
    this.#whole = whole;
    this.#signal = signal;
    this.#form = forming(ends.registry);
  }

  /** Writes what comes next, and tells how many records it had; or that it was read and not written. */
  async next(): Promise<number | 'interrupted'> {
    const whole = this.#whole;
    const goal = whole.goal(partSize);
    let part: Received[] = [];
    let count = 0;
    const gather = async () => {
      part = [];
      await whole.gather(goal, part, partSize, this.#signal);
      count += part.length;
    };
    await gather();
    if (part.length === 0 && !whole.isWhole(goal)) return 0;
    const isWritten = await this.#written(async (open) => {
      const writing = new Writing(open, this.#ends.letters, this.#form);
      await writing.add(part);
      // Of a transaction nothing may be seen before all of it is there.
      while (goal.seen > 0 && !whole.isWhole(goal)) {
        await gather();
        if (this.#signal.aborted) throw new Interrupted();
        await writing.add(part);
      }
      await writing.end();
      if (goal.last && whole.isWhole(goal)) await open.reach(goal.last);
      failpoint('writing');
    });
    if (!isWritten) return 'interrupted';
    failpoint('written');
    if (whole.isWhole(goal)) whole.written(goal);
    return count;
  }

  /** False if it was given up half way. */
  async #written(work: (open: OpenTransaction) => Promise<void>): Promise<boolean> {
    try {
      await this.#ends.rest.begin(work);
      return true;
    } catch (error) {
      if (error instanceof Interrupted) return false;
      throw error;
    }
  }
}

class Interrupted extends Error {}

/** What a transaction of the mirror is given: all that it can hold, and of the rest letters. */
class Writing {
  readonly #open: OpenTransaction;
  readonly #letters: WholeEnds['letters'];
  readonly #form: ReturnType<typeof forming>;
  #inTheWay: GovernedRecord[] = []; // Of what a later part may still change.

  constructor(
    open: OpenTransaction,
    letters: WholeEnds['letters'],
    form: ReturnType<typeof forming>,
  ) {
    this.#open = open;
    this.#letters = letters;
    this.#form = form;
  }

  async add(part: readonly Received[]): Promise<void> {
    const values: GovernedRecord[] = [];
    const refused: Refused<Received | GovernedRecord>[] = [];
    for (const value of part)
      try {
        values.push(...this.#form(value));
      } catch (refusal) {
        if (!(refusal instanceof Refusal)) throw refusal;
        refused.push({ value, refusal });
      }
    for (const each of await writeAround(this.#open, values))
      if (each.refusal.isInTheWay && this.#inTheWay.length < partSize)
        this.#inTheWay.push(each.value);
      else refused.push(each);
    if (refused.length > 0) await this.#letters.write(refused);
  }

  /** Letters are durable before the transaction is. */
  async end(): Promise<void> {
    const refused = await writeAround(this.#open, this.#inTheWay);
    if (refused.length > 0) await this.#letters.write(refused);
  }
}
