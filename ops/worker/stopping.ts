import { log } from '../log.ts';

const patienceMs = 10_000;

/** Aborts on the first SIGTERM or SIGINT, so that all drains; a second one, or 10 s, stops at once. */
export function stopping(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(exitCodes[signal] ?? 1);
    log.info({ signal }, 'draining; a second signal stops at once');
    stop.abort();
    setTimeout(() => {
      log.error('not drained in 10 s; what is unconfirmed will be read again');
      process.exit(exitCodes[signal] ?? 1);
    }, patienceMs).unref();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return stop.signal;
}

const exitCodes: Partial<Record<NodeJS.Signals, number>> = { SIGTERM: 143, SIGINT: 130 };
