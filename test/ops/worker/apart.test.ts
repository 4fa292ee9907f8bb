import { afterEach, expect, test, vi } from 'vitest';
import { CannotRun } from '../../../contracts/cannot-run.ts';
import { log } from '../../../ops/log.ts';
import { apart } from '../../../ops/worker/apart.ts';

const trouble = new CannotRun({ what: 'the slot is gone', where: 'slot a', fix: 'choose' });
const { signal } = new AbortController();

const error = vi.spyOn(log, 'error').mockImplementation(() => {});
afterEach(() => error.mockClear());

test('what fails is told with its choices at once, the others go on, and all fails at their end', async () => {
  const other = Promise.withResolvers<void>();
  const parts = [
    { pipelines: ['capture@a'], run: () => Promise.reject(trouble) },
    { pipelines: ['capture@b'], run: () => other.promise },
  ];
  const running = apart(parts, signal);
  await vi.waitFor(() => expect(error).toHaveBeenCalledTimes(1));
  expect(error.mock.calls[0]).toEqual([
    { pipelines: ['capture@a'], error: trouble.message },
    expect.any(String),
  ]);
  other.resolve();
  await expect(running).rejects.toThrow(/^capture@a could not go on/);
});

test('what is alone fails as it fails', async () => {
  const alone = { pipelines: ['capture'], run: () => Promise.reject(trouble) };
  await expect(apart([alone], signal)).rejects.toBe(trouble);
  expect(error).not.toHaveBeenCalled();
});

test('where nothing fails nothing is thrown', async () => {
  const fine = { pipelines: ['capture'], run: () => Promise.resolve() };
  await apart([fine, fine], signal);
});
