import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { binaryUnionWriter } from '../../processors/transcode/binary.ts';
import { type AvroColumn, changeSchema, kindOf } from '../../schemas/avro.ts';
import { byName } from '../../schemas/built-in-types.ts';
import { typeName } from '../../contracts/type-name.ts';

interface Line {
  readonly types: readonly string[];
  readonly avro: string;
  readonly texts: string;
  readonly readIn: string;
}

const page = await readFile('contracts/types.md', 'utf8');
const table: readonly Line[] = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, types = '', avro = '', texts = '', readIn = ''] = line
      .split('|')
      .map((cell) => cell.trim());
    return {
      types: [...types.matchAll(/`([^`]+)`/g)].map(([, type = '']) => type),
      avro,
      texts,
      readIn,
    };
  });

/** What the schema of a row says of a column: its branches, but for the first and the last. */
function branches(type: string): readonly unknown[] {
  const column: AvroColumn = { name: 'value', type, kind: kindOf(type) };
  const { fields } = changeSchema({ table: 'public.t', key: [], row: [column] });
  const [, row] = fields.find(({ name }) => name === 'before')!.type as unknown as readonly {
    readonly fields: readonly { readonly pgType: string; readonly type: readonly unknown[] }[];
  }[];
  expect(row!.fields[0]!.pgType).toBe(type);
  return row!.fields[0]!.type.slice(1, -1);
}

const shown = (branch: unknown): string => {
  if (typeof branch === 'string') return `\`${branch}\``;
  const { type, logicalType } = branch as { readonly type: string; readonly logicalType: string };
  return `\`${type}\` (\`${logicalType}\`)`;
};

for (const { types, avro, texts, readIn } of table)
  test(`the page is right about ${types.join(', ')}`, () => {
    for (const type of types) {
      const [value, escape] = branches(type);
      expect(shown(value), type).toBe(avro);
      expect(escape, type).toBe(texts === '' ? undefined : 'string');
      const column: AvroColumn = { name: 'value', type, kind: kindOf(type) };
      const isBinary = binaryUnionWriter(column, type) !== null;
      expect(readIn, type).toBe(isBinary ? 'text, binary' : 'text');
      expect(typeName(type), type).toBe(type);
    }
  });

test('the page names every built-in type once', () => {
  const named = table.flatMap(({ types }) => types);
  expect(named.length).toBe(new Set(named).size);
  const bare = new Set(named.map((type) => type.replace(/\(.*\)/, '')));
  const printed = [...byName.values()].map((type) => type.printed);
  expect(printed.filter((type) => !bare.has(type))).toEqual([]);
});
