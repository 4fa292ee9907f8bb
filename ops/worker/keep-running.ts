import { AssertionError } from 'node:assert';
import { setTimeout as wait } from 'node:timers/promises';
import { lastValueFrom, tap } from 'rxjs';
import { CannotRun, NotNow } from '../../contracts/cannot-run.ts';
import { ConfigError } from '../../contracts/config.ts';
import { wordsOf } from '../../contracts/error-words.ts';
import { KeyringError } from '../../contracts/keys/keyring-error.ts';
import { UnknownSchema } from '../../contracts/registry.ts';
import { ForeignServer } from '../../pipelines/wal/server.ts';
import { NeedsText } from '../../processors/transcode/columns.ts';
import { Refusal } from '../../schemas/refusal.ts';
import { log } from '../log.ts';
import type { Counters } from './counters.ts';
import type { Opened } from './opened.ts';

const firstWaitMs = 250;
const longestWaitMs = 30_000;

/**
 * Runs a pipeline until it ends or `signal` aborts. What is in the way at the start is thrown at once:
 * someone is there to read it. Later an outage is waited out, for ever and visibly, each try a new
 * opening from what is confirmed. A mistake of ours or a refusal to run is thrown whenever it shows.
 */
export async function keepRunning(
  open: () => Promise<Opened>,
  counters: Counters,
  signal: AbortSignal,
): Promise<void> {
  let ranOnce = false;
  for (let attempt = 0; !signal.aborted; attempt++) {
    const startedMs = performance.now();
    try {
      await using opened = await open();
      ranOnce = true;
      counters.running(true);
      await lastValueFrom(opened.run(signal).pipe(tap((values) => counters.settled(values))), {
        defaultValue: 0,
      });
      return;
    } catch (error) {
      counters.running(false);
      if (!ranOnce || !isOutage(error)) throw error;
      if (performance.now() - startedMs > longestWaitMs) attempt = 0;
      const waitMs = backoff(attempt);
      counters.retried();
      log.warn(
        { pipeline: counters.pipeline, waitMs, error: reasonOf(error) },
        firstOf(error) instanceof NeedsText
          ? 'reading the slot again'
          : 'lost a server; trying again',
      );
      await wait(waitMs, undefined, { signal }).catch(() => {});
    } finally {
      counters.running(false);
    }
  }
}

/** Doubles, with as much chance as certainty, so that workers do not come back all at once. */
export function backoff(attempt: number): number {
  const most = Math.min(longestWaitMs, firstWaitMs * 2 ** Math.min(attempt, 16));
  return Math.round(most / 2 + (Math.random() * most) / 2);
}

const ours = [TypeError, ReferenceError, RangeError, SyntaxError, AssertionError, Refusal];
const final = [CannotRun, ConfigError, ForeignServer, KeyringError, UnknownSchema];

/** What went wrong first: what failed while disposing of it has only suppressed it. */
const firstOf = (error: unknown): unknown =>
  error instanceof SuppressedError ? firstOf(error.suppressed) : error;

const isOneOf = (error: unknown, kinds: typeof ours | typeof final): boolean =>
  kinds.some((kind) => error instanceof kind);

/** Whether to wait may mend it. */
export function isOutage(error: unknown): boolean {
  const whole = firstOf(error);
  // Asking a server may fail by a mistake of ours, too: no waiting mends that.
  if (whole instanceof NotNow) return !isOneOf(whole.cause, ours);
  return !isOneOf(whole, ours) && !isOneOf(whole, final);
}

/** What a person needs of an error: its words, and those of its causes. None of them holds a value. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof SuppressedError) return reasonOf(firstOf(error));
  if (error instanceof AggregateError && error.errors.length > 0)
    return [wordsOf(error), reasonOf(error.errors[0])].filter(Boolean).join(': ');
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return `${wordsOf(error)}${code}`;
}
