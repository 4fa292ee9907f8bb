/** Places where a pipeline may be struck: between every two steps whose order decides whether something is lost. */
export type Failpoint =
  | 'received' // The server's bytes are here; nothing was made of them.
  | 'delivering' // Records were made, and not handed on.
  | 'producing' // The keys that they are sealed with are durable; Kafka was told nothing.
  | 'produced' // Kafka has them; nobody else knows.
  | 'checkpointing' // All is settled; the checkpoint does not say so.
  | 'checkpointed' // The checkpoint says so; the server was not told.
  | 'acknowledged' // The server was told.
  | 'copying' // A part of a table was read, and not handed on.
  | 'copied' // Kafka has a range of a table; nobody else knows.
  | 'progressed' // It is remembered that the range was copied.
  | 'deciding' // What of a window is published with noise is decided, and not saved.
  | 'decided' // It is saved; Kafka was told nothing.
  | 'sent' // Kafka has it; nobody else knows.
  | 'writing' // A transaction of the mirror or the graph has all that it is to hold, and has not ended.
  | 'written' // It has ended; nobody else knows.
  | 'inserting' // The lanes are ours; the warehouse was sent nothing.
  | 'inserted' // The warehouse has it; nobody else knows.
  | 'summing' // Events are in the ledger, and the sums do not say so, or not all of them.
  | 'claiming' // Manifests are signed, and Kafka was told nothing.
  | 'claimed' // Kafka has them; no checkpoint says so.
  | 'replaying' // Letters are ready to come again, and Kafka was told nothing.
  | 'replayed' // Kafka has them; the index of letters does not say so.
  | 'finishing' // A table was filled beside itself, and nothing of it is where readers look.
  | 'merging' // A table was filled beside itself, and some of it is where readers look.
  | 'published'; // A checkpoint says so; the folder of tiles does not.

const [, wanted = '', count = '1', stops] =
  /^([a-z]+)(?::(\d+))?(=stop)?$/.exec(process.env['CONDUCTOR_FAILPOINT'] ?? '') ?? [];
let left = Number(count);

/**
 * Strikes this process where a test asked for it, and does nothing else: `CONDUCTOR_FAILPOINT=produced:3`
 * kills it when it comes there the third time, `produced=stop` only stops it, as a debugger would.
 */
export function failpoint(name: Failpoint): void {
  if (name !== wanted || --left !== 0) return;
  process.kill(process.pid, stops ? 'SIGSTOP' : 'SIGKILL');
}
