import type { Observable } from 'rxjs';
import type { Registry } from '../contracts/registry.ts';
import { rowLimitBytes, tableOf } from '../contracts/topics.ts';
import type { Dedupe } from '../processors/dedupe.ts';
import { Release, type ReleasedForm } from '../processors/release/release.ts';
import { LaneSlab } from '../processors/transcode/lane-slab.ts';
import type { SlabPool } from '../processors/transcode/slab-pool.ts';
import type { Opener } from '../processors/unseal.ts';
import { Bytes } from '../schemas/bytes.ts';
import type { Records } from '../schemas/records.ts';
import { Refusal } from '../schemas/refusal.ts';
import { schemaIdOf } from '../schemas/wire.ts';
import { besideLetters } from './flow/beside.ts';
import { into } from './flow/into.ts';
import type { Sink } from './flow/sink.ts';
import type { Source } from './flow/source.ts';
import { gathered, type Gatherer, pull, type Pulling, type Refused } from './flow/stage.ts';
import type { Received } from './topic/received.ts';

export interface GovernEnds {
  readonly changes: Source<Received>;
  readonly governed: Sink<Records>;
  readonly letters: Sink<Refused<Received>>;
}

/** `cdc.*` → once → stamped → unsealed and redacted → `gov.*`; the refused → `dlq.govern`. */
export function govern(
  { changes, governed, letters }: GovernEnds,
  rules: Rules,
  pulling: Pulling,
  holding: Holder | null = null,
): Observable<number> {
  const governing = new Governing(rules);
  return besideLetters(letters, (refused) =>
    pull(changes, pulling).pipe(
      gathered(holding ? holding(governing) : governing, refused),
      into(governed, { size: 256, lingerMs: 0, weigh: ({ count }) => count }, unexpected),
    ),
  );
}

/** Holds keys of which a letter is open. */
export type Holder = (inner: Gatherer<Received, Records>) => Gatherer<Received, Records>;

/** How the changes of each table leave, and their topic. */
export type Forms = ReadonlyMap<string, ReleasedForm & { readonly topic: string }>;

/** Told of each change that leaves: its table, and its tenant if it tells. */
export type Watching = (table: string, tenant: string | null) => void;

interface Rules {
  /** By the revision of the policies that holds now: they may be others from batch to batch. */
  readonly forms: () => Forms;
  readonly watching: () => Watching | null;
  readonly registry: Registry;
  readonly dedupe: Dedupe;
  readonly open: Opener;
  readonly pool: SlabPool;
}

const slabBytes = 512 * 1024; // What the broker is sent as one batch.
const marksEvery = 64; // Records of a lane: less than what is read of it after a restart.
const slackBytes = 1_024; // What Kafka adds to a record.

/** The way of one table. */
interface Table {
  readonly table: string;
  readonly form: Forms extends ReadonlyMap<string, infer Form> ? Form : never;
  readonly releases: Map<number, Release>; // By the id of the schema that a change came in.
  readonly lanes: Lane[];
}

interface Lane {
  readonly slab: LaneSlab;
  unmarked: number; // How many records since the last marks.
}

/**
 * What govern does to records, from bytes to bytes. A pure function of the log and the policies: no clock, no
 * chance, no other state. Every so often a record says in its header what of its lane was released with it.
 */
export class Governing implements Gatherer<Received, Records> {
  readonly #rules: Rules;
  readonly #tables = new Map<string, Table>(); // By the topic of their changes.
  readonly #filled = new Set<LaneSlab>();
  readonly #headers = new Bytes(256);
  #full: Records[] = [];
  #forms: Forms;
  #watching: Watching | null = null;
  #isBetween = true; // Two batches.

  constructor(rules: Rules) {
    this.#rules = rules;
    this.#forms = rules.forms();
  }

  add({ topic, partition, key, value }: Received): void {
    if (this.#isBetween) this.#begin();
    const table = this.#tableOf(topic);
    const release = value && this.#releaseOf(table, value);
    if (!release) throw new Refusal('undecodable', `a record of ${topic} is not in Avro`);
    const { cursor } = release;
    try {
      cursor.read(value);
    } catch (cause) {
      throw new Refusal('undecodable', 'a value does not fit its registered schema', { cause });
    }
    const { timeline, lsn, seq, part, source, op, sealed } = cursor;
    const { dedupe, open } = this.#rules;
    const isNew = dedupe.admit(topic, partition, source, { timeline, lsn, seq, part });
    const secret = open({ table: table.table, op, sealed });
    if (!secret) return;
    release.write(secret, key);
    checkSize(table.form.topic, release);
    if (!isNew) return; // But what is refused is refused again: of its letter the marks say nothing.
    this.#append(this.#laneOf(table, partition), topic, release);
    this.#watching?.(table.table, release.tenant);
  }

  take(): readonly Records[] {
    const taken = [...this.#full, ...[...this.#filled].map((slab) => slab.take())];
    this.#full = [];
    this.#filled.clear();
    this.#isBetween = true;
    return taken;
  }

  /** Of each batch the first looks up how it goes, when nothing is gathered: what was compiled for other forms is of no use any more. */
  #begin(): void {
    this.#isBetween = false;
    this.#watching = this.#rules.watching();
    const forms = this.#rules.forms();
    if (forms === this.#forms) return;
    this.#forms = forms;
    this.#tables.clear();
  }

  #tableOf(topic: string): Table {
    const known = this.#tables.get(topic);
    if (known) return known;
    const table = tableOf(topic);
    const form = this.#forms.get(table);
    if (!form) throw new Refusal('no-contract', `table ${table} has no contract`);
    const made = { table, form, releases: new Map<number, Release>(), lanes: [] };
    this.#tables.set(topic, made);
    return made;
  }

  #releaseOf({ releases, form }: Table, value: Buffer): Release | null {
    const id = schemaIdOf(value) ?? -1;
    const known = releases.get(id);
    if (known) return known;
    const type = this.#rules.registry.type(id);
    if (!type) return null;
    const release = new Release(type, form);
    releases.set(id, release);
    return release;
  }

  #laneOf({ lanes, form }: Table, partition: number): Lane {
    return (lanes[partition] ??= {
      slab: new LaneSlab(form.topic, partition, slabBytes, this.#rules.pool),
      unmarked: marksEvery,
    });
  }

  #append(lane: Lane, topic: string, { key, value }: Release): void {
    const { slab } = lane;
    if (!slab.hasRoom(key, value)) this.#full.push(slab.take());
    this.#filled.add(slab);
    const isMarked = slab.isEmpty || lane.unmarked >= marksEvery;
    lane.unmarked = isMarked ? 1 : lane.unmarked + 1;
    const headers = isMarked ? this.#marks(topic, slab.partition) : undefined;
    slab.append(key.at > 0 ? key : null, value, headers);
  }

  /** One header, as Kafka keeps it. */
  #marks(topic: string, partition: number): Bytes {
    const out = this.#headers;
    out.clear();
    out.zigzag(1);
    for (const text of ['marks', JSON.stringify(this.#rules.dedupe.marks(topic, partition))]) {
      const bytes = Buffer.from(text);
      out.sized(bytes, 0, bytes.length);
    }
    return out;
  }
}

function checkSize(topic: string, { key, value }: Release): void {
  const bytes = key.at + value.at + slackBytes;
  if (bytes > rowLimitBytes)
    throw new Refusal('too-large', `a change of ${bytes} bytes is too large for ${topic}`);
}

/** What was governed always fits its topic; if it does not, that is our mistake and not the row's. */
const unexpected = {
  next({ values: [first] }: { readonly values: readonly Refused<Records>[] }): void {
    throw new TypeError('a governed change does not fit its topic', { cause: first?.refusal });
  },
};
