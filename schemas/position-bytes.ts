import type { Bytes } from './bytes.ts';
import type { Position } from './position.ts';

const digits = Buffer.from('0123456789abcdef');
const slash = 0x2f;

/** How many bytes the text of a position has. */
export const positionLength = 43;

/** Writes the texts of positions as bytes. Those of one transaction have most in common, and that is made once. */
export class PositionBytes {
  readonly #common = Buffer.alloc(26, slash);
  #timeline = -1;
  #lsn = -1n;

  write({ timeline, lsn, seq, part }: Position, out: Bytes): void {
    const common = this.#common;
    if (lsn !== this.#lsn || timeline !== this.#timeline) {
      hex(timeline, common, 0);
      hex(Number(lsn >> 32n), common, 9);
      hex(Number(lsn & 0xffff_ffffn), common, 17);
      this.#timeline = timeline;
      this.#lsn = lsn;
    }
    out.room(positionLength);
    const { data, at } = out;
    for (let index = 0; index < 26; index++) data[at + index] = common[index] ?? 0;
    hex(seq, data, at + 26);
    data[at + 34] = slash;
    hex(part, data, at + 35);
    out.at = at + positionLength;
  }
}

/** Eight digits. */
function hex(value: number, to: Buffer, at: number): void {
  let rest = value;
  for (let place = at + 7; place >= at; place--) {
    to[place] = digits[rest & 15] ?? 0;
    rest >>>= 4;
  }
}
