/** Runs something beside a pipeline until it is disposed of; what it threw is thrown then. */
export function background(run: (signal: AbortSignal) => Promise<void>): AsyncDisposable {
  const stop = new AbortController();
  const running = run(stop.signal);
  running.catch(() => {}); // Kept until somebody waits for it.
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
