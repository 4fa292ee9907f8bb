import type { WarehousePlace } from './clickhouse-place.ts';
import { usageTables } from './usage-tables.ts';

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

/** How a view begins. */
export const view = (place: WarehousePlace, name: string): string =>
  `CREATE OR REPLACE VIEW ${place.at(name)}${place.onCluster} AS`;
