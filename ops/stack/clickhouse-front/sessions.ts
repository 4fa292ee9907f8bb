import type { Connection, Engine } from './engine.ts';
import { Refused } from './errors.ts';
import type { Session } from './question.ts';

interface Kept {
  readonly connection: Connection;
  busy: boolean;
  timer: NodeJS.Timeout | null;
}

/** Lends connections: one for a request, or a kept one for a session. */
export class Connections {
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Kept>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Runs `work` with a connection that nobody else uses meanwhile. */
  async lend<T>(session: Session | null, work: (connection: Connection) => Promise<T>): Promise<T> {
    if (session) return this.#lendKept(session, work);
    const connection = this.#engine.connect();
    try {
      return await work(connection);
    } finally {
      connection.close();
    }
  }

  /** Ends every session. */
  close(): void {
    for (const [id, kept] of this.#sessions) this.#drop(id, kept);
  }

  async #lendKept<T>(
    { id, seconds, mustExist }: Session,
    work: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    let kept = this.#sessions.get(id);
    if (!kept && mustExist) throw new Refused('SESSION_NOT_FOUND', `Session ${id} not found`);
    if (kept?.busy) {
      throw new Refused('SESSION_IS_LOCKED', `Session ${id} is locked by a concurrent client`);
    }
    kept ??= { connection: this.#engine.connect(), busy: false, timer: null };
    this.#sessions.set(id, kept);
    if (kept.timer) clearTimeout(kept.timer);
    kept.busy = true;
    try {
      return await work(kept.connection);
    } finally {
      kept.busy = false;
      const ended = kept;
      kept.timer = setTimeout(() => this.#drop(id, ended), seconds * 1_000).unref();
    }
  }

  #drop(id: string, kept: Kept): void {
    if (kept.busy) return;
    if (kept.timer) clearTimeout(kept.timer);
    this.#sessions.delete(id);
    kept.connection.close();
  }
}
