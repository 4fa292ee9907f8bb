import { type AvroColumn, kindOf } from '../schemas/avro.ts';
import { type ColumnContract, isConfidential, type TableContract } from './contract.ts';

/** The columns of a table at one stage of the way, in the form that its topic's schema takes. */
interface Shape {
  readonly table: string;
  readonly key: readonly AvroColumn[];
  readonly row: readonly AvroColumn[];
}

/** As captured: confidential columns are in the sealed box, and a confidential key is a token. */
export function changeShape({ table, key, columns }: TableContract): Shape {
  return {
    table,
    key: inOrder(key, columns).map((column) =>
      isConfidential(column) ? text(column) : typed(column),
    ),
    row: columns.filter((column) => !isConfidential(column)).map(typed),
  };
}

/** As governed: what a rule drops is gone, and a token, a mask or a class is text. */
export function governedShape({ table, key, columns }: TableContract): Shape {
  const governed = (column: ColumnContract) =>
    column.rule === 'keep' ? typed(column) : text(column);
  return {
    table,
    key: inOrder(key, columns).map(governed),
    row: columns.filter(({ rule }) => rule !== 'drop').map(governed),
  };
}

const typed = ({ name, type }: ColumnContract): AvroColumn => ({ name, type, kind: kindOf(type) });
const text = ({ name }: ColumnContract): AvroColumn => ({ name, type: 'text', kind: 'string' });

const inOrder = (key: readonly string[], columns: readonly ColumnContract[]) =>
  key.flatMap((name) => columns.find((column) => column.name === name) ?? []);
