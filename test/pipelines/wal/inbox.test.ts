import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Inbox } from '../../../pipelines/wal/inbox.ts';
import type { Decoded } from '../../../schemas/change.ts';
import { isSettled } from '../../doubles.ts';

const change = { table: 'public.t' } as Decoded;
const forever = new AbortController().signal;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('what arrived is taken once, with its bytes and how far all has arrived whole', async () => {
  const inbox = new Inbox(10n, 1_000);
  inbox.values.push(change);
  inbox.arrived(7, null);
  inbox.arrived(3, 20n);
  expect(await inbox.take(forever, 5_000)).toEqual({ values: [change], bytes: 10, at: 20n });
  const next = inbox.take(forever, 5_000);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await next).toBeNull();
});

test('half a transaction carries the position before it', async () => {
  const inbox = new Inbox(10n, 1_000);
  inbox.values.push(change);
  inbox.arrived(7, null);
  expect((await inbox.take(forever, 5_000))?.at).toBe(10n);
});

test('a position never goes back', async () => {
  const inbox = new Inbox(10n, 1_000);
  inbox.arrived(1, 30n);
  inbox.arrived(1, 20n);
  expect((await inbox.take(forever, 5_000))?.at).toBe(30n);
});

test('a keepalive at a place that is known already wakes nobody', async () => {
  const inbox = new Inbox(10n, 1_000);
  inbox.arrived(0, 10n);
  const taken = inbox.take(forever, 5_000);
  expect(await isSettled(taken)).toBe(false);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await taken).toBeNull();
});

test('who waits is woken by what arrives, by an abort, and by patience that ran out', async () => {
  const inbox = new Inbox(10n, 1_000);
  const stop = new AbortController();
  const first = inbox.take(stop.signal, 5_000);
  inbox.arrived(1, 11n);
  expect((await first)?.at).toBe(11n);
  const second = inbox.take(stop.signal, 5_000);
  stop.abort();
  expect(await second).toBeNull();
  const third = inbox.take(forever, 5_000);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(await isSettled(third)).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await third).toBeNull();
});

test('the socket is asked to wait while the inbox is full, until something was taken', async () => {
  const inbox = new Inbox(0n, 100);
  inbox.values.push(change);
  inbox.arrived(99, null);
  expect(inbox.space()).toBeUndefined();
  inbox.arrived(1, null);
  const space = inbox.space()!;
  expect(await isSettled(space)).toBe(false);
  await inbox.take(forever, 5_000);
  expect(await isSettled(space)).toBe(true);
  expect(inbox.space()).toBeUndefined();
});

test('a failure is thrown to who waits, and the socket is not kept waiting', async () => {
  const inbox = new Inbox(0n, 1);
  inbox.arrived(5, null);
  const space = inbox.space()!;
  inbox.fail(new Error('connection lost'));
  inbox.fail(new Error('and again'));
  await expect(inbox.take(forever, 5_000)).rejects.toThrow('connection lost');
  expect(await isSettled(space)).toBe(true);
  expect(inbox.space()).toBeUndefined();
});
