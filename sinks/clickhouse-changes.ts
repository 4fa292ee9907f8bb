import { NotNow } from '../contracts/cannot-run.ts';
import { localName, type WarehousePlace } from './clickhouse-place.ts';
import { bare, ownColumns, quoted, type WarehouseTable } from './clickhouse-tables.ts';

/** The columns of a table as they rest, with their types. */
export type RestingColumns = ReadonlyMap<string, string>;

/**
 * What brings the columns of a history up to the contract: new ones are added, and one whose type holds all that it held
 * becomes that type. Refuses what would lose a value; a column that the contract has no longer stays, with what it has.
 */
export function changesOfColumns(
  place: WarehousePlace,
  { source, history, key, columns }: WarehouseTable,
  resting: RestingColumns,
): readonly string[] {
  const wanted = [
    ...columns,
    ...Object.entries(ownColumns).map(([name, type]) => ({ name, type, isMade: false })),
  ];
  const changes = wanted.flatMap(({ name, type, isMade }) => {
    const known = resting.get(name);
    if (known === undefined) return [`ADD COLUMN IF NOT EXISTS ${quoted(name)} ${type}`];
    if (known === type) return [];
    const widens = isMade || holdsAll(bare(type), bare(known));
    if (widens && !key.includes(name)) return [`MODIFY COLUMN ${quoted(name)} ${type}`];
    throw new NotNow({
      what: `table ${source}: column ${name} rests as ${known}, and its contract asks for ${type}, which ${
        widens ? 'a column of the key cannot become' : 'does not hold all of it'
      }`,
      where: `${place.database}.${history}`,
      fix: `RENAME TABLE ${place.at(history)} to keep it, and the history begins anew; or give the column its type of before in the contract`,
    });
  });
  const names = place.cluster === null ? [history] : [localName(history), history];
  return names.flatMap((name) =>
    changes.map((change) => `ALTER TABLE ${place.at(name)}${place.onCluster} ${change}`),
  );
}

/** Whether a type holds every value of another one, as it is. */
function holdsAll(type: string, known: string): boolean {
  const [wide, narrow] = [decimalIn(type), decimalIn(known)];
  if (wide && narrow) {
    return wide.scale === narrow.scale && wide.precision >= narrow.precision;
  }
  return (wider[known] ?? []).includes(type);
}

const wider: Readonly<Record<string, readonly string[]>> = {
  Int16: ['Int32', 'Int64', 'String'],
  Int32: ['Int64', 'String'],
  Int64: ['String'],
  Float32: ['Float64'],
  UUID: ['String'],
  Date32: ['String'],
};

function decimalIn(type: string) {
  const [, precision, scale] = /^Decimal\((\d+), (\d+)\)$/.exec(type) ?? [];
  return precision === undefined ? null : { precision: Number(precision), scale: Number(scale) };
}
