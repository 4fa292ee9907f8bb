import { expect, test } from 'vitest';
import {
  binaryJsonWriter,
  binaryKeyWriter,
  binaryUnionWriter,
} from '../../../processors/transcode/binary.ts';
import { textJsonWriter } from '../../../processors/transcode/json.ts';
import { textKeyWriter, textUnionWriter } from '../../../processors/transcode/text.ts';
import { kindOf } from '../../../schemas/avro.ts';
import { written } from './column-writers.ts';

const columnOf = (type: string) => ({ name: 'value', type, kind: kindOf(type) });

/** Values as a server of PostgreSQL 18 sends them: as text, and in binary. All types are in `test/stack`. */
const golden = [
  ['boolean', 't', '01'],
  ['smallint', '-2', 'fffe'],
  ['integer', '123456', '0001e240'],
  ['bigint', '-9223372036854775808', '8000000000000000'],
  ['oid', '4294967295', 'ffffffff'],
  ['xid8', '18446744073709551615', 'ffffffffffffffff'],
  ['real', '1.1', '3f8ccccd'],
  ['double precision', '-0.1', 'bfb999999999999a'],
  ['numeric', '-12345.6789', '0003000140000004000109291a85'],
  ['numeric(12,2)', '0.05', '0001ffff0000000201f4'],
  ['numeric(12,2)', 'NaN', '00000000c0000000'],
  ['numeric', '-Infinity', '00000000f0000020'],
  ['numeric', '0.00', '0000000000000002'],
  ['text', 'Größe', '4772c3b6c39f65'],
  ['jsonb', '{"a": 1}', '017b2261223a20317d'],
  ['"char"', '\\200', '80'],
  ['bytea', '\\x00ff', '00ff'],
  ['uuid', '123e4567-e89b-12d3-a456-426614174000', '123e4567e89b12d3a456426614174000'],
  ['date', '0044-03-15 BC', 'fff49d7b'],
  ['date', 'infinity', '7fffffff'],
  ['time without time zone', '24:00:00', '000000141dd76000'],
  ['time with time zone', '10:00:00.5+05:30', '0000000861cc0920ffffb2a8'],
  ['timestamp without time zone', '2024-02-29 10:00:00.5', '0002b58117586920'],
  ['timestamp with time zone', '294276-12-31 23:59:59.999999+00', '7fffff5bb3b29fff'],
  ['timestamp with time zone', '-infinity', '8000000000000000'],
  ['interval', '-1 years -2 mons +3 days -04:05:06.7', 'fffffffc9369912000000003fffffff2'],
  ['interval', 'infinity', '7fffffffffffffff7fffffff7fffffff'],
  ['interval', '-infinity', '80000000000000008000000080000000'],
  ['interval', '178956970 years 7 mons 2147483647 days', '00000000000000007fffffff7fffffff'],
  ['interval', '-178956970 years -8 mons -2147483648 days', '00000000000000008000000080000000'],
  [
    'interval',
    '-178956970 years -8 mons -2147483648 days +2562047788:00:54.775807',
    '7fffffffffffffff8000000080000000',
  ],
  ['bit varying', '101', '00000003a0'],
  ['inet', '::ffff:1.2.3.4/120', '0378001000000000000000000000ffff01020304'],
  ['cidr', '10.0.0.0/8', '020801040a000000'],
  ['macaddr', '08:00:2b:01:02:03', '08002b010203'],
  ['point', '(1.5,-0)', '3ff80000000000008000000000000000'],
  ['tid', '(1,2)', '000000010002'],
  ['tsvector', "'a':1A,2 'b''c'", '0000000261000002c0010002622763000000'],
  [
    'integer[]',
    '[0:1]={5,NULL}',
    '00000001000000010000001700000002000000000000000400000005ffffffff',
  ],
  [
    'text[]',
    '{"a b",NULL,"NULL"}',
    '000000010000000100000019000000030000000100000003612062ffffffff000000044e554c4c',
  ],
  ['int4range', '[1,)', '120000000400000001'],
  [
    'int4multirange',
    '{[1,3),[5,)}',
    '0000000200000011020000000400000001000000040000000300000009120000000400000005',
  ],
  ['hstore', '"a"=>"1", "b"=>NULL', '00000002000000016100000001310000000162ffffffff'],
] as const;

test.each(golden)('%s %s in binary is written in the bytes of its text', (type, text, hex) => {
  const column = columnOf(type);
  const sent = Buffer.from(hex, 'hex');
  const asText = Buffer.from(text);
  expect(written(binaryUnionWriter(column, type)!, sent)).toEqual(
    written(textUnionWriter(column), asText),
  );
  expect(written(binaryKeyWriter(column, type)!, sent)).toEqual(
    written(textKeyWriter(column), asText),
  );
  for (const flavour of ['key', 'secret'] as const)
    expect(written(binaryJsonWriter(column, type, flavour)!, sent).toString()).toBe(
      written(textJsonWriter(column, flavour), asText).toString(),
    );
});

test('a type whose text is not known exactly is not read in binary', () => {
  for (const type of ['money', 'pg_lsn', 'regclass', 'tsquery', 'mood', 'public.text', 'money[]']) {
    const column = columnOf(type);
    expect(binaryUnionWriter(column, type), type).toBeNull();
    expect(binaryKeyWriter(column, type), type).toBeNull();
    expect(binaryJsonWriter(column, type, 'key'), type).toBeNull();
  }
});

test('a type that is known to send its text in binary is read, whatever it is called', () => {
  const column = columnOf('mood');
  const sad = Buffer.from('so "sad"');
  expect(written(binaryUnionWriter(column, 'mood', true)!, sad)).toEqual(
    written(textUnionWriter(column), sad),
  );
  expect(written(binaryKeyWriter(column, 'mood', true)!, sad).toString('latin1')).toBe(
    '\x10so "sad"',
  );
  expect(written(binaryJsonWriter(column, 'mood', 'key', true)!, sad).toString()).toBe(
    '"so \\"sad\\""',
  );
});

test('a column of another kind than its type is written from the text that the type has', () => {
  const column = { name: 'value', type: 'text', kind: 'string' } as const;
  const one = Buffer.from('00000001', 'hex');
  expect(written(binaryUnionWriter(column, 'integer')!, one).toString('hex')).toBe('020231');
});
