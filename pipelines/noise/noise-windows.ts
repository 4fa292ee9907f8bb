import type { KeyObject } from 'node:crypto';
import { type Queryable, sql } from '@databases/pg';
import type { Registry } from '../../contracts/registry.ts';
import {
  bounded,
  type NamedContribution,
  type Sums,
  thoseThatMatter,
} from '../../processors/noise/bounded.ts';
import { added, nothingOf } from '../../processors/noise/cells.ts';
import { type MonthWindow, monthWindow } from '../../processors/noise/months.ts';
import { NodeNoise } from '../../processors/noise/node-noise.ts';
import type { Plan } from '../../processors/noise/plan.ts';
import { release } from '../../processors/noise/release.ts';
import type { Opener } from '../../processors/unseal.ts';
import type { Noisy } from '../../schemas/noisy.ts';
import { failpoint } from '../flow/failpoint.ts';
import type { Sink } from '../flow/sink.ts';
import type { Refused } from '../flow/stage.ts';
import type { Received } from '../topic/received.ts';
import type { ClosedWindow } from '../windows/closed-window.ts';
import type { Decision, WindowUser } from '../windows/windows.ts';
import { AgainCourse } from './again-course.ts';
import type { Course } from './course.ts';
import { FirstCourse } from './first-course.ts';
import { createLedger, spentShare, type Withheld, withhold } from './ledger.ts';
import { namedContributions } from './named-contributions.ts';
import { createNoiseTables, type NoiseState, type Place, type Published } from './noise-state.ts';

/** Told of what was published and what was not. */
export interface NoiseReport {
  readonly published: (values: number) => void;
  readonly withheld: (place: Place, month: string, reason: Withheld) => void;
  readonly leftOut: (contributions: number) => void;
  readonly spent: (share: number) => void; // Of the budget of the newest month.
}

interface Parts {
  readonly plan: Plan;
  readonly key: KeyObject;
  readonly state: NoiseState;
  readonly registry: Pick<Registry, 'type'>;
  readonly open: Opener;
  readonly encode: (value: Noisy) => Published;
  readonly noisy: Sink<Published>;
  readonly letters: Sink<Refused<Received>>;
  readonly report: NoiseReport;
}

/** A window to decide: what came in it, tenant by tenant, and who counted. */
interface Due {
  readonly window: MonthWindow;
  readonly sums: ReadonlyMap<string | null, Sums>; // Nothing came of a tenant that is not there.
  readonly counted: readonly string[];
}

interface Owned {
  readonly session: Queryable;
  readonly first: Course;
  readonly again: Course;
  last: number | null; // The newest window that was ever decided,
  at: number | null; // and the one that was decided last since this worker owns the dataset.
}

/**
 * Publishes the windows of a dataset with noise. Every window is published, whether something came in it or not: else
 * that would tell. A dataset begins with the hour of its first window, so that this one tells no more than that.
 */
export class NoiseWindows implements WindowUser {
  readonly isWaiting = true; // For every window, be it empty.
  readonly #parts: Parts;
  readonly #tenants: readonly (string | null)[];
  readonly #nodes: NodeNoise;
  #owned: Owned | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#nodes = new NodeNoise(parts.key);
    this.#tenants = parts.plan.dp.tenants ?? [null];
  }

  async restore(session: Queryable): Promise<void> {
    const { plan, state } = this.#parts;
    await session.tx(async (tx) => {
      await tx.query(sql`SELECT pg_advisory_xact_lock(hashtext('conductor.dp'))`);
      await createLedger(tx);
      await createNoiseTables(tx);
    });
    const first = new FirstCourse(plan, state, session, await state.running(session));
    const last = await state.last(session);
    this.#owned = { session, first, again: new AgainCourse(state), last, at: null };
    await this.#send(session);
  }

  async close({ index, isLast, rows, refused: foreign }: ClosedWindow): Promise<Decision> {
    const { plan, letters, report, state } = this.#parts;
    const owned = this.#restored();
    const { named: came, refused } = namedContributions(this.#parts, rows);
    if (refused.length + foreign.length > 0) await letters.write([...foreign, ...refused]);
    if (index === 0) return nothing; // Rows that were copied before there was a time: they do not count.
    if (!isLast) return this.#part(owned, came);
    const { due, left } = await this.#addedUp(owned, index, came);
    report.leftOut(left);
    const all = [...this.#missed(owned, index), due];
    let values = 0;
    return {
      save: async (tx) => {
        await state.closeParts(tx);
        values = await this.#save(tx, owned, all, index);
      },
      send: async () => {
        failpoint('decided');
        await this.#send(owned.session);
        report.published(values);
        report.spent(await spentShare(owned.session, plan.dataset));
      },
    };
  }

  /** Keeps of a part of a window what may count of it: as much of a subject as of a whole one. */
  async #part({ session }: Owned, came: readonly NamedContribution[]): Promise<Decision> {
    const { plan, state } = this.#parts;
    const own = Map.groupBy(came, ({ name }) => name);
    const before = await state.openParts(session, [...own.keys()]);
    for (const each of before) own.get(each.name)?.push(each);
    const kept = [...own].map(
      ([name, all]) => [name, thoseThatMatter(all, plan.dp.contribution.rows)] as const,
    );
    return { save: (tx) => state.keepParts(tx, kept), send: async () => {} };
  }

  /** Adds up a window, with the parts of it that came before: some subjects at a time, for each counts by itself. */
  async #addedUp(owned: Owned, index: number, came: readonly NamedContribution[]) {
    const window = this.#windowAt(index);
    const sums = new Map<string | null, Sums>();
    const counted: string[] = [];
    let left = 0;
    for await (const named of this.#pages(owned.session, came)) {
      const names = [...new Set(named.map(({ name }) => name))];
      const windows = await courseOf(owned, index).windowsOf(window.month, names);
      const page = this.#bounded(named, (name) => windows.get(name) ?? 0);
      for (const [tenant, more] of page.sums) {
        const before = sums.get(tenant);
        sums.set(tenant, before?.map((cells, query) => added(cells, more[query] ?? [])) ?? more);
      }
      for (const name of page.counted) counted.push(name);
      left += page.left;
    }
    return { due: { window, sums, counted } satisfies Due, left };
  }

  async *#pages(
    session: Queryable,
    came: readonly NamedContribution[],
  ): AsyncGenerator<readonly NamedContribution[]> {
    const own = Map.groupBy(came, ({ name }) => name);
    for await (const page of this.#parts.state.openPages(session)) {
      const names = new Set(page.map(({ name }) => name));
      const more = [...names].flatMap((name) => own.get(name) ?? []);
      for (const name of names) own.delete(name);
      yield [...page, ...more];
    }
    if (own.size > 0) yield [...own.values()].flat();
  }

  #bounded(named: readonly NamedContribution[], windowsOf: (name: string) => number) {
    const sums = new Map<string | null, Sums>();
    const counted: string[] = [];
    let left = 0;
    const byTenant = Map.groupBy(named, (each) => each.tenant);
    for (const tenant of this.#tenants) {
      const own = tenant === null ? named : (byTenant.get(tenant) ?? []);
      const came = bounded(this.#parts.plan, own, windowsOf);
      sums.set(tenant, came.sums);
      counted.push(...came.counted);
      left += came.left;
    }
    return { sums, counted, left };
  }

  /** The windows without rows since the last one, or since the hour began. */
  #missed({ last, at }: Owned, index: number): readonly Due[] {
    const before = at ?? (last !== null && last < index ? last : null);
    const perHour = Math.max(1, Math.floor(3_600 / this.#parts.plan.dp.window));
    const first = before === null ? index - (index % perHour) : before + 1;
    return Array.from({ length: Math.max(0, index - first) }, (_, n) => ({
      window: this.#windowAt(first + n),
      sums: new Map(),
      counted: [],
    }));
  }

  async #save(tx: Queryable, owned: Owned, all: readonly Due[], index: number): Promise<number> {
    const { state } = this.#parts;
    const noisy: Published[] = [];
    let at = index - all.length;
    for (const due of all) {
      const course = courseOf(owned, ++at);
      for (const tenant of this.#tenants)
        noisy.push(...(await this.#decide(tx, course, due, tenant)));
      await course.count(tx, due.window.month, due.counted);
    }
    await owned.first.save(tx);
    await owned.again.save(tx);
    await state.keepUnsent(tx, noisy);
    owned.last = Math.max(owned.last ?? index, index);
    owned.at = index;
    await state.moveOn(tx, owned.last);
    failpoint('deciding');
    return noisy.length;
  }

  /** What is published of a window and a tenant, query by query. */
  async #decide(
    tx: Queryable,
    course: Course,
    { window, sums }: Due,
    tenant: string | null,
  ): Promise<readonly Published[]> {
    const { plan, encode, report } = this.#parts;
    const noisy: Published[] = [];
    for (const [at, planned] of plan.queries.entries()) {
      const place = { tenant, query: planned.query.name };
      const own = sums.get(tenant)?.[at] ?? nothingOf(planned.channels);
      const came = { window, tenant, sums: own };
      const { running, values } = release(
        { plan, planned, nodes: this.#nodes },
        course.before(place),
        came,
      );
      const withheld = await course.decide(tx, { place, planned, window, running });
      if (withheld === null) noisy.push(...values.map(encode));
      else if (withheld !== 'not asked') {
        await withhold(tx, { ...place, dataset: plan.dataset, month: window.month }, withheld);
        report.withheld(place, window.month, withheld);
      }
    }
    return noisy;
  }

  /** Sends what is decided and not known to be sent: after a crash the same bytes once more. */
  async #send(session: Queryable): Promise<void> {
    const { state, noisy } = this.#parts;
    const unsent = await state.unsent(session);
    if (unsent.length === 0) return;
    await noisy.write(unsent);
    failpoint('sent');
    await state.sent(session);
  }

  #windowAt(index: number): MonthWindow {
    const { window } = this.#parts.plan.dp;
    return monthWindow(index * window * 1_000_000, window);
  }

  #restored(): Owned {
    if (!this.#owned) throw new TypeError('a window was closed before anything was restored');
    return this.#owned;
  }
}

const nothing: Decision = { save: async () => {}, send: async () => {} };

const courseOf = ({ first, again, last }: Owned, index: number): Course =>
  last === null || index > last ? first : again;
