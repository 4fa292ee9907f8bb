import { type ConnectionPool, sql } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { isConfidential, type TableContract } from '../../contracts/contract.ts';
import { typeName } from '../../contracts/type-name.ts';

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
  readonly inKey: boolean;
  readonly identity: string; // The table's replica identity: d, n, f or i.
  readonly told: boolean; // Whether the index of replica identity i has it.
}

/** Holds the contracts against the tables as they are; returns the columns that no contract names. */
export async function checkTables(
  db: ConnectionPool,
  contracts: ReadonlyMap<string, TableContract>,
): Promise<readonly string[]> {
  const columns = (await db.query(sql`
    SELECT n.nspname || '.' || c.relname AS table, a.attname AS name,
           format_type(a.atttypid, a.atttypmod) AS type,
           coalesce(a.attnum = ANY (k.conkey), false) AS "inKey", c.relreplident AS identity,
           coalesce(a.attnum = ANY (i.indkey), false) AS told
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisreplident
    LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
    WHERE n.nspname || '.' || c.relname = ANY (${[...contracts.keys()]})`)) as readonly Column[];
  const tables = Map.groupBy(columns, ({ table }) => table);
  return [...contracts.values()].flatMap((contract) =>
    checkTable(contract, tables.get(contract.table) ?? []),
  );
}

function checkTable(contract: TableContract, columns: readonly Column[]): readonly string[] {
  const { table } = contract;
  const where = `contract of ${table}`;
  const refuse = (what: string, fix: string): never => {
    throw new CannotRun({ what, where, fix });
  };
  if (columns.length === 0)
    refuse('the table is not in the source database', 'create it, or remove its contract');
  for (const { name, type } of contract.columns) {
    const found = columns.find((column) => column.name === name);
    if (!found) refuse(`the table has no column ${name}`, 'correct the contract');
    else if (typeName(found.type) !== typeName(type))
      refuse(`column ${name} is ${found.type}, not ${type}`, `physicalType: ${found.type}`);
  }
  const key = columns.filter(({ inKey }) => inKey).map(({ name }) => name);
  if (key.toSorted().join() !== contract.key.toSorted().join())
    refuse(
      `the primary key is (${key.join(', ')}), not (${contract.key.join(', ')})`,
      'mark exactly these columns with primaryKey: true and their primaryKeyPosition',
    );
  checkIdentity(contract, columns, refuse);
  const named = new Set(contract.columns.map(({ name }) => name));
  return columns.filter(({ name }) => !named.has(name)).map(({ name }) => `${table}.${name}`);
}

/** What an update or a delete must tell, so that its key can be made a token. */
function checkIdentity(
  { table, key, tenant, columns }: TableContract,
  found: readonly Column[],
  refuse: (what: string, fix: string) => never,
): void {
  const identity = found[0]?.identity ?? 'd';
  const full = `ALTER TABLE ${table} REPLICA IDENTITY FULL`;
  if (identity === 'n' || (identity === 'd' && key.length === 0))
    refuse(
      'PostgreSQL refuses updates and deletes of a published table without a replica identity',
      full,
    );
  if (identity === 'i' && found.some(({ name, told }) => key.includes(name) && !told))
    refuse(
      'the index of its replica identity lacks the primary key, so a delete would not tell its key',
      full,
    );
  const tokenised = columns.some(
    (column) => key.includes(column.name) && (isConfidential(column) || column.rule === 'tokenise'),
  );
  if (tokenised && tenant !== null && !key.includes(tenant) && identity !== 'f')
    refuse(
      `the key is tokenised per tenant, but a delete does not tell the tenant (${tenant})`,
      full,
    );
}
