import { type ConnectionPool, sql } from '@databases/pg';
import { openDatabase } from '../../../ops/demo/database.ts';
import { seeded } from '../../../ops/demo/random.ts';
import { keep, type TestTable } from './tables.ts';
import type { Way } from './way.ts';

const table = (
  name: string,
  columns: readonly (readonly [name: string, type: string])[],
  key: readonly string[],
): TestTable => ({
  name,
  ddl: [
    `CREATE TABLE ${name} (${columns.map((column) => column.join(' ')).join(', ')}, PRIMARY KEY (${key.join(', ')}))`,
  ],
  tenant: null,
  subject: null,
  columns: columns.map(([column, type]) => {
    const at = key.indexOf(column);
    return keep(column, type, at < 0 ? {} : { keyPosition: at + 1 });
  }),
  relationships: [],
});

/** Money that moves between two tables, and orders with lines of their own. */
export const bankTables: readonly TestTable[] = [
  table(
    'giro',
    [
      ['id', 'bigint'],
      ['cents', 'bigint'],
    ],
    ['id'],
  ),
  table(
    'savings',
    [
      ['id', 'bigint'],
      ['cents', 'bigint'],
    ],
    ['id'],
  ),
  table(
    'orders',
    [
      ['id', 'bigint'],
      ['lines', 'integer'],
    ],
    ['id'],
  ),
  table(
    'order_lines',
    [
      ['order_id', 'bigint'],
      ['no', 'integer'],
      ['note', 'text'],
    ],
    ['order_id', 'no'],
  ),
];

const accounts = 40;
export const sum = accounts * 2 * 1_000;

/** Each account of both tables begins with as much. */
export const openAccounts = (way: Way): Promise<void> =>
  way.commit(
    ...['giro', 'savings'].map(
      (name) => `INSERT INTO ${name} SELECT n, 1000 FROM generate_series(1, ${accounts}) AS n`,
    ),
  );

/** Commits transactions that keep what holds, until it is stopped; tells how many. */
export async function trade(way: Way, seed: number, signal: AbortSignal): Promise<number> {
  const random = seeded(seed);
  let committed = 0;
  let order = 0;
  const account = () => `${random.pick(['giro', 'savings'])} `;
  while (!signal.aborted) {
    const cents = random.below(100);
    const id = () => random.below(accounts) + 1;
    const statements = [
      `UPDATE ${account()} SET cents = cents - ${cents} WHERE id = ${id()}`,
      `UPDATE ${account()} SET cents = cents + ${cents} WHERE id = ${id()}`,
    ];
    if (random.below(3) === 0) {
      const lines = random.below(9) + 1;
      statements.push(
        `INSERT INTO orders VALUES (${++order}, ${lines})`,
        `INSERT INTO order_lines SELECT ${order}, n, repeat('x', 50) FROM generate_series(1, ${lines}) AS n`,
      );
    }
    if (order > 3 && random.below(4) === 0) {
      const gone = random.below(order) + 1;
      statements.push(
        `DELETE FROM orders WHERE id = ${gone}`,
        `DELETE FROM order_lines WHERE order_id = ${gone}`,
      );
    }
    await way.commit(...statements);
    committed++;
  }
  return committed;
}

/** What is broken of what must hold at every moment. */
export interface Broken {
  readonly cents: string | null; // All money there is, if that is wrong.
  readonly orders: number; // Orders with more or fewer lines than they say.
  readonly lines: number; // Lines without their order.
}

/** Somebody who looks at the mirror again and again. */
export class Reader implements AsyncDisposable {
  readonly broken: Broken[] = [];
  looks = 0;
  #orders = 0;
  readonly #db: ConnectionPool;
  readonly #schema: string;
  readonly #stop = new AbortController();
  readonly #looking: Promise<void>;

  constructor(way: Way) {
    this.#db = openDatabase(way.urls.mirror);
    this.#schema = way.name;
    this.#looking = this.#look();
  }

  /** Different numbers of orders that it saw: whoever sees but one has seen nothing happen. */
  readonly seen = new Set<number>();

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#looking;
    await this.#db.dispose();
  }

  async #look(): Promise<void> {
    const at = (name: string) => sql.ident(this.#schema, name);
    while (!this.#stop.signal.aborted) {
      const [found] = await this.#db.query(sql`
        SELECT ((SELECT coalesce(sum(cents), 0) FROM ${at('giro')}) + (SELECT coalesce(sum(cents), 0) FROM ${at('savings')}))::text AS cents,
          (SELECT count(*)::int FROM ${at('orders')}) AS there,
          (SELECT count(*)::int FROM ${at('orders')} o
            WHERE lines <> (SELECT count(*) FROM ${at('order_lines')} l WHERE l.order_id = o.id)) AS orders,
          (SELECT count(*)::int FROM ${at('order_lines')} l
            WHERE NOT EXISTS (SELECT 1 FROM ${at('orders')} o WHERE o.id = l.order_id)) AS lines`);
      const { cents, orders, lines, there } = found;
      const isRight = cents === '0' || cents === `${sum}`;
      if (!isRight || orders > 0 || lines > 0)
        this.broken.push({ cents: isRight ? null : cents, orders, lines });
      this.#orders = there;
      this.seen.add(this.#orders);
      this.looks++;
    }
  }
}
