import { log } from '../log.ts';
import { stopSignals } from '../stop-signals.ts';

const patienceMs = 10_000;
const lingerMs = 500;

/** Aborts on the first SIGTERM or SIGINT, so that all drains; a second one, or 10 s, stops at once. */
export const stopping = (): AbortSignal =>
  stopSignals((signal, exitCode) => {
    log.info({ signal }, 'draining; a second signal stops at once');
    setTimeout(() => {
      log.error('not drained in 10 s; what is unconfirmed will be read again');
      process.exit(exitCode);
    }, patienceMs).unref();
  });

/** Ends the process once all is done, though a server that is gone was still asked something. */
export const leave = (): void => void setTimeout(() => process.exit(), lingerMs).unref();
