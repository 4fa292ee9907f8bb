import replication from 'pg-logical-replication';
import type { TableContract } from '../../contracts/contract.ts';
import type { Decoded } from '../../schemas/change.ts';
import { lsnText, parseLsn } from '../../schemas/lsn.ts';
import type { Delivery, LogPosition, Reading, Source } from '../flow/source.ts';
import type { Checkpoint, Checkpoints } from './checkpoint.ts';
import { Inbox } from './inbox.ts';
import { Pgoutput } from './pgoutput.ts';
import { statusUpdate } from './status-update.ts';
import { timelines } from './timelines.ts';
import { Transactions } from './transactions.ts';

export interface WalSettings {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  readonly stream: string; // What the checkpoint is filed under.
  readonly lanes: number;
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly until: bigint | null; // Where to end; null goes on for ever.
}

const inboxBytes = 4 * 1024 * 1024;
const confirmEveryMs = 250;
const statusEveryMs = 5_000;
const askEveryMs = 1_000;

/** The part of `pg`'s client that a replication connection needs. */
interface ReplicationClient {
  readonly connection: { sendCopyFromChunk(chunk: Buffer): void };
  query(text: string): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
}

/**
 * Reads a replication slot. A position is confirmed in three steps, each after the one before: all up
 * to it is settled, the checkpoint records it, the server is told.
 */
export class WalSource implements Source<Decoded> {
  readonly #settings: WalSettings;
  readonly #checkpoints: Checkpoints;
  readonly #service: InstanceType<typeof replication.LogicalReplicationService>;
  readonly #inbox: Inbox;
  #client: ReplicationClient | null = null;
  #known: Checkpoint; // What the checkpoint records, and so the most that the server is told.
  #settled: bigint;
  #watermarks: { readonly at: bigint; readonly watermark: number }[] = [];
  #recording: Promise<void> | null = null; // Under way: a slow checkpoint is waited for, not asked again.
  #lastStatusMs = 0;

  constructor(settings: WalSettings, checkpoints: Checkpoints, from: Checkpoint) {
    this.#settings = settings;
    this.#checkpoints = checkpoints;
    this.#known = from;
    this.#settled = from.lsn;
    this.#inbox = new Inbox(from.lsn, inboxBytes);
    this.#service = new replication.LogicalReplicationService(
      { connectionString: settings.url, options: sessionOptions },
      { acknowledge: { auto: false, timeoutSeconds: 0 }, flowControl: { enabled: true } },
    );
  }

  async *read({ signal }: Reading): AsyncIterable<Delivery<Decoded>> {
    const { slot: log, until } = this.#settings;
    this.#start();
    const ticking = setInterval(() => this.#tick(), confirmEveryMs);
    try {
      while (!signal.aborted) {
        const arrived = await this.#inbox.take(signal, until === null ? askEveryMs : 100);
        if (arrived) {
          const { at, values, bytes } = arrived;
          yield { position: { log, at }, values, bytes };
          if (until !== null && at >= until) return;
        } else this.#send(true); // The answer tells how far the server has read: WAL of others is let go.
      }
    } finally {
      clearInterval(ticking);
    }
  }

  confirm({ at }: LogPosition): void {
    if (at > this.#settled) this.#settled = at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#recording;
      await this.#record();
      this.#send(false);
    } finally {
      await this.#service.destroy(); // A connection that stays open holds the slot.
    }
  }

  #start(): void {
    const fail = (error: unknown) =>
      this.#inbox.fail(error instanceof Error ? error : new Error(String(error)));
    const inbox = this.#inbox;
    this.#service.on('error', fail);
    this.#service.on('data', () => inbox.space());
    this.#service.on('heartbeat', (lsn, _, replyRequested) => {
      if (this.#quiet()) inbox.arrived(0, parseLsn(lsn));
      if (replyRequested) this.#send(false);
    });
    this.#service
      .subscribe(this.#plugin(), this.#settings.slot, lsnText(this.#known.lsn))
      .then(() => fail(new Error('the server ended the replication stream')), fail);
  }

  /** Whether no transaction is half read, so that a keepalive's position has arrived whole. */
  #quiet: () => boolean = () => false;

  #plugin() {
    const pgoutput = new Pgoutput();
    const inbox = this.#inbox;
    let transactions: Transactions | null = null;
    const take = (data: Buffer) => {
      try {
        const message = pgoutput.read(data);
        transactions?.take(message, inbox.values);
        return message;
      } catch (error) {
        inbox.fail(error instanceof Error ? error : new Error(String(error)));
        return null;
      }
    };
    return {
      name: 'pgoutput',
      options: {},
      start: async (client: unknown, slot: string, from: string) => {
        const connected = client as ReplicationClient;
        this.#client = connected;
        const timelineOf = await this.#identify(connected);
        const { lanes, contracts, publication } = this.#settings;
        const origin = { system: this.#known.system, log: slot, lanes, timelineOf, contracts };
        const begun = new Transactions(origin, this.#known.watermark);
        transactions = begun;
        this.#quiet = () => !begun.open;
        return connected.query(
          `START_REPLICATION SLOT "${slot}" LOGICAL ${from} (proto_version '1', publication_names '${publication}')`,
        );
      },
      parse: (data: Buffer) => {
        const message = take(data);
        if (!message) return;
        if (message.kind !== 'commit') return inbox.arrived(data.length, null);
        this.#watermarks.push({ at: message.end, watermark: transactions?.watermark ?? 0 });
        return inbox.arrived(data.length, message.end);
      },
    };
  }

  /** Finds out who the server is: a slot of another server has positions of another world. */
  async #identify(client: ReplicationClient): Promise<(lsn: bigint) => number> {
    const [row] = (await client.query('IDENTIFY_SYSTEM')).rows;
    const system = String(row?.['systemid']);
    const timeline = Number(row?.['timeline']);
    if (system !== this.#known.system)
      throw new ForeignServer(
        `the checkpoint of ${this.#settings.stream} belongs to server ${this.#known.system}, but source.url leads to server ${system}: correct source.url, or remove the checkpoint from cdc_offsets to begin anew`,
      );
    if (timeline === 1) return () => 1;
    const [history] = (await client.query(`TIMELINE_HISTORY ${timeline}`)).rows;
    const content = history?.['content'];
    return timelines(
      timeline,
      Buffer.isBuffer(content) ? content.toString() : `${content as string}`,
    );
  }

  #tick(): void {
    this.#recording ??= this.#record()
      .catch((error: unknown) =>
        this.#inbox.fail(error instanceof Error ? error : new Error(String(error))),
      )
      .finally(() => (this.#recording = null));
    if (performance.now() - this.#lastStatusMs > statusEveryMs) this.#send(false);
  }

  /** The checkpoint first, then the server. */
  async #record(): Promise<void> {
    const lsn = this.#settled;
    if (lsn <= this.#known.lsn) return;
    let { watermark } = this.#known;
    while (this.#watermarks[0] && this.#watermarks[0].at <= lsn)
      watermark = this.#watermarks.shift()?.watermark ?? watermark;
    const known = { ...this.#known, lsn, watermark };
    await this.#checkpoints.write(this.#settings.stream, known);
    this.#known = known;
    this.#send(false);
  }

  #send(replyRequested: boolean): void {
    this.#lastStatusMs = performance.now();
    if (this.#service.isStop()) return;
    this.#client?.connection.sendCopyFromChunk(
      statusUpdate(this.#known.lsn, { nowMs: Date.now(), replyRequested }),
    );
  }
}

/** The server behind `source.url` is not the one that the checkpoint speaks of. */
export class ForeignServer extends Error {
  override readonly name = 'ForeignServer';
}

/** One text for one value, whatever the server's defaults are. */
const sessionOptions =
  '-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3 -c bytea_output=hex';
