/** What comes this soon after the first is the first: a group is signalled whole, and a launcher sends it on. */
const sameMs = 250;

const exitCodes = { SIGTERM: 143, SIGINT: 130 } as const;

/** Aborts on the first SIGTERM or SIGINT, after telling `first` of it; a second one ends the process at once. */
export function stopSignals(
  first: (signal: 'SIGTERM' | 'SIGINT', exitCode: number) => void = () => {},
): AbortSignal {
  const stop = new AbortController();
  let sinceMs = 0;
  const on = (signal: 'SIGTERM' | 'SIGINT') => {
    if (stop.signal.aborted) {
      if (performance.now() - sinceMs > sameMs) process.exit(exitCodes[signal]);
      return;
    }
    sinceMs = performance.now();
    first(signal, exitCodes[signal]);
    stop.abort();
  };
  process.on('SIGTERM', on);
  process.on('SIGINT', on);
  return stop.signal;
}
