import type { Socket } from 'node:net';
import pg from 'pg';
import { postgresLogin } from '../../contracts/postgres-login.ts';
import { Gulp } from './gulp.ts';
import { answerMs, loginMs, nameUnanswered, probeAfterMs } from './own-pool.ts';
import { connectUnhurried, sessionOptions } from './session.ts';

type Row = Readonly<Record<string, unknown>>;

/** The part of `pg`'s client that is not in its types. */
interface Wired {
  readonly connection: { readonly stream: Socket };
}

/**
 * A connection to the server's WAL sender. Commands go through `pg`; once the stream has begun, its bytes
 * are read from the socket as they come, into one buffer that is used again and again: an event and an
 * object per message would cost more than all the rest.
 */
export class Sender implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #gulp: Gulp;
  readonly #url: string;

  private constructor(client: pg.Client, gulp: Gulp, url: string) {
    this.#client = client;
    this.#gulp = gulp;
    this.#url = url;
  }

  /** Whoever is `patient` asks what may wait for others' transactions; `lingerMs` is of the stream. */
  static async connect(url: string, { patient = false, lingerMs = 0 } = {}): Promise<Sender> {
    const gulp = new Gulp(lingerMs);
    const client = new pg.Client({
      ...postgresLogin(url),
      replication: 'database',
      application_name: 'conductor',
      options: sessionOptions(),
      keepAlive: true,
      keepAliveInitialDelayMillis: probeAfterMs,
      connectionTimeoutMillis: loginMs,
      query_timeout: patient ? 0 : answerMs,
      stream: () => gulp.socket,
    } as pg.ClientConfig);
    client.on('error', () => {}); // Before the stream begins a command rejects; afterwards the socket tells.
    const sender = new Sender(client, gulp, url);
    await sender.#answered(connectUnhurried(client));
    return sender;
  }

  async ask(command: string): Promise<readonly Row[]> {
    const { rows } = await this.#answered(this.#client.query<Row>(command));
    return rows;
  }

  async #answered<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      nameUnanswered(error, this.#url, 'the stream');
      throw error;
    }
  }

  /** Begins the stream: from here on the socket is ours. */
  start(command: string): void {
    const { stream } = (this.#client as unknown as Wired).connection;
    this.#gulp.takeOver(stream);
    const text = Buffer.from(`${command}\0`);
    const query = Buffer.alloc(5);
    query.write('Q');
    query.writeInt32BE(text.length + 4, 1);
    stream.write(Buffer.concat([query, text]));
  }

  /** Sends one message of the copy protocol. */
  send(message: Buffer): void {
    const { stream } = (this.#client as unknown as Wired).connection;
    if (!stream.writable) return;
    const head = Buffer.alloc(5);
    head.write('d');
    head.writeInt32BE(message.length + 4, 1);
    stream.write(Buffer.concat([head, message]));
  }

  /** Whether the last read showed that the server has more to say. */
  get hasBacklog(): boolean {
    return this.#gulp.hasBacklog;
  }

  /**
   * What has arrived, valid until the next call; null if nothing came for `patienceMs`, on abort and when
   * it is nudged. Rejects once the connection is lost.
   */
  take(signal: AbortSignal, patienceMs: number): Promise<Buffer | null> {
    return this.#gulp.take(signal, patienceMs);
  }

  /** Has whoever waits for bytes look around. */
  nudge(): void {
    this.#gulp.nudge();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gulp.part(Buffer.of(0x58, 0, 0, 0, 4)); // Terminate, after the last status.
    this.#gulp.stop(); // A connection that stays open holds the slot.
    await this.#client.end().catch(() => {});
  }
}
