import type { WarehousePlace } from './clickhouse-place.ts';
import { engine, makes, usageTables } from './usage-tables.ts';

/** What units cost, revision by revision; of a revision, prices of a tenant or of all ('') follow each other without a gap. */
export const pricesOfUnits = (place: WarehousePlace): string =>
  `${makes(place, usageTables.prices)} (
    number UInt64, revision String,
    unit LowCardinality(String), tenant LowCardinality(String), from Date,
    up_to Array(Decimal(38, 12)), nano_usd Array(Int64),
    at DateTime64(3, 'UTC') DEFAULT now64(3)
  ) ENGINE = ${engine(place, usageTables.prices, 'MergeTree')}
  ORDER BY (number, unit, tenant, from)`;

const labels = 'unit, operation, dataset, region';

/** Usage by the day and by the month. */
export const viewsOfUsage = (place: WarehousePlace): readonly string[] => {
  const hourly = place.at(usageTables.hourly);
  const by = (name: string, column: string, of: string) =>
    `${view(place, name)}
      SELECT tenant, ${of} AS ${column}, ${labels}, sum(quantity) AS quantity, sum(events) AS events
      FROM ${hourly} FINAL GROUP BY tenant, ${column}, ${labels} HAVING events > 0`;
  return [
    by('usage_daily', 'day', 'toDate(hour)'),
    by('usage_monthly', 'month', 'toStartOfMonth(hour)'),
  ];
};

/**
 * What usage costs: a line for each tenant, month, unit, price, operation, dataset and region. Tiers are of all that a
 * tenant used of a unit in a month, in the order of the lines; a line is rounded once, what lies between two to the even one.
 */
export const viewsOfCosts = (place: WarehousePlace): readonly string[] => [
  `${view(place, 'unit_costs')}
    WITH current AS (
      SELECT * FROM ${place.at(usageTables.prices)} WHERE number = (SELECT max(number) FROM ${place.at(usageTables.prices)})
    ),
    own AS (SELECT tenant, unit FROM current WHERE tenant != ''),
    lines AS (
      SELECT d.tenant AS tenant, toStartOfMonth(d.day) AS month, d.unit AS unit, p.from AS priced_from,
        d.operation AS operation, d.dataset AS dataset, d.region AS region,
        any(p.up_to) AS up_to, any(p.nano_usd) AS nano_usd, sum(d.quantity) AS quantity, sum(d.events) AS events
      FROM (
        SELECT *, if((tenant, unit) IN own, tenant, '') AS priced_as FROM ${place.at('usage_daily')}
      ) AS d
      ASOF LEFT JOIN current AS p ON p.unit = d.unit AND p.tenant = d.priced_as AND p.from <= d.day
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
      quantity, events,
      toInt128(whole + if(twice > one OR (twice = one AND whole % 2 = 1), 1, 0)) AS nano_usd,
      toDecimal128(toString(nano_usd), 9) / 1000000000 AS usd
    FROM priced`,
];

/** A quantity in parts, exactly. */
const parts = (quantity: string) => `toInt256(${quantity} * toDecimal256(1000000000000, 0))`;

const view = (place: WarehousePlace, name: string) =>
  `CREATE OR REPLACE VIEW ${place.at(name)}${place.onCluster} AS`;
