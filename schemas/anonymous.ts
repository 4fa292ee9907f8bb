import { type AvroColumn, avroName, rowFields } from './avro.ts';

/** What is told of a row: it is released once, and may be retracted. */
const anonymousOps = ['release', 'retract'] as const;

/** The columns of a dataset: the classes of its quasi-identifiers, and what is told beside them. */
export interface AnonymousShape {
  readonly dataset: string;
  readonly region: readonly string[];
  readonly row: readonly AvroColumn[];
}

/**
 * The schema of `anon.<dataset>`. A release tells a region and a row; a retraction tells no more than what is
 * retracted. `window` is the end of the window in which it was decided.
 */
export const anonymousSchema = ({ dataset, region, row }: AnonymousShape) => ({
  type: 'record',
  name: 'Anonymous',
  namespace: `conductor.anon.${avroName(dataset)}`,
  fields: [
    { name: 'release', type: 'string' },
    { name: 'op', type: { type: 'enum', name: 'Op', symbols: anonymousOps } },
    { name: 'window', type: { type: 'long', logicalType: 'timestamp-micros' } },
    {
      name: 'region',
      type: [
        'null',
        {
          type: 'record',
          name: 'Region',
          fields: region.map((name) => ({
            name: avroName(name),
            type: ['null', 'string'],
            default: null,
          })),
        },
      ],
    },
    { name: 'row', type: ['null', { type: 'record', name: 'Row', fields: rowFields(row) }] },
  ],
});
