import { expect, test, vi } from 'vitest';
import { Metrics } from '../../../ops/worker/counters.ts';
import { serveHealth } from '../../../ops/worker/health.ts';
import { Ledger } from '../../../pipelines/flow/ledger.ts';
import type { Refused } from '../../../pipelines/flow/stage.ts';
import { Refusal } from '../../../schemas/refusal.ts';
import { ListSink } from '../../doubles.ts';

const anywhere = { host: '127.0.0.1', port: 0 };
const room = { values: 100, bytes: 1_000 };

const refused = (value: number): Refused<number> => ({
  value,
  refusal: new Refusal('no-tenant', 'refused'),
});

/** A ledger whose oldest entry has waited this long. */
class Waiting extends Ledger {
  readonly #ms: number;

  constructor(ms: number) {
    super(room, () => {});
    this.#ms = ms;
  }

  override oldestMs(): number {
    return this.#ms;
  }
}

async function ask(metrics: Metrics, path: string) {
  await using health = await serveHealth(metrics, anywhere);
  const answer = await fetch(`${health.url}${path}`);
  return {
    status: answer.status,
    type: answer.headers.get('content-type'),
    text: await answer.text(),
  };
}

const cases = [
  { name: 'all run and move', oldestMs: 59_999, unrecordedMs: 59_999, status: 200 },
  { name: 'one waits out an outage', running: [true, false], status: 503 },
  { name: 'one has not moved for a minute', oldestMs: 60_000, status: 503 },
  { name: 'what is settled has not been recorded for a minute', unrecordedMs: 60_000, status: 503 },
] as const;

for (const { name, status, ...given } of cases)
  test(`/healthz answers ${status} when ${name}`, async () => {
    const metrics = new Metrics();
    const { running, oldestMs, unrecordedMs } = {
      running: [true, true],
      oldestMs: 0,
      unrecordedMs: 0,
      ...given,
    };
    const nowMs = performance.now();
    using clock = vi.spyOn(performance, 'now').mockReturnValue(nowMs);
    for (const [index, now] of running.entries()) {
      const counters = metrics.of(`pipeline-${index}`);
      counters.running(now);
      counters.watch(new Waiting(oldestMs));
      if (unrecordedMs > 0) counters.recording(true);
    }
    clock.mockReturnValue(nowMs + unrecordedMs);
    const answer = await ask(metrics, '/healthz');
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({
      healthy: status === 200,
      pipelines: running.map((now, index) => ({ pipeline: `pipeline-${index}`, running: now })),
    });
  });

test('/metrics is the text that Prometheus reads, every pipeline in it from the first moment', async () => {
  const metrics = new Metrics();
  const counters = metrics.of('govern');
  const before = await ask(metrics, '/metrics');
  expect(before.type).toContain('text/plain');
  expect(before.text).toContain('conductor_settled_total{pipeline="govern"} 0');
  expect(before.text).toContain('conductor_retries_total{pipeline="govern"} 0');

  const ledger = new Ledger(room, () => {});
  ledger.track({ log: 'a', at: 1n }, { values: 5, bytes: 50 });
  counters.watch(ledger);
  counters.settled(7);
  counters.erased();
  counters.running(true);
  const { text } = await ask(metrics, '/metrics');
  for (const line of [
    'conductor_settled_total{pipeline="govern"} 7',
    'conductor_erased_total{pipeline="govern"} 1',
    'conductor_running{pipeline="govern"} 1',
    'conductor_in_flight_changes{pipeline="govern"} 5',
    'conductor_in_flight_bytes{pipeline="govern"} 50',
  ])
    expect(text).toContain(line);
});

test('what waits for its checkpoint is told from the first try on, until it is recorded', async () => {
  const metrics = new Metrics();
  const counters = metrics.of('capture');
  counters.watch(new Ledger(room, () => {}));
  const nowMs = performance.now();
  using clock = vi.spyOn(performance, 'now').mockReturnValue(nowMs);
  counters.recording(true);
  clock.mockReturnValue(nowMs + 40_000);
  counters.recording(true); // It failed, and is tried again.
  clock.mockReturnValue(nowMs + 45_000);
  expect(await metrics.text()).toContain('conductor_unrecorded_seconds{pipeline="capture"} 45');
  counters.recording(false);
  expect(await metrics.text()).toContain('conductor_unrecorded_seconds{pipeline="capture"} 0');
});

test('a letter is counted, by its reason, once it is written and not before', async () => {
  const metrics = new Metrics();
  const sink = new ListSink<Refused<number>>();
  const letters = metrics.of('govern').letters(sink);
  sink.before = () => Promise.reject(new Error('disk full'));
  await expect(letters.write([refused(1)])).rejects.toThrow('disk full');
  expect(metrics.states()[0]?.refused).toBe(0);
  sink.before = () => {};
  await letters.write([refused(1), refused(2)]);
  expect(sink.values.length).toBe(2);
  expect(metrics.states()[0]?.refused).toBe(2);
  expect(await metrics.text()).toContain(
    'conductor_refused_total{pipeline="govern",reason="no-tenant"} 2',
  );
});

test('any other path is told what there is', async () => {
  const answer = await ask(new Metrics(), '/');
  expect(answer.status).toBe(404);
  expect(answer.text).toContain('/metrics and /healthz');
});

test('a port that is taken is an error', async () => {
  await using first = await serveHealth(new Metrics(), anywhere);
  const port = Number(new URL(first.url).port);
  await expect(serveHealth(new Metrics(), { ...anywhere, port })).rejects.toThrow('EADDRINUSE');
});
