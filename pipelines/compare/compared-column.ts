import pg from 'pg';
import type { TableContract } from '../../contracts/contract.ts';
import { type Halves, serverHash } from '../../processors/server-hash.ts';
import { kindOf } from '../../schemas/avro.ts';
import type { Value } from '../../schemas/value.ts';
import type { Described } from '../backfill/described.ts';

/** A column whose hash is the same at both ends: the server's SQL for it, and ours from a change's value. */
export interface ComparedColumn {
  readonly name: string;
  readonly inKey: boolean;
  readonly hashSql: string;
  hash(value: Value, out: Halves): void;
}

/** The columns of a table that its contract names. */
export function comparedColumns(
  contract: TableContract,
  described: Described,
): readonly ComparedColumn[] {
  const types = new Map(described.relation.columns.map(({ name, type }) => [name, type]));
  return contract.columns.flatMap(({ name }, index) => {
    const type = types.get(name);
    const printed = described.printed.get(name);
    if (type === undefined || printed === undefined) return [];
    return comparedColumn(name, type, printed, {
      seed: index + 1,
      inKey: contract.key.includes(name),
      inUtf8: ['UTF8', 'SQL_ASCII'].includes(described.encoding),
    });
  });
}

function comparedColumn(
  name: string,
  type: string,
  printed: string,
  {
    seed,
    inKey,
    inUtf8,
  }: { readonly seed: number; readonly inKey: boolean; readonly inUtf8: boolean },
): ComparedColumn {
  const kind = kindOf(type);
  const quoted = pg.escapeIdentifier(name);
  const floats: Readonly<Record<string, string>> = {
    float: `encode(float4send(${quoted}::real), 'hex')`,
    double: `encode(float8send(${quoted}::float8), 'hex')`,
    boolean: `${quoted}::boolean::text`,
  };
  // The server hashes the bytes that it keeps. Where those are not ours, both hash the hex of what is ours.
  const bytes = (sql: string) => (inUtf8 ? sql : `encode(convert_to(${sql}, 'UTF8'), 'hex')`);
  const text = `(${floats[kind] ?? bytes(printed)}) COLLATE "C"`;
  let scratch = Buffer.alloc(256);
  return {
    name,
    inKey,
    hashSql: `coalesce(hashtextextended(${text}, ${seed}), ${seed})`,
    hash(value, out) {
      if (value === null) {
        out.high = 0;
        out.low = seed;
        return;
      }
      const plain = typeof value === 'number' ? numberText(value, kind) : `${value}`;
      const shown = inUtf8 || kind in floats ? plain : Buffer.from(plain).toString('hex');
      if (scratch.length < shown.length * 3) scratch = Buffer.alloc(shown.length * 3);
      const length = scratch.write(shown);
      serverHash(scratch, 0, length, seed, out);
    },
  };
}

/** Numbers are printed one way here and another there: floats are compared by their bits. */
function numberText(value: number, kind: string): string {
  if (kind !== 'float' && kind !== 'double') return `${value}`;
  const bits = Buffer.alloc(kind === 'float' ? 4 : 8);
  if (kind === 'float') bits.writeFloatBE(value);
  else bits.writeDoubleBE(value);
  return bits.toString('hex');
}
