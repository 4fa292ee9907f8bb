import { lastValueFrom, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { allTasks } from '../../../pipelines/windows/all-tasks.ts';

/** A task that yields nothing more until it is stopped, as one does whose lanes are quiet. */
async function* quiet(signal: AbortSignal, stopped: () => void): AsyncGenerator<number> {
  yield 1;
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  stopped();
}

async function* failing(): AsyncGenerator<number> {
  yield 2;
  throw new Error('one dataset failed');
}

test('an error of one task stops all others, also those in which nothing happens', async () => {
  const stopped = Promise.withResolvers<void>();
  const all = allTasks(
    ['quiet', 'failing'],
    (name, signal) => (name === 'quiet' ? quiet(signal, stopped.resolve) : failing()),
    new AbortController().signal,
  );
  await expect(lastValueFrom(all)).rejects.toThrow('one dataset failed');
  await stopped.promise;
});

test('whoever stops them stops all of them, and what they have yielded is told', async () => {
  const stop = new AbortController();
  const all = allTasks(['a', 'b'], (_, signal) => quiet(signal, () => {}), stop.signal);
  const told = lastValueFrom(all.pipe(toArray()));
  setImmediate(() => stop.abort());
  expect(await told).toEqual([1, 1]);
});
