import { createRequire } from 'node:module';

/** What an insert did. */
export interface Written {
  readonly rows: number;
  readonly bytes: number;
}

/** One piece of a result. */
export interface Piece {
  readonly bytes: Uint8Array;
  readonly rows: number;
}

/**
 * A connection to the engine with settings of its own. One call at a time; whoever opened it closes
 * it, and never while a call is under way.
 */
export interface Connection {
  /** Runs a statement and returns its whole result. */
  run(sql: string, format: string): Promise<Piece>;
  /** Runs a query and returns its result piece by piece; breaking off cancels it. */
  stream(sql: string, format: string): AsyncGenerator<Piece, void>;
  /** Runs an INSERT whose data are these bytes. */
  insert(statement: string, data: Uint8Array): Promise<Written>;
  close(): void;
}

/** The engine, bound to one data directory for as long as this process lives. */
export interface Engine {
  connect(): Connection;
  close(): void;
}

/** An error with the engine's own text, which begins with its code. */
class EngineError extends Error {
  override readonly name = 'EngineError';
}

interface Handle {
  readonly handle: unique symbol;
}

interface Answer {
  readonly bytes: Uint8Array;
  readonly rowsRead: number;
}

/** The package's public Session refuses binary formats, so its native side is called directly. */
interface Native {
  CreateConnection(path: string, args: readonly string[]): Handle;
  CloseConnection(connection: Handle): void;
  QueryAsyncConnection(connection: Handle, sql: string, format: string): Promise<Answer>;
  InsertRawAsyncConnection(
    connection: Handle,
    statement: string,
    data: Buffer,
    countLines: boolean,
  ): Promise<{ readonly rowsWritten: number; readonly bytesWritten: number }>;
  StreamQuery(connection: Handle, sql: string, format: string): Handle;
  StreamFetch(
    stream: Handle,
  ): Promise<{ readonly done: boolean; readonly bytes: Uint8Array; readonly numRows: number }>;
  StreamCancel(stream: Handle): void;
}

/** Opens the engine on a data directory; throws if another process has it. */
export function openEngine(path: string): Engine {
  const native = load();
  const args = ['--async_load_databases=0'];
  // Kept open, because the engine lives exactly as long as its last connection.
  const first = native.CreateConnection(path, args);
  return {
    connect: () => connection(native, native.CreateConnection(path, args)),
    close: () => native.CloseConnection(first),
  };
}

function connection(native: Native, handle: Handle): Connection {
  return {
    async run(sql, format) {
      const { bytes, rowsRead } = await own(native.QueryAsyncConnection(handle, sql, format));
      return { bytes, rows: rowsRead };
    },

    async *stream(sql, format) {
      const stream = native.StreamQuery(handle, sql, format);
      try {
        for (;;) {
          const { done, bytes, numRows } = await own(native.StreamFetch(stream));
          if (done) return;
          yield { bytes, rows: numRows };
        }
      } finally {
        native.StreamCancel(stream);
      }
    },

    async insert(statement, data) {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      const { rowsWritten, bytesWritten } = await own(
        native.InsertRawAsyncConnection(handle, statement, bytes, false),
      );
      return { rows: rowsWritten, bytes: bytesWritten };
    },

    close: () => native.CloseConnection(handle),
  };
}

async function own<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw new EngineError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function load(): Native {
  const libc = process.platform === 'linux' ? '-gnu' : '';
  const name = `@chdb/lib-${process.platform}-${process.arch}${libc}`;
  const require = createRequire(createRequire(import.meta.url).resolve('chdb'));
  const native: unknown = require(name);
  if (!isNative(native)) throw new Error(`${name} is not the version this was written for`);
  return native;
}

function isNative(value: unknown): value is Native {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['CreateConnection', 'QueryAsyncConnection', 'InsertRawAsyncConnection', 'StreamFetch'].every(
      (name) => name in value,
    )
  );
}
