import { labelOf, unchangedDigits } from '../../processors/row-digest.ts';
import type { Kind } from '../../schemas/avro.ts';
import { literal, quoted } from '../../sinks/clickhouse-tables.ts';

/** A column of a history as it rests: its name, ClickHouse's type, and the kind that it travelled as. */
export interface HistoryColumn {
  readonly name: string;
  readonly type: string;
  readonly kind: Kind;
  readonly inKey: boolean;
}

/** SQL for the digits of a column's hash in a row of the history; null where nobody can tell what its text was. */
export function digitsOf(column: HistoryColumn): string | null {
  const text = textOf(column);
  if (text === null) return null;
  const name = literal(column.name);
  const hashed = `ifNull(substring(lower(hex(MD5(concat(${literal(labelOf(column.name))}, ${text})))), 1, 16), '')`;
  return column.inKey
    ? `if(_op = 'truncate', '', ${hashed})`
    : `if(has(_unchanged, ${name}), '${unchangedDigits}', ${hashed})`;
}

/** SQL for the one text of a value (`digestText`), as PostgreSQL prints it. */
export function textOf({ name, type, kind }: HistoryColumn): string | null {
  const column = quoted(name);
  const bare = /^(?:Nullable|LowCardinality)\((.*)\)$/.exec(type)?.[1] ?? type;
  const inner = /^Nullable\((.*)\)$/.exec(bare)?.[1] ?? bare;
  const scale = /^Decimal\(\d+, (\d+)\)$/.exec(inner)?.[1];
  if (scale !== undefined && (kind === 'decimal' || kind === 'string'))
    return `toDecimalString(${column}, ${scale})`;
  switch (kind) {
    case 'int':
    case 'long':
      return /^(?:U?Int\d+|String)$/.test(inner) ? `toString(${column})` : null;
    case 'boolean':
      return /^(?:Bool|String)$/.test(inner) ? `toString(${column})` : null;
    case 'float':
    case 'double':
      return /^Float(?:32|64)$/.test(inner)
        ? `if(isNaN(${column}), 'NaN', leftPad(lower(hex(reinterpretAsUInt64(toFloat64(${column}) + 0))), 16, '0'))`
        : null;
    case 'date':
      return /^(?:Date32|String)$/.test(inner) ? `toString(${column})` : null;
    case 'timestamp':
    case 'timestamptz': {
      if (inner === 'String') return `toString(${column})`;
      if (inner !== "DateTime64(6, 'UTC')") return null;
      const zone = kind === 'timestamptz' ? "'+00'" : "''";
      return `concat(trim(TRAILING '.' FROM trim(TRAILING '0' FROM toString(${column}))), ${zone})`;
    }
    case 'uuid':
      return /^(?:UUID|String)$/.test(inner) ? `toString(${column})` : null;
    case 'decimal':
    case 'string':
    case 'bytes':
    case 'time':
      return inner === 'String' ? `toString(${column})` : null;
  }
}
