const tenants = 1_000;
const operations = ['orders.list', 'orders.get', 'customers.get', 'search', 'export'];
const units = ['graphql_call', 'graphql_call', 'graphql_call', 'analytics_query', 'storage_gb_day'];
const begun = Date.UTC(2026, 9, 25);
const perSecond = 70; // Of the events' own time.

/** How many events come once more, and how many are corrected. */
const oneInRepeats = 100;
const oneInCorrects = 1_000;

/** The nth event of usage of a benchmark: mostly calls, of a thousand tenants; one in a hundred is late by days, and one in a hundred is that of before once more. */
export function usageEvent(n: number): { readonly tenant: string; readonly text: string } {
  const of = n % oneInRepeats === oneInRepeats - 1 ? n - 1 : n;
  const mixed = mixedOf(of);
  const target = of % oneInCorrects === oneInCorrects - 2 ? of - 10 : null;
  const tenant = `tenant-${mixedOf(target ?? of) % tenants}`;
  const late = mixed % 97 === 0 ? (mixed % 20) * 86_400 : mixed % 60;
  const time = new Date(
    begun + Math.floor(of / perSecond - late) * 1_000 + (mixed % 1_000),
  ).toISOString();
  const unit = units[mixed % units.length];
  const corrects = target === null ? {} : { corrects: idOf(target) };
  const event = {
    specversion: '1.0',
    type: 'conductor.usage',
    source: '/api/eu',
    id: idOf(of),
    subject: tenant,
    time,
    data: {
      unit,
      quantity: unit === 'storage_gb_day' ? `0.${(mixed % 999) + 1}` : (mixed % 3) + 1,
      operation: operations[(mixed >>> 8) % operations.length],
      dataset: 'orders',
      region: 'eu-central',
      ...corrects,
    },
  };
  return { tenant, text: JSON.stringify(event) };
}

const mixedOf = (n: number): number => Math.imul(n, 0x9e37_79b1) >>> 0;
const idOf = (n: number): string => `${n}-0f3c-4c1e-8d57`;
