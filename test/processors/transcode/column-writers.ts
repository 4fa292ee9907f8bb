import type { ColumnWriter } from '../../../processors/transcode/text.ts';
import { Bytes } from '../../../schemas/bytes.ts';
import type { Value } from '../../../schemas/value.ts';

/** What a writer makes of a value's bytes, wherever these lie and however often its buffer has to grow. */
export function written(write: ColumnWriter, value: Buffer): Buffer {
  const around = Buffer.concat([Buffer.from('12'), value, Buffer.from('34')]);
  const out = new Bytes(1);
  write(around, 2, value.length, out);
  return Buffer.from(out.view());
}

/** A value as the server writes it. */
export function textOf(value: Value): string {
  if (typeof value === 'boolean') return value ? 't' : 'f';
  return Object.is(value, -0) ? '-0' : `${value}`;
}
