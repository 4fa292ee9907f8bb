import { isConfidential } from '../../contracts/contract.ts';
import { AvroCursor } from '../../schemas/avro-cursor.ts';
import { type AvroColumn, branchesOf } from '../../schemas/avro.ts';
import { columnReader } from '../../schemas/avro-reader.ts';
import { writeColumn, writeText } from '../../schemas/avro-writer.ts';
import type { Bytes } from '../../schemas/bytes.ts';
import type { Field, ImagePlaces } from '../../schemas/change-cursor.ts';
import { unchanged, type Row, type Unchanged, type Value } from '../../schemas/value.ts';
import { type Lost, mask, type RedactedColumn, toldOf } from '../redact.ts';
import type { SealColumn } from '../seal-column.ts';

/** What becomes of one column. A run of columns that leave as they came is copied at once. */
type Step =
  | { readonly how: 'copy'; readonly first: number; last: number }
  | {
      readonly how: 'mask';
      readonly from: number;
      readonly unchangedAt: number;
      readonly to: Branches;
    }
  | { readonly how: 'open'; readonly from: number; readonly read: Read; readonly column: Redacted }
  | { readonly how: 'missing' | 'secret'; readonly column: Redacted };

type Branches = ReturnType<typeof branchesOf>;
type Read = (from: AvroCursor) => Value | Unchanged;

interface Redacted {
  readonly name: string;
  readonly avro: AvroColumn; // As it leaves.
  readonly apply: RedactedColumn['apply'];
}

/** What an image is released with besides itself. */
export interface Beside {
  readonly secret: Row | null; // What its box held.
  readonly lost: Lost;
  readonly tenant: () => string;
  readonly seal: SealColumn;
}

/** A column that leaves, in the form of the schema it leaves in. */
export interface Leaving {
  readonly column: RedactedColumn;
  readonly avro: AvroColumn;
  readonly field: Field; // Of the schema it leaves in.
}

/** Releases images of rows that came in one schema: compiled once, run per row, and no object is made per column. */
export class ImageRelease {
  readonly #steps: readonly Step[];

  constructor(came: readonly Field[], leaving: readonly Leaving[]) {
    const steps: Step[] = [];
    for (const each of leaving) {
      const step = stepOf(came, each);
      const before = steps.at(-1);
      if (step.how === 'copy' && before?.how === 'copy' && before.last === step.first - 1)
        before.last = step.last;
      else steps.push(step);
    }
    this.#steps = steps;
  }

  write(data: Buffer, { starts, ends }: ImagePlaces, beside: Beside, out: Bytes): void {
    const { secret, lost } = beside;
    for (const step of this.#steps)
      switch (step.how) {
        case 'copy': {
          const start = starts[step.first] ?? 0;
          out.copy(data, start, (ends[step.last] ?? 0) - start);
          break;
        }
        case 'mask':
          writeMask(data[starts[step.from] ?? 0] ?? 0, step, out);
          break;
        case 'open': {
          const value = step.read(new AvroCursor(data, starts[step.from] ?? 0));
          write(step.column, value, beside, out);
          break;
        }
        case 'secret': {
          const value = toldOf(secret, step.column.name, lost);
          write(step.column, value, beside, out);
          break;
        }
        case 'missing':
          write(step.column, lost, beside, out);
      }
  }
}

const write = (
  { avro, apply }: Redacted,
  value: Value | Unchanged,
  { tenant, seal }: Beside,
  out: Bytes,
) => writeColumn(avro, apply(value, tenant, seal), out);

/** `branch` is the one that the value came in. */
function writeMask(
  branch: number,
  { unchangedAt, to }: Extract<Step, { readonly how: 'mask' }>,
  out: Bytes,
): void {
  if (branch === 0) out.byte(to.null);
  else if (branch === unchangedAt) out.byte(to.unchanged);
  else {
    out.byte(to.value);
    writeText(mask, out);
  }
}

function stepOf(came: readonly Field[], { column, avro, field }: Leaving): Step {
  const redacted = { name: column.name, avro, apply: column.apply };
  if (isConfidential(column)) return { how: 'secret', column: redacted };
  const from = came.findIndex(({ name }) => name === column.name);
  const found = came[from];
  if (!found) return { how: 'missing', column: redacted };
  if (column.rule === 'keep' && found.layout === field.layout)
    return { how: 'copy', first: from, last: from };
  if (column.rule === 'mask')
    return {
      how: 'mask',
      from,
      unchangedAt: (found.skips.length - 1) * 2,
      to: branchesOf(avro.kind),
    };
  return { how: 'open', from, read: columnReader(found.type), column: redacted };
}

/** The first of two images that tells a column, as text; null if neither does. */
export function toldBy(
  data: Buffer,
  read: Read,
  index: number,
  images: readonly ImagePlaces[],
): string | null {
  for (const { present, starts } of images) {
    if (!present) continue;
    const value = read(new AvroCursor(data, starts[index] ?? 0));
    if (value !== null && value !== unchanged) return `${value}`;
  }
  return null;
}
