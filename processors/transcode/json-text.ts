import type { Bytes } from '../../schemas/bytes.ts';

const space = 0x20;
const quote = 0x22;
const backslash = 0x5c;

/** What stands for a byte in a JSON string, for those that cannot stand for themselves. */
const escapes: readonly string[] = Array.from({ length: 0x80 }, (_, byte) =>
  JSON.stringify(String.fromCharCode(byte)).slice(1, -1),
);

/** Writes UTF-8 as a JSON string, as `JSON.stringify` would. */
export function writeJsonText(data: Buffer, start: number, length: number, out: Bytes): void {
  out.byte(quote);
  const end = start + length;
  let from = start;
  for (let at = plainUntil(data, from, end); at < end; at = plainUntil(data, from, end)) {
    out.copy(data, from, at - from);
    out.ascii(escapes[data[at] ?? 0] ?? '');
    from = at + 1;
  }
  out.copy(data, from, end - from);
  out.byte(quote);
  if (viewed.length > keptBytes) viewOf(none);
}

/** Where the first byte is that cannot stand for itself; `end` if there is none. */
function plainUntil(data: Buffer, start: number, end: number): number {
  let at = start;
  if (end - at >= 16) {
    const view = viewOf(data);
    while (at + 4 <= end && isPlainWord(view.getInt32(at))) at += 4;
  }
  for (; at < end; at++) {
    const byte = data[at] ?? 0;
    if (byte < space || byte === quote || byte === backslash) return at;
  }
  return end;
}

/** Whether four bytes all stand for themselves: what is less than a space, a quote or a backslash borrows from its top bit. */
function isPlainWord(word: number): boolean {
  const quotes = word ^ 0x2222_2222;
  const backslashes = word ^ 0x5c5c_5c5c;
  const found =
    ((word - 0x2020_2020) & ~word) |
    ((quotes - 0x0101_0101) & ~quotes) |
    ((backslashes - 0x0101_0101) & ~backslashes);
  return (found & 0x8080_8080) === 0;
}

const keptBytes = 4 * 1024 * 1024; // More than a gulp: a larger buffer holds one large value, and is not held on to.
const none = Buffer.alloc(0);
let viewed: Buffer = none;
let lastView: DataView = new DataView(viewed.buffer);

/** A view of a buffer; most columns lie in the same one. */
function viewOf(data: Buffer): DataView {
  if (data !== viewed) {
    viewed = data;
    lastView = new DataView(data.buffer, data.byteOffset, data.length);
  }
  return lastView;
}

/** Whether a text is a whole number as the server writes it. */
export function isDigits(data: Buffer, start: number, length: number): boolean {
  const first = data[start] === 0x2d ? start + 1 : start;
  if (first === start + length) return false;
  for (let at = first; at < start + length; at++) if (((data[at] ?? 0) ^ 0x30) > 9) return false;
  return true;
}
