import { CannotRun } from '../../contracts/cannot-run.ts';
import { type Catalog, type Relation, tableName } from './catalog.ts';

/** The schemas and tables that were asked for; all, if none were named. */
export interface Only {
  readonly schemas: readonly string[];
  readonly tables: readonly string[]; // `orders`, or `public.orders`.
}

/** Keeps what was asked for, and refuses a name that is nowhere. Partitions are their root's, unless they are named. */
export function onlyOf(catalog: Catalog, { schemas, tables }: Only, where: string): Catalog {
  const { relations } = catalog;
  const known = [...new Set(relations.map(({ schema }) => schema))];
  for (const schema of schemas)
    if (!known.includes(schema))
      refuse(`there is no table in a schema ${schema}`, where, `one of: ${known.join(', ')}`);
  const inSchemas = relations.filter(
    ({ schema }) => schemas.length === 0 || schemas.includes(schema),
  );
  for (const table of tables)
    if (!inSchemas.some(isCalled(table)))
      refuse(
        `there is no table ${table}`,
        where,
        'write it as the database does, capitals and all: orders, or public.orders',
      );
  const wanted = inSchemas.filter((relation) =>
    tables.length === 0
      ? relation.kind !== 'partition'
      : tables.some((table) => isCalled(table)(relation)),
  );
  return { ...catalog, relations: wanted };
}

const isCalled = (table: string) => (relation: Relation) =>
  relation.name === table || tableName(relation) === table;

function refuse(what: string, where: string, fix: string): never {
  throw new CannotRun({ what, where, fix });
}
