import { closeMonth } from '../costs/close-month.ts';
import { openCosts } from '../costs/open-costs.ts';
import { sumUp } from '../../sinks/usage-sums.ts';
import { askWarehouse } from './ask-warehouse.ts';
import type { CaptureConfig } from './capture-config.ts';
import type { Site } from './site.ts';

const topic = 'generated';
const lanes = 4;
const month = '2026-09';
const atOnce = 10_000_000;
const asked = 20;

/** What a ledger of a month of so many events, of a thousand tenants, is asked, and how long it takes to close it. */
export async function benchMonth(
  { stack, report }: Site,
  config: CaptureConfig,
  events: number,
): Promise<{ readonly slowestMs: number; readonly closeS: number; readonly sumS: number }> {
  report(`generate   ${events} events of a month`);
  for (let first = 0; first < events; first += atOnce)
    await askWarehouse(
      stack.clickhouse,
      generated(first, Math.min(atOnce, events - first), events),
    );
  report('sum        makes the sums of them');
  await using costs = await openCosts(config.file);
  const perLane = BigInt(Math.ceil(events / lanes));
  const ends = new Map(Array.from({ length: lanes }, (_, lane) => [lane, perLane]));
  const begun = performance.now();
  while ((await sumUp(costs.client, costs.place, topic, ends)) !== 'all is summed');
  const sumS = (performance.now() - begun) / 1_000;
  report('ask        a tenant asks for its month');
  const took: number[] = [];
  for (let n = 0; n < asked; n++) {
    const since = performance.now();
    await costs.ask(
      `SELECT unit, operation, sum(quantity) AS used, sum(usd) AS cost FROM ${costs.place.at('unit_costs')}
        WHERE tenant = 'tenant-${n * 37}' AND month = '${month}-01' GROUP BY unit, operation ORDER BY cost DESC`,
    );
    took.push(performance.now() - since);
  }
  report('close      the month is closed');
  const closing = performance.now();
  await closeMonth(costs, { month, who: 'bench', now: new Date(), early: false });
  const closeS = (performance.now() - closing) / 1_000;
  return {
    slowestMs: Math.max(...took),
    closeS,
    sumS,
  };
}

/** Events as applications would have sent them: mostly calls, in the order of a month, one in a hundred late by up to five days. */
const generated = (first: number, count: number, events: number): string => `
  INSERT INTO metered.usage_ledger (topic, lane, offset, tenant, source, id, unit, quantity, at, operation, dataset, region, corrects)
  SELECT '${topic}', number % ${lanes}, intDiv(number, ${lanes}), concat('tenant-', toString(cityHash64(number) % 1000)), '/api/eu',
    concat('g', toString(number)), ['graphql_call', 'graphql_call', 'graphql_call', 'analytics_query', 'storage_gb_day'][number % 5 + 1],
    1 + number % 3, toDateTime64('${month}-01 00:00:00', 6, 'UTC') + toIntervalSecond(greatest(0,
      toInt64(number / ${events} * 30 * 86400) - if(number % 101 = 0, cityHash64(number, 1) % (5 * 86400), cityHash64(number, 1) % 60))),
    ['orders.list', 'orders.get', 'customers.get', 'search', 'export'][cityHash64(number, 2) % 5 + 1], 'orders', 'eu-central', ''
  FROM numbers(${first}, ${count})`;
