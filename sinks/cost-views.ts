import type { WarehousePlace } from './clickhouse-place.ts';
import { engine, makes, usageTables } from './usage-tables.ts';
import { view } from './usage-views.ts';

/** What units cost, revision by revision; of a revision, prices of a tenant or of all ('') follow each other without a gap. */
export const pricesOfUnits = (place: WarehousePlace): string =>
  `${makes(place, usageTables.prices)} (
    number UInt64, revision String,
    unit LowCardinality(String), tenant LowCardinality(String), from Date,
    up_to Array(Decimal(38, 12)), nano_usd Array(Int64),
    at DateTime64(3, 'UTC') DEFAULT now64(3)
  ) ENGINE = ${engine(place, usageTables.prices, 'MergeTree')}
  ORDER BY (number, unit, tenant, from)`;

/**
 * Months that were closed, and closed anew: of a month the last \`number\` counts. Its lines rest under it, whole before it is
 * noted here. A closed month keeps its prices; what comes later of it was summed after \`seen\`.
 */
export const closedMonths = (place: WarehousePlace): readonly string[] => [
  `${makes(place, usageTables.closings)} (
    month Date, number UInt32, state Enum8('closed' = 1, 'reopened' = 2), prices UInt64, seen DateTime64(3, 'UTC'),
    lines UInt64, nano_usd Int128, digest String, who String, at DateTime64(3, 'UTC') DEFAULT now64(3)
  ) ENGINE = ${engine(place, usageTables.closings, 'MergeTree')}
  ORDER BY (month, number)`,
  `${makes(place, usageTables.closedLines)} (
    month Date, number UInt32, ${lineColumns}
  ) ENGINE = ${engine(place, usageTables.closedLines, 'MergeTree')}
  ORDER BY (month, number, tenant, kind, of_month, unit, priced_from, operation, dataset, region)`,
];

const lineColumns = `kind LowCardinality(String), of_month Date, tenant LowCardinality(String), unit LowCardinality(String),
    operation LowCardinality(String), dataset LowCardinality(String), region LowCardinality(String),
    priced_from Date, is_priced Bool, quantity Decimal(38, 12), events Int64, nano_usd Int128`;

/** What tells the lines of a month apart. */
const line = 'of_month, tenant, unit, operation, dataset, region, priced_from';
const told = `kind, ${line}, is_priced, quantity, events, nano_usd`;

export const viewsOfCosts = (place: WarehousePlace): readonly string[] => [
  `${view(place, 'closed_months')}
    SELECT month, max(number) AS closing, argMax(prices, number) AS priced_by, argMax(seen, number) AS seen_until
    FROM ${place.at(usageTables.closings)} GROUP BY month HAVING argMax(state, number) = 'closed'`,
  pricedView(place),
  costsView(place),
];

/**
 * What usage costs, of the ledger as it is: a line for each tenant, month, unit, price, operation, dataset and region. Tiers are of
 * all that a tenant used of a unit in a month, in the order of the lines; a line is rounded once, what lies between two to the even one.
 */
const pricedView = (place: WarehousePlace): string => `${view(place, 'priced_usage')}
    WITH lines AS (
      SELECT d.tenant AS tenant, d.month AS month, d.unit AS unit, p.from AS priced_from,
        d.operation AS operation, d.dataset AS dataset, d.region AS region,
        any(p.up_to) AS up_to, any(p.nano_usd) AS nano_usd, sum(d.quantity) AS quantity, sum(d.events) AS events
      FROM (
        SELECT u.*, toStartOfMonth(u.day) AS month, if(c.closing > 0, c.priced_by, (SELECT max(number) FROM ${place.at(usageTables.prices)})) AS priced_by,
          if((priced_by, u.tenant, u.unit) IN (SELECT number, tenant, unit FROM ${place.at(usageTables.prices)} WHERE tenant != ''), u.tenant, '') AS priced_as
        FROM ${place.at('usage_daily')} AS u LEFT JOIN ${place.at('closed_months')} AS c ON c.month = toStartOfMonth(u.day)
      ) AS d
      ASOF LEFT JOIN ${place.at(usageTables.prices)} AS p
        ON p.number = d.priced_by AND p.unit = d.unit AND p.tenant = d.priced_as AND p.from <= d.day
      GROUP BY tenant, month, unit, priced_from, operation, dataset, region
    ),
    months AS (
      SELECT tenant, month, unit,
        arraySort(groupArray((priced_from, operation, dataset, region, quantity, up_to, nano_usd, events))) AS all,
        arrayCumSum(arrayMap(line -> line.5, all)) AS sums
      FROM lines GROUP BY tenant, month, unit
    ),
    priced AS (
      SELECT tenant, month, unit, line.1 AS priced_from, line.2 AS operation, line.3 AS dataset, line.4 AS region,
        line.5 AS quantity, line.8 AS events, line.6 AS up_to, line.7 AS prices,
        ${parts('sum')} AS end, end - ${parts('quantity')} AS start,
        arrayMap((nano, index) -> nano * greatest(toInt256(0),
            least(if(index = length(prices), end, ${parts('up_to[index]')}), end)
              - greatest(if(index = 1, toInt256(0), ${parts('up_to[index - 1]')}), start)),
          prices, arrayEnumerate(prices)) AS by_tier,
        arraySum(by_tier) AS exact, toInt256(1000000000000) AS one,
        intDiv(exact, one) AS whole, 2 * (exact - whole * one) AS twice
      FROM months ARRAY JOIN all AS line, sums AS sum
    )
    SELECT tenant, month, unit, operation, dataset, region, priced_from, length(by_tier) > 0 AS is_priced,
      quantity, toInt64(events) AS events,
      toInt128(whole + if(twice > one OR (twice = one AND whole % 2 = 1), 1, 0)) AS nano_usd
    FROM priced`;

/**
 * What a month costs. Of a closed one, the lines that it was closed with, for ever. Of others, the usage as it is; and of the
 * month that is to be closed next, also what the closed ones before it would have now, and do not.
 */
function costsView(place: WarehousePlace): string {
  const closed = place.at('closed_months');
  const last = `(SELECT max(month) FROM ${closed})`; // The first day of all, where none is.
  const isClosed = `(month <= ${last} AND ${last} != toDate(0))`; // Before the first that was closed, all are.
  const resting = `SELECT month, ${told} FROM ${place.at(usageTables.closedLines)} WHERE (month, number) IN (SELECT month, closing FROM ${closed})`;
  const touched = `SELECT h.tenant, toStartOfMonth(h.hour) FROM ${place.at(usageTables.hourly)} AS h
      LEFT JOIN ${closed} AS c ON c.month = toStartOfMonth(h.hour)
      WHERE toStartOfMonth(h.hour) <= ${last} AND h.summed >= c.seen_until`;
  return `${view(place, 'unit_costs')}
    SELECT tenant, month, ${told.replace('tenant, ', '')}, toDecimal128(toString(nano_usd), 9) / 1000000000 AS usd FROM (
      ${resting}
      UNION ALL
      SELECT month, 'usage' AS kind, month AS of_month, ${told.replace('kind, of_month, ', '')}
      FROM ${place.at('priced_usage')} WHERE NOT ${isClosed}
      UNION ALL
      SELECT addMonths(${last}, 1) AS month, 'correction' AS kind, ${line},
        max(is_priced), sum(quantity), sum(events), sum(nano_usd)
      FROM (
        SELECT month AS of_month, ${told.replace('kind, of_month, ', '')}
        FROM ${place.at('priced_usage')} WHERE ${isClosed} AND (tenant, month) IN (${touched})
        UNION ALL
        SELECT ${line}, is_priced, -quantity AS quantity, -events AS events, -nano_usd AS nano_usd
        FROM (${resting}) WHERE kind IN ('usage', 'correction') AND (tenant, of_month) IN (${touched})
      )
      GROUP BY ${line} HAVING sum(quantity) != 0 OR sum(nano_usd) != 0 OR sum(events) != 0
    )`;
}

/** A quantity in parts, exactly. */
const parts = (quantity: string) => `toInt256(${quantity} * toDecimal256(1000000000000, 0))`;
