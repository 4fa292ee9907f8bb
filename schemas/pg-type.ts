import { byArrayOid, byName, byOid, type BuiltInType } from './built-in-types.ts';
import { quoted } from './pg-identifier.ts';

/** A type as the server names it in the WAL: of a domain, its base type; of an array, a name that begins with `_`. */
export interface NamedType {
  readonly schema: string; // Empty for pg_catalog.
  readonly name: string;
}

/**
 * The text that format_type would print for a column's type, with `public` in the search path. `named`
 * holds what the server told of types that are not its own; one that it told nothing of is named by its OID.
 */
export function typeText(
  oid: number,
  typmod: number,
  named: ReadonlyMap<number, NamedType>,
): string {
  const builtIn = byOid.get(oid);
  if (builtIn) return sized(builtIn, typmod);
  const element = byArrayOid.get(oid);
  if (element) return `${sized(element, typmod)}[]`;
  const told = named.get(oid);
  return told ? namedText(told, typmod) : `type ${oid}`;
}

function namedText({ schema, name }: NamedType, typmod: number): string {
  if (name.startsWith('_') && name.length > 1)
    return `${namedText({ schema, name: name.slice(1) }, typmod)}[]`;
  const builtIn = byName.get(name);
  if (schema === '' || schema === 'pg_catalog')
    return builtIn ? sized(builtIn, typmod) : quoted(name);
  // A name that a built-in type has too would be taken for that one.
  return schema === 'public' && !builtIn ? quoted(name) : `${quoted(schema)}.${quoted(name)}`;
}

/** A type with what its modifier says of it. */
function sized({ name, printed }: BuiltInType, typmod: number): string {
  if (typmod < 0) return printed;
  switch (name) {
    case 'numeric': {
      const scale = (((typmod - 4) & 0x7ff) ^ 0x400) - 0x400; // It may be negative.
      return `numeric(${((typmod - 4) >> 16) & 0xffff},${scale})`;
    }
    case 'bpchar':
      return `character(${typmod - 4})`;
    case 'varchar':
      return `character varying(${typmod - 4})`;
    case 'bit':
      return `bit(${typmod})`;
    case 'varbit':
      return `bit varying(${typmod})`;
    case 'time':
    case 'timetz':
    case 'timestamp':
    case 'timestamptz':
      return printed.replace(' ', `(${typmod}) `);
    case 'interval':
      return intervalText(typmod);
    default:
      return printed;
  }
}

const anyPrecision = 0xffff;

/** The fields of an interval by the bits that the server keeps for them. */
const intervalFields: ReadonlyMap<number, string> = new Map([
  [0x4, ' year'],
  [0x2, ' month'],
  [0x8, ' day'],
  [0x400, ' hour'],
  [0x800, ' minute'],
  [0x1000, ' second'],
  [0x6, ' year to month'],
  [0x408, ' day to hour'],
  [0xc08, ' day to minute'],
  [0x1c08, ' day to second'],
  [0xc00, ' hour to minute'],
  [0x1c00, ' hour to second'],
  [0x1800, ' minute to second'],
]);

function intervalText(typmod: number): string {
  const fields = intervalFields.get((typmod >> 16) & 0x7fff) ?? '';
  const precision = typmod & anyPrecision;
  return `interval${fields}${precision === anyPrecision ? '' : `(${precision})`}`;
}
