import { CannotRun, NotNow } from '../../contracts/cannot-run.ts';
import { holdName } from '../../pipelines/wal/held-name.ts';
import { ownPool } from '../../pipelines/wal/own-pool.ts';
import { literal } from '../../sinks/clickhouse-tables.ts';
import { usageTables } from '../../sinks/usage-tables.ts';
import { monthAfter } from './calendar.ts';
import { type Closing, closings, statementOf } from './closings.ts';
import type { Costs } from './open-costs.ts';
import { type SharedCost, sharedCosts } from './shared-costs.ts';

interface Asked {
  readonly month: string; // YYYY-MM
  readonly who: string;
  readonly now: Date;
  readonly early: boolean; // Within its grace.
}

/** A month as it is closed, and its statement. */
export interface Closed {
  readonly closing: Closing;
  readonly bytes: Buffer;
  readonly isNew: boolean;
}

/** Closes a month, for ever: its lines are written down under a number, and then it is noted that this number counts. */
export const closeMonth = (costs: Costs, asked: Asked): Promise<Closed> =>
  oneAtATime(costs, async () => {
    const known = await closings(costs);
    const before = known.find(({ month, state }) => month === asked.month && state === 'closed');
    if (before) {
      const { bytes, digest } = await statementOf(costs, before);
      if (digest !== before.digest) throw altered(before);
      return { closing: before, bytes, isNew: false };
    }
    refuseUnlessOver(costs, asked);
    await refuseUnlessNext(costs, asked.month, known);
    await refuseUnlessSummed(costs);
    const since = await sinceNow(costs);
    const number = await writeLines(costs, asked.month);
    const { bytes, digest } = await statementOf(costs, { month: asked.month, number });
    await note(costs, asked, { number, digest, since });
    const closing = (await closings(costs)).find(({ month }) => month === asked.month);
    if (!closing) throw new Error(`${asked.month} was closed, and is not there`);
    return { closing, bytes, isNew: true };
  });

/** Opens the month that was closed last: what it costs is open again, and what was corrected in it waits again. */
export const reopenMonth = (
  costs: Costs,
  { month, who }: Pick<Asked, 'month' | 'who'>,
): Promise<void> =>
  oneAtATime(costs, async () => {
    const closed = (await closings(costs)).filter(({ state }) => state === 'closed');
    const last = closed.at(-1);
    if (last?.month !== month)
      throw new CannotRun({
        what: last
          ? `only the month that was closed last can be opened again, which is ${last.month}`
          : 'no month is closed',
        where: month,
        fix: last ? `open ${last.month} first` : 'nothing is to be done',
      });
    const { place, run } = costs;
    await run(
      `INSERT INTO ${place.at(usageTables.closings)} (month, number, state, who)
        VALUES ('${month}-01', ${last.number + 1}, 'reopened', ${literal(who)})`,
    );
  });

async function oneAtATime<T>(costs: Costs, work: () => Promise<T>): Promise<T> {
  const { database } = costs.place;
  await using db = pool(costs);
  await using held = await holdName(db.pool, `conductor costs ${database}`);
  if (!held)
    throw new CannotRun({
      what: 'somebody else closes or opens a month',
      where: database,
      fix: 'try again when he is done',
    });
  return await work();
}

function pool({ config }: Costs) {
  const db = ownPool(config.state.url, { name: 'conductor costs', size: 1 });
  return { pool: db, [Symbol.asyncDispose]: () => db.dispose() };
}

const dayMs = 86_400_000;

function refuseUnlessOver({ graceDays }: Costs, { month, now, early }: Asked): void {
  const [year = 0, of = 0] = month.split('-').map(Number);
  const end = Date.UTC(year, of, 1);
  if (now.getTime() < end)
    throw new CannotRun({
      what: `${month} is not over`,
      where: 'the month',
      fix: `close it from ${new Date(end).toISOString().slice(0, 10)} on`,
    });
  const settled = end + graceDays * dayMs;
  if (now.getTime() < settled && !early)
    throw new CannotRun({
      what: `${month} is in its grace: usage of it may still come, and would be a correction`,
      where: 'metering.graceDays',
      fix: `close it from ${new Date(settled).toISOString().slice(0, 10)} on, or now with --early`,
    });
}

/** Months are closed one after the other: what comes late goes into the next. */
async function refuseUnlessNext(
  { ask, place }: Costs,
  month: string,
  known: readonly Closing[],
): Promise<void> {
  const last = known.findLast(({ state }) => state === 'closed')?.month;
  const [first] = await ask<{ month: string }>(
    `SELECT formatDateTime(min(hour), '%Y-%m') AS month FROM ${place.at(usageTables.hourly)} WHERE events > 0 HAVING count() > 0`,
  );
  const next = last === undefined ? (first?.month ?? month) : monthAfter(last);
  if (next < month)
    throw new CannotRun({
      what: `${next} is open, which comes before ${month}`,
      where: month,
      fix: `close ${next} first`,
    });
  if (month < next && last !== undefined)
    throw new CannotRun({
      what: `${last} is closed, which comes after ${month}: what comes of it goes into ${next}`,
      where: month,
      fix: `close ${next}`,
    });
}

/** What is in the ledger and in no sum yet would be missed. */
async function refuseUnlessSummed({ ask, place }: Costs): Promise<void> {
  const [behind] = await ask<{ events: string }>(
    `SELECT toString(sum(l.next - p.next)) AS events FROM (
        SELECT topic, lane, max(offset) + 1 AS next FROM ${place.at(usageTables.ledger)} GROUP BY topic, lane
      ) AS l LEFT JOIN (
        SELECT topic, lane, max(next) AS next FROM ${place.at(usageTables.progress)} GROUP BY topic, lane
      ) AS p ON p.topic = l.topic AND p.lane = l.lane WHERE l.next > p.next HAVING count() > 0`,
  );
  if (behind)
    throw new CannotRun({
      what: `${behind.events} places of the ledger are not summed yet`,
      where: 'conductor run meter',
      fix: 'let it run until it is done: conductor run meter --until-current',
    });
}

/** Writes the lines of a month under a number that nobody had, and counts for nothing yet. */
async function writeLines(costs: Costs, month: string): Promise<number> {
  const { ask, run, place } = costs;
  const [numbers] = await ask<{ next: string }>(
    `SELECT toString(greatest(
        (SELECT max(number) FROM ${place.at(usageTables.closings)} WHERE month = '${month}-01'),
        (SELECT max(number) FROM ${place.at(usageTables.closedLines)} WHERE month = '${month}-01')) + 1) AS next`,
  );
  const number = Number(numbers?.next ?? 1);
  const shared = await sharesOf(costs, month);
  const told = `kind, of_month, tenant, unit, operation, dataset, region, priced_from, is_priced, quantity, events, nano_usd`;
  await run(`INSERT INTO ${place.at(usageTables.closedLines)} (month, number, ${told})
    SELECT month, ${number}, ${told} FROM ${place.at('unit_costs')} WHERE month = '${month}-01'`);
  const rows = shared.map(
    ({ name, method, tenant, nanoUsd }) =>
      `('${month}-01', ${number}, 'allocation', '${month}-01', ${literal(tenant)}, ${literal(name)}, ${literal(method)}, '', '', '${month}-01', true, 0, 0, ${nanoUsd})`,
  );
  if (rows.length > 0)
    await run(
      `INSERT INTO ${place.at(usageTables.closedLines)} (month, number, ${told}) VALUES ${rows.join(', ')}`,
    );
  return number;
}

/** Who bears how much of what all share in a month. */
async function sharesOf(costs: Costs, month: string): Promise<readonly SharedCost[]> {
  const { ask, place } = costs;
  const used = await ask<{ tenant: string; unit: string; parts: string }>(
    `SELECT tenant, unit, toString(toInt256(sum(quantity) * toDecimal256(1000000000000, 0))) AS parts
      FROM ${place.at('usage_monthly')} WHERE month = '${month}-01' GROUP BY tenant, unit ORDER BY tenant, unit`,
  );
  const allocations = await costs.allocations();
  return sharedCosts(
    allocations,
    month,
    used.map(({ parts, ...of }) => ({ ...of, parts: BigInt(parts) })),
  );
}

/** By what lines are read from now on: which prices, and since when sums are not in them. */
interface Since {
  readonly prices: string;
  readonly seen: string;
}

async function sinceNow({ ask, place }: Costs): Promise<Since> {
  const [since] = await ask<Since>(
    `SELECT toString(max(number)) AS prices, toString(now64(3, 'UTC')) AS seen FROM ${place.at(usageTables.prices)}`,
  );
  if (!since) throw new Error('an aggregate without a row');
  return since;
}

interface Written {
  readonly number: number;
  readonly digest: string;
  readonly since: Since;
}

/** From here on the month is closed. Sums that were made since its lines were read are looked at again. */
async function note(
  costs: Costs,
  { month, who }: Asked,
  { number, digest, since }: Written,
): Promise<void> {
  const { run, place } = costs;
  const { prices } = await sinceNow(costs);
  if (prices !== since.prices)
    throw new NotNow({
      what: `prices have changed while ${month} was closed`,
      where: 'metering.unitCosts',
      fix: 'close it again',
    });
  const lines = `${place.at(usageTables.closedLines)} WHERE month = '${month}-01' AND number = ${number}`;
  await run(
    `INSERT INTO ${place.at(usageTables.closings)} (month, number, state, prices, seen, lines, nano_usd, digest, who)
      SELECT '${month}-01', ${number}, 'closed', ${prices}, ${literal(since.seen)}, count(), sum(nano_usd), ${literal(digest)}, ${literal(who)}
      FROM ${lines}`,
  );
}

const altered = ({ month, digest }: Closing) =>
  new CannotRun({
    what: `the lines of ${month} are not those that it was closed with: their digest is not ${digest}`,
    where: usageTables.closedLines,
    fix: 'find out who changed them; the statement that was exported then is what counts',
  });
