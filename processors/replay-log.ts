import { AvroCursor } from '../schemas/avro-cursor.ts';
import { Bytes } from '../schemas/bytes.ts';

const replayed = /^replay-([0-9a-z-]+)\./;

/** The log in which a job brings the changes of another one again: there they are new, in the order of their positions. */
export const replayLog = (job: string, log: string): string =>
  `replay-${job}.${log.replace(replayed, '')}`;

/** The job by which the changes of a log come again; null if they come for the first time. */
export const replayJobOf = (log: string): string | null => replayed.exec(log)?.[1] ?? null;

/** A captured change as it lies in its bytes, in another log: nothing else of it is other. */
export function relogged(value: Buffer, logOf: (log: string) => string): Buffer {
  const cursor = new AvroCursor(value, 5);
  cursor.skipSized();
  const from = cursor.at;
  const log = Buffer.from(logOf(cursor.text()));
  const out = new Bytes(value.length + log.length);
  out.copy(value, 0, from);
  out.sized(log, 0, log.length);
  out.copy(value, cursor.at, value.length - cursor.at);
  return Buffer.from(out.view());
}
