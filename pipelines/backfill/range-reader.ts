import type pg from 'pg';
import type { TableContract } from '../../contracts/contract.ts';
import type { Output } from '../../processors/transcode/output.ts';
import type { Opening, Table } from '../wal/relations.ts';
import { Column } from '../../processors/transcode/columns.ts';
import { hangUp } from '../wal/own-pool.ts';
import { CopiedRows, copyHead } from './copied-rows.ts';
import { copyClient, type CopyGulp, copyOut, cutOff } from './copy-out.ts';
import {
  type Described,
  describeTable,
  type Part,
  partOf,
  partsOf,
  readFrom,
  shapeOf,
} from './described.ts';
import { Pushed } from './pushed.ts';
import type { Base, Blocks } from './runs.ts';
import { beginSnapshot } from './snapshot.ts';
import type { Touched, Watch } from './touched.ts';
import type { Turns } from './turns.ts';

/** Where and of what snapshots are taken. */
export interface Snapshots {
  readonly url: string; // Of the source, or of a standby of it.
  readonly publication: string;
  readonly contracts: ReadonlyMap<string, TableContract>;
  /** All before here was brought by the stream: a standby must have it before it may be read. */
  readonly brought: () => bigint;
}

/** A table that can be copied, and the lengths of its parts. */
export type Plan =
  | {
      readonly kind: 'open';
      readonly table: Table;
      readonly described: Described;
      readonly parts: readonly Part[];
    }
  | { readonly kind: 'refused'; readonly message: string };

/** One range to read. */
export interface Job {
  readonly run: number;
  readonly table: Plan & { readonly kind: 'open' };
  readonly condition: string | null;
  readonly base: Base;
  readonly read: number;
  readonly part: Part;
  readonly blocks: Blocks;
  readonly notStreamed: string | null; // SQL that is true of the rows that the stream does not bring.
  readonly past: number | null; // The transactions before this one are to have ended.
}

/** What of a range was read, to be made records of. */
export interface Gulp extends CopyGulp {
  readonly reading: Reading;
  readonly isLast: boolean;
  readonly taken: () => void;
}

interface Parts {
  readonly opening: Opening;
  readonly output: Output;
  readonly watch: Watch;
  readonly turns: Turns;
}

const mostPlanned = 16; // Tables; each has an encoder of its own, and there may be hundreds.
const mostWaiting = 3; // Gulps of one reader that wait to be taken.
const heldMs = 5_000; // How long a table's lock is held while none of them is.

/** Reads ranges of tables one after the other over a connection of its own. */
export class RangeReader implements AsyncDisposable {
  readonly #snapshots: Snapshots;
  readonly #parts: Parts;
  readonly #origin: { readonly log: string; readonly system: string };
  readonly #signal: AbortSignal;
  readonly #planned = new Map<string, Plan & { readonly kind: 'open' }>();
  #client: pg.Client | null = null;
  #before = 0; // The last read that is whole.

  /** When `signal` aborts, whatever is under way ends, be it waiting for a lock. */
  constructor(
    snapshots: Snapshots,
    parts: Parts,
    origin: { readonly log: string; readonly system: string },
    signal: AbortSignal,
  ) {
    this.#snapshots = snapshots;
    this.#parts = parts;
    this.#origin = origin;
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#drop(), { once: true });
  }

  /** Looks at a table as it is now: what is to be copied, and in which form. */
  async plan(table: string): Promise<Plan> {
    const client = await this.#connected();
    const known = this.#planned.get(table);
    const oid = known?.table.relation.oid ?? 0;
    this.#planned.delete(table);
    const plan: Plan =
      known && (await shapeOf(client, oid)) === known.described.shape
        ? { ...known, parts: await partsOf(client, oid) }
        : await planOf(client, table, this.#snapshots, this.#parts.opening);
    if (plan.kind === 'open') this.#planned.set(table, plan);
    const [oldest] = this.#planned.keys();
    if (this.#planned.size > mostPlanned && oldest !== undefined) this.#planned.delete(oldest);
    return plan;
  }

  /**
   * Reads a range and pushes what comes; settles once all of it was taken. False if it is to be read again:
   * the table is not what was planned any more, so much was changed meanwhile that it was withheld, or what
   * is behind us was too slow: whoever waits for the table's lock, and the stream for them, waits for us.
   */
  async read(job: Job, push: (gulp: Gulp) => void): Promise<boolean> {
    const client = await this.#connected();
    const { watch, output } = this.#parts;
    const { table } = job.table.table;
    const touched = watch.open(table);
    const pushed = new Pushed(this.#signal);
    try {
      if (!(await this.#begin(client, job, touched))) return false;
      if (touched.isTooMany) {
        await client.query('ROLLBACK'); // It waited too long for its lock.
        return false;
      }
      const reading = new Reading(job, this.#origin, this.#before, touched, output);
      const pass = (gulp: CopyGulp) =>
        push({ ...gulp, reading, isLast: false, taken: pushed.add() });
      if (!(await this.#copy(client, commandOf(job), { pass, pushed }))) return false;
      await client.query('COMMIT'); // Neither lock nor snapshot waits for what is slow behind us.
      push({ chunks: [], release: () => {}, reading, isLast: true, taken: pushed.add() });
      await pushed.fewerThan(1);
      if (reading.isWhole) this.#before = job.read;
      return reading.isWhole;
    } finally {
      await pushed.fewerThan(1).catch(() => {}); // What was changed since is left out until then.
      watch.close(table, touched);
    }
  }

  /** Passes on what the server sends of a range, in its turn; false if it was not taken for too long. */
  async #copy(
    client: pg.Client,
    command: string,
    { pass, pushed }: { readonly pass: (gulp: CopyGulp) => void; readonly pushed: Pushed },
  ): Promise<boolean> {
    const over = await this.#parts.turns.take(this.#signal);
    try {
      for await (const gulp of copyOut(client, command)) {
        pass(gulp);
        if (await pushed.fewerThan(mostWaiting, heldMs)) continue;
        this.#drop();
        return false;
      }
      return true;
    } finally {
      over();
    }
  }

  /** Gives up the connection: its state is not known. The next read makes another. */
  reset(): void {
    this.#drop();
    this.#planned.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#client) await hangUp(this.#client);
  }

  async #connected(): Promise<pg.Client> {
    this.#client ??= await copyClient(this.#snapshots.url);
    this.#signal.throwIfAborted();
    return this.#client;
  }

  #drop(): void {
    const client = this.#client;
    this.#client = null;
    if (client) cutOff(client);
  }

  /** Takes a snapshot that sees all that the stream has brought so far, of the table as it was planned. */
  async #begin(client: pg.Client, { table, part, past }: Job, touched: Touched): Promise<boolean> {
    const { watch } = this.#parts;
    const seen = await beginSnapshot(
      client,
      { from: readFrom(part), brought: this.#snapshots.brought(), past, signal: this.#signal },
      (snapshot) => watch.isSeen(snapshot, touched),
    );
    const { relation } = table.table;
    const there = seen ? await partOf(client, relation.oid, part.oid) : null;
    if (
      there?.part === part.part &&
      there.filenode === part.filenode &&
      there.through?.condition === part.through?.condition &&
      (await shapeOf(client, relation.oid)) === table.described.shape
    )
      return true;
    await client.query('ROLLBACK');
    return false;
  }
}

async function planOf(
  client: pg.Client,
  table: string,
  { publication, contracts, brought }: Snapshots,
  opening: Opening,
): Promise<Plan> {
  const contract = contracts.get(table);
  if (!contract)
    return {
      kind: 'refused',
      message: `table ${table} has no contract: write one, then conductor backfill --resume --table ${table}`,
    };
  const described = await describeTable(client, table, publication);
  if (!described)
    return {
      kind: 'refused',
      message: `table ${table} is not in publication ${publication}, or is not there: create it, or ALTER PUBLICATION ${publication} ADD TABLE ${table}; then conductor backfill --resume --table ${table}`,
    };
  const { relation } = described;
  const way = await opening(relation, brought());
  if (way.kind === 'refused') return { kind: 'refused', message: way.refusal.message };
  const columns = relation.columns.map((column, index) => new Column(index, column));
  const opened: Table = { table, relation, way, contract, columns, key: contract.key };
  return { kind: 'open', table: opened, described, parts: await partsOf(client, relation.oid) };
}

function commandOf({ table, part, blocks: [from, to], condition, notStreamed }: Job): string {
  const { select, filter } = table.described;
  const wanted = [
    `ctid >= '(${from},0)'`,
    `ctid < '(${to},0)'`,
    ...(part.through ? [part.through.condition] : []),
    ...(filter ? [`(${filter})`] : []),
    ...(notStreamed ? [notStreamed] : []),
    ...(condition ? [`(${condition}\n)`] : []), // Its last line may be a comment.
  ];
  return `COPY (SELECT ${select} FROM ${readFrom(part)} WHERE ${wanted.join(' AND ')}) TO STDOUT (FORMAT binary)`;
}

/** One range on its way from the server's bytes to records. */
export class Reading {
  readonly run: number;
  readonly log: string;
  readonly read: number;
  readonly before: number;
  readonly part: Part;
  readonly blocks: Blocks;
  readonly #touched: Touched;
  readonly #rows: CopiedRows;
  #isWhole = false;

  constructor(
    job: Job,
    { log, system }: { readonly log: string; readonly system: string },
    before: number,
    touched: Touched,
    output: Output,
  ) {
    const { run, table, base, read, part, blocks, notStreamed } = job;
    this.run = run;
    this.log = notStreamed === null ? log : `${log}/start`; // Positions of one log never go back.
    this.read = read;
    this.before = before;
    this.part = part;
    this.blocks = blocks;
    const head = copyHead(base, { log: this.log, system });
    const { asText } = table.described;
    this.#touched = touched;
    this.#rows = new CopiedRows({ table: table.table, asText, head, read, touched, output });
  }

  get rows(): number {
    return this.#rows.count;
  }

  /** Whether its end was taken, and nothing was withheld that nobody else tells. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  encode(gulp: Pick<Gulp, 'chunks' | 'release' | 'isLast'>): void {
    this.#rows.encode(gulp);
    if (gulp.isLast) this.#isWhole = !this.#touched.isTooMany;
  }
}
