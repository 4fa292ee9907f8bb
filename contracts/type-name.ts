import { byName } from '../schemas/built-in-types.ts';
import { quoted } from '../schemas/pg-identifier.ts';

/** Other names that PostgreSQL takes for its types, and what it means by those without a size. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['int', 'integer'],
  ['serial', 'integer'],
  ['serial4', 'integer'],
  ['bigserial', 'bigint'],
  ['serial8', 'bigint'],
  ['smallserial', 'smallint'],
  ['serial2', 'smallint'],
  ['float', 'double precision'],
  ['decimal', 'numeric'],
  ['dec', 'numeric'],
  ['char', 'character'],
  ['nchar', 'character'],
  ['national character', 'character'],
  ['char varying', 'character varying'],
  ['national character varying', 'character varying'],
  ['bpchar', 'bpchar'],
]);

/** The name that PostgreSQL itself prints for a type: `int8` is `bigint`, `timestamptz(3)` has a long name. */
export function typeName(written: string): string {
  const text = lowered(written);
  const [, base = text, size = '', rest = '', list = ''] =
    /^([^()[\]]+?)(?:\(([^)]*)\)( [a-z ]+)?)?((?:\[\d*\])*)$/.exec(text) ?? [];
  return `${scalarName(base, size, rest)}${list === '' ? '' : '[]'}`;
}

function scalarName(base: string, size: string, rest: string): string {
  const sized = size === '' ? '' : `(${size})`;
  const zoned = /^(time|timestamp)(tz| with(?:out)? time zone)?$/.exec(`${base}${rest}`);
  if (zoned)
    return `${zoned[1]}${sized} ${/^(tz| with )/.test(zoned[2] ?? '') ? 'with' : 'without'} time zone`;
  const name = aliases.get(base) ?? printedName(base);
  if (base === 'float' && size !== '') return Number(size) <= 24 ? 'real' : name;
  if (name === 'numeric' && /^\d+$/.test(size)) return `numeric(${size},0)`;
  if ((name === 'character' || name === 'bit') && size === '') return `${name}(1)`;
  return `${name}${sized}${rest}`;
}

/** The name of a type by its name in the catalog; `public` need not be said, but of what a built-in type is called. */
function printedName(base: string): string {
  const plain = base.replace(/^pg_catalog\./, '');
  const builtIn = byName.get(plain);
  if (plain === 'bit' || plain === 'json') return plain;
  if (builtIn && plain !== 'char') return builtIn.printed;
  const [, own] = /^public\.(.+)$/.exec(base) ?? [];
  return own !== undefined && !byName.has(own) ? own : base;
}

/** Case and spaces mean nothing but in quotes, and quotes nothing around a name that needs none. */
const lowered = (written: string): string =>
  written
    .trim()
    .split(/("(?:[^"]|"")*")/)
    .map((part) =>
      part.startsWith('"')
        ? quoted(part.slice(1, -1).replaceAll('""', '"'))
        : part
            .toLowerCase()
            .replaceAll(/\s+/g, ' ')
            .replaceAll(/ ?([(),[\]]) ?/g, '$1'),
    )
    .join('')
    .replace(/\)(?=[a-z])/, ') ');
