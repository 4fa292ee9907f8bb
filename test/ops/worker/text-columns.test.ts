import avro from 'avsc';
import { expect, test } from 'vitest';
import { NotNow } from '../../../contracts/cannot-run.ts';
import type { Rule, TableContract } from '../../../contracts/contract.ts';
import { governedShape } from '../../../contracts/shapes.ts';
import { TextColumns } from '../../../ops/worker/text-columns.ts';
import { avroOptions, governedSchema } from '../../../schemas/avro.ts';
import type { Governed } from '../../../schemas/change.ts';
import { governedRecord, registryOf } from '../../pipelines/records.ts';
import { column, decoded } from '../../processors/tables.ts';

const types = ['integer', 'bigint', 'double precision', 'boolean', 'bytea', 'uuid', 'date'].concat([
  'time',
  'timestamp',
  'timestamptz',
  'numeric(12,2)',
  'inet',
  'text',
]);

const tableOf = (rule: Rule): TableContract => ({
  table: 'public.t',
  revision: 'r1',
  key: [],
  tenant: null,
  subject: null,
  columns: types.map((type) => ({ ...column(type, 'internal', rule), type })),
  graph: null,
});

const kept = tableOf('keep');

/** What a sink of the contract learns from a record whose policy does this with every column. */
function learnt(rule: Rule) {
  const columns = new TextColumns(new Map([[kept.table, kept]]));
  const schema = governedSchema(governedShape(tableOf(rule)));
  const type = avro.Type.forSchema(schema as avro.Schema, { ...avroOptions });
  const change: Governed = { ...decoded('truncate', {}, kept), provenance: '', policy: '' };
  const batch = [governedRecord(kept, change)];
  const look = () => columns.look(batch, { ...registryOf(kept), type: () => type });
  const asText = () =>
    columns.widened()[0]!.columns.flatMap(({ type, rule }) => (rule === 'mask' ? [type] : []));
  return { look, asText };
}

test('a column of whatever type that is kept is no text', () => {
  const { look, asText } = learnt('keep');
  expect(look).not.toThrow();
  expect(asText()).toEqual([]);
});

test('each that has a type and came as text is learnt, once', () => {
  const { look, asText } = learnt('mask');
  expect(look).toThrow(NotNow);
  expect(look).not.toThrow();
  expect(asText()).toEqual(types.filter((type) => type !== 'inet' && type !== 'text'));
});
