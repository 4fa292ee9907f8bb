import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { faultsOf } from '../../contracts/odcs-checks.ts';
import { readDocument } from '../../contracts/odcs-document.ts';
import { termsOf } from '../../contracts/terms.ts';
import { problems } from './documents.ts';

const example = await readFile('test/golden/odcs-full-example.yaml', 'utf8');
const read = (text: string) => readDocument(text, 'example.yaml');

test("of the standard's own full example nothing is refused but what Conductor has no use for, each by name", () => {
  expect(problems(() => read(example)).map((line) => line.replace(/;.*/, ''))).toEqual([
    'example.yaml: tbl_1: "physicalName" is not schema.table',
    'example.yaml: tbl_1, column transaction_reference_date: "property" is none that is known here',
    'example.yaml: tbl_1: "property" is none that is known here',
    'example.yaml: tbl_1: "relationships" of several columns have no place in the graph',
    'example.yaml: receivers_master: "physicalName" is not schema.table',
  ]);
});

test('what is left of it is read: who answers for it, how long its rows are kept and how good they are', () => {
  const mended = example
    .replaceAll('physicalName: tbl_1', 'physicalName: public.tab1')
    .replaceAll('physicalName: receivers_master', 'physicalName: public.receivers')
    .replace(/ +customProperties:\n +- property: anonymizationStrategy\n +value: none\n/, '')
    .replace(/ +customProperties:\n +- property: business-key\n(?: +.*\n){3}/, '')
    .replace(/ +# Schema-level relationships[^]*?(?= {4}properties:)/, '')
    .replaceAll('element: tab1.txn_ref_dt', 'element: tab1.rcvr_id');
  const tables = read(mended);
  expect(termsOf(tables[0]!)).toEqual({
    table: 'public.tab1',
    file: 'example.yaml',
    version: '1.1.0',
    status: 'active',
    owner: 'daustin',
    retention: { count: 3, unit: 'year', column: 'rcvr_id' },
    quality: [
      expect.objectContaining({ metric: { name: 'rowCount' } }),
      expect.objectContaining({ metric: { name: 'nullValues', column: 'rcvr_cntry_code' } }),
    ],
  });
  const faults = faultsOf(tables).join('\n');
  expect(faults).toContain(
    'column transaction_reference_date: is called txn_ref_dt by the database; write that as its name',
  );
  expect(faults).toContain('points to receiver_types.type_code, which no contract has');
});
