const aliases: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int: 'integer',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  decimal: 'numeric',
  bool: 'boolean',
  char: 'character',
  varchar: 'character varying',
};

/** The name that PostgreSQL itself prints for a type: `int8` is `bigint`, `timestamptz(3)` has a long name. */
export function typeName(written: string): string {
  const text = written
    .trim()
    .toLowerCase()
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/ ?([(),]) ?/g, '$1');
  const [, base = text, size = '', list = ''] =
    /^([^()[\]]+?)(\([^)]*\))?((?:\[\])*)$/.exec(text) ?? [];
  const zoned = /^(time|timestamp)(tz)?$/.exec(base);
  if (zoned) return `${zoned[1]}${size} ${zoned[2] ? 'with' : 'without'} time zone${list}`;
  return `${aliases[base] ?? base}${size}${list}`;
}
