/** What stands where a value would: no bytes at all. */
export const isNull = -1;
export const isUnchanged = -2;

const nullTag = 0x6e;
const unchangedTag = 0x75;
const textTag = 0x74;
const binaryTag = 0x62;

/**
 * One row as it lies in the server's message: where each column's bytes begin and how many there are.
 * Nothing is decoded, nothing is made per row: the same tuple is filled again and again.
 */
export class Tuple {
  data: Buffer = Buffer.alloc(0);
  count = 0;
  size = 0; // In bytes, as it was sent.
  starts = new Int32Array(16);
  lengths = new Int32Array(16);
  binary = new Uint8Array(16);

  /** Begins a row of so many columns that lie in `data`. */
  reset(data: Buffer, count: number): void {
    if (count > this.starts.length) {
      this.starts = new Int32Array(count);
      this.lengths = new Int32Array(count);
      this.binary = new Uint8Array(count);
    }
    this.data = data;
    this.count = count;
  }

  /** Reads the tuple at `at` and returns where it ends. */
  fill(data: Buffer, at: number, end: number): number {
    const count = data.readUInt16BE(at);
    this.reset(data, count);
    const { starts, lengths, binary } = this;
    let next = at + 2;
    for (let index = 0; index < count; index++) {
      const tag = data[next++];
      if (tag === textTag || tag === binaryTag) {
        const length = data.readInt32BE(next);
        next += 4;
        starts[index] = next;
        lengths[index] = length;
        binary[index] = tag === binaryTag ? 1 : 0;
        next += length;
      } else if (tag === nullTag) lengths[index] = isNull;
      else if (tag === unchangedTag) lengths[index] = isUnchanged;
      else throw new Error('the server sent a column in a form that pgoutput does not have');
    }
    if (next > end) throw new RangeError('the server sent a row that is cut short');
    this.size = next - at;
    return next;
  }

  /** Reads a row of a binary COPY at `at`, some of whose columns were asked for as text, and returns where it ends. */
  fillFromCopy(data: Buffer, at: number, asText: readonly boolean[]): number {
    const count = data.readUInt16BE(at);
    this.reset(data, count);
    let next = at + 2;
    for (let index = 0; index < count; index++) {
      const length = data.readInt32BE(next);
      next += 4;
      this.starts[index] = next;
      this.lengths[index] = length;
      this.binary[index] = asText[index] ? 0 : 1;
      if (length > 0) next += length;
    }
    this.size = next - at;
    return next;
  }

  /** Whether a column is the same, byte for byte and in the same form, in another tuple. */
  same(index: number, other: Tuple): boolean {
    const length = this.lengths[index] ?? isNull;
    if (length !== (other.lengths[index] ?? isNull)) return false;
    if (length <= 0) return true;
    if (this.binary[index] !== other.binary[index]) return false;
    const start = this.starts[index] ?? 0;
    const otherStart = other.starts[index] ?? 0;
    for (let at = 0; at < length; at++)
      if (this.data[start + at] !== other.data[otherStart + at]) return false;
    return true;
  }

  /** Takes a column from another tuple of the same message. */
  take(index: number, other: Tuple): void {
    this.starts[index] = other.starts[index] ?? 0;
    this.lengths[index] = other.lengths[index] ?? isNull;
    this.binary[index] = other.binary[index] ?? 0;
  }
}

/** Throws unless a row has as many columns as its table: in another form its values would be taken for those of others. */
export function checkCount({ count }: Tuple, table: string, described: number): void {
  if (count !== described)
    throw new Error(
      `a row of ${table} has ${count} columns, and its table was described with ${described}: it is read again, with the table's form of its time`,
    );
}
