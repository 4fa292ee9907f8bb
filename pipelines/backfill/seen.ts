/** Which transactions a snapshot sees, by the 32 bits that the stream has of them. */
export class Seen {
  readonly #before: number; // All older ones have ended,
  readonly #from: number; // and none from here on is seen.
  readonly #open: ReadonlySet<number>;

  /** `text` is what `pg_current_snapshot()` says. */
  constructor(text: string) {
    const [oldest = '', next = '', open = ''] = text.split(':');
    this.#before = short(oldest);
    this.#from = short(next);
    this.#open = new Set(open.split(',').flatMap((xid) => (xid === '' ? [] : short(xid))));
  }

  /** Whether all transactions before this one have ended. */
  isPast(next: number): boolean {
    return !precedes(this.#before, next);
  }

  sees(transaction: number): boolean {
    if (precedes(transaction, this.#before)) return true;
    return precedes(transaction, this.#from) && !this.#open.has(transaction | 0);
  }
}

const short = (xid: string): number => Number(BigInt(xid) & 0xffff_ffffn) | 0;

/** As the server compares them: they count round and round. */
const precedes = (a: number, b: number): boolean => ((a - b) | 0) < 0;
