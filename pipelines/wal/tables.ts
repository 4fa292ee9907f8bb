import { type Queryable, sql } from '@databases/pg';
import type { Trouble } from '../../contracts/cannot-run.ts';
import { isConfidential, type TableContract } from '../../contracts/contract.ts';
import { typeName } from '../../contracts/type-name.ts';
import type { Publishing } from './publication.ts';

interface Column {
  readonly table: string;
  readonly logged: boolean; // What is not a table, and an unlogged one, has no changes in the WAL.
  readonly name: string;
  readonly type: string;
  readonly inKey: boolean;
  readonly identity: string; // The table's replica identity: d, n, f or i.
  readonly told: boolean; // Whether the index of replica identity i has it.
  readonly sent: boolean; // What a column list leaves out, and what is generated and not published, nobody is told.
}

/** The contracts that are of tables: an outbox is none, and is not published. */
export const tablesOf = (
  contracts: ReadonlyMap<string, TableContract>,
): ReadonlyMap<string, TableContract> =>
  new Map([...contracts].filter(([, { outbox }]) => outbox !== true));

/** Where a table is not as its contract says. */
export interface TableFault extends Trouble {
  readonly table: string;
}

/** What is found when the contracts are held against the tables as they are. */
interface Tables {
  readonly faults: readonly TableFault[];
  readonly unknownColumns: readonly string[]; // That are sent, and no contract names.
}

/** Holds the contracts against the tables. */
export async function lookAtTables(
  db: Queryable,
  { publication, contracts }: Publishing,
): Promise<Tables> {
  const columns = (await db.query(sql`
    WITH published AS MATERIALIZED (
      SELECT schemaname, tablename, to_jsonb(t) -> 'attnames' AS columns
      FROM pg_publication_tables t WHERE pubname = ${publication})
    SELECT n.nspname || '.' || c.relname AS table, c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AS logged,
           a.attname AS name,
           format_type(a.atttypid, a.atttypmod) AS type,
           coalesce(a.attnum = ANY (k.conkey), false) AS "inKey", c.relreplident AS identity,
           coalesce(a.attnum = ANY (i.indkey), false) AS told,
           coalesce(p.columns ? a.attname::text, a.attgenerated = '') AS sent
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisreplident
    LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
    LEFT JOIN published p ON p.schemaname = n.nspname AND p.tablename = c.relname
    WHERE n.nspname || '.' || c.relname = ANY (${[...contracts.keys()]})`)) as readonly Column[];
  const tables = Map.groupBy(columns, ({ table }) => table);
  const looked = [...contracts.values()].map((contract) =>
    lookAtTable(contract, tables.get(contract.table) ?? []),
  );
  return {
    faults: looked.flatMap(({ faults }) => faults),
    unknownColumns: looked.flatMap(({ unknownColumns }) => unknownColumns),
  };
}

function lookAtTable(contract: TableContract, columns: readonly Column[]): Tables {
  const { table } = contract;
  const where = `contract of ${table}`;
  const faults: TableFault[] = [];
  const refuse = (what: string, fix: string) => void faults.push({ table, what, where, fix });
  if (columns.length === 0) {
    refuse('the table is not in the source database', 'create it, or remove its contract');
    return { faults, unknownColumns: [] };
  }
  if (!columns[0]?.logged)
    refuse(
      'it has no changes in the WAL: it is an unlogged table, or none at all',
      `ALTER TABLE ${table} SET LOGGED, or remove its contract`,
    );
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
  const unknown = columns.filter(({ name, sent }) => sent && !named.has(name));
  return { faults, unknownColumns: unknown.map(({ name }) => `${table}.${name}`) };
}

/** What an update or a delete must tell, so that its key can be made a token. Without an identity there are none. */
function checkIdentity(
  { table, key, tenant, columns }: TableContract,
  found: readonly Column[],
  refuse: (what: string, fix: string) => void,
): void {
  const identity = found[0]?.identity ?? 'd';
  const full = `ALTER TABLE ${table} REPLICA IDENTITY FULL`;
  if (identity === 'i' && found.some(({ name, told }) => key.includes(name) && !told))
    refuse(
      'the index of its replica identity lacks the primary key, so a delete would not tell its key',
      full,
    );
  const tokenised = columns.some(
    (column) => key.includes(column.name) && (isConfidential(column) || column.rule === 'tokenise'),
  );
  if (tokenised && tenant !== null && !key.includes(tenant) && identity !== 'f' && identity !== 'n')
    refuse(
      `the key is tokenised per tenant, but a delete does not tell the tenant (${tenant})`,
      full,
    );
}
