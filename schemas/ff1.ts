import { createCipheriv, type KeyObject } from 'node:crypto';

const blockBytes = 16;
const rounds = 10;

/** What the length of a text alone determines, computed once. */
interface Lengthwise {
  readonly left: bigint; // radix ** (numerals of the left half)
  readonly right: bigint;
  readonly bytes: number; // That the number of a half takes.
  readonly wide: number; // Bytes of each round's output: a little more, so that it is almost even modulo the radix.
  readonly chain: Buffer; // What CBC has come to, before the blocks that rounds differ in.
  readonly tail: Buffer; // Those blocks.
}

/**
 * FF1 of NIST SP 800-38G with AES, encryption alone: for each tweak and length a permutation of all texts of so many
 * numerals. A text is taken as the number that its numerals write in their radix.
 */
export class Ff1 {
  readonly #radix: number;
  readonly #tweak: Buffer;
  readonly #block: (block: Buffer) => Buffer;
  readonly #byLength = new Map<number, Lengthwise>();

  constructor(key: KeyObject, tweak: Buffer, radix: number) {
    this.#radix = radix;
    this.#tweak = tweak;
    const bits = (key.symmetricKeySize ?? 0) * 8;
    // Without padding each block of ECB is AES itself, and the cipher never ends.
    const cipher = createCipheriv(`aes-${bits}-ecb`, key, null).setAutoPadding(false);
    this.#block = (block) => cipher.update(block);
  }

  /** The number of the `length` numerals that stand for those of `number`. */
  encrypt(number: bigint, length: number): bigint {
    let made = this.#byLength.get(length);
    if (!made) this.#byLength.set(length, (made = this.#lengthwise(length)));
    const { left, right } = made;
    let a = number / right;
    let b = number % right;
    for (let round = 0; round < rounds; round++) {
      const sum = (a + this.#rounded(round, b, made)) % (round % 2 === 0 ? left : right);
      a = b;
      b = sum;
    }
    return a * right + b;
  }

  /** What a round adds, by the other half of the text. */
  #rounded(round: number, half: bigint, { bytes, wide, chain, tail }: Lengthwise): bigint {
    const input = Buffer.from(tail);
    input[tail.length - bytes - 1] = round;
    writeNumber(half, input, tail.length - bytes, bytes);
    let state = chain;
    for (let at = 0; at < input.length; at += blockBytes) state = this.#chained(state, input, at);
    if (wide <= blockBytes) return numberOf(state, wide);
    const blocks = [state];
    for (let n = 1; n * blockBytes < wide; n++) {
      const counter = Buffer.alloc(blockBytes);
      counter.writeUInt32BE(n, blockBytes - 4);
      blocks.push(this.#chained(state, counter, 0));
    }
    return numberOf(Buffer.concat(blocks), wide);
  }

  /** The next block of a CBC-MAC. */
  #chained(state: Buffer, data: Buffer, at: number): Buffer {
    const block = Buffer.allocUnsafe(blockBytes);
    for (let n = 0; n < blockBytes; n++) block[n] = (state[n] ?? 0) ^ (data[at + n] ?? 0);
    return this.#block(block);
  }

  #lengthwise(length: number): Lengthwise {
    const radix = BigInt(this.#radix);
    const leftLength = Math.floor(length / 2);
    const [left, right] = [radix ** BigInt(leftLength), radix ** BigInt(length - leftLength)];
    const bytes = Math.ceil((right - 1n).toString(2).length / 8);
    const first = Buffer.of(1, 2, 1, 0, 0, 0, rounds, leftLength & 0xff, 0, 0, 0, 0, 0, 0, 0, 0);
    first.writeUIntBE(this.#radix, 3, 3);
    first.writeUInt32BE(length, 8);
    first.writeUInt32BE(this.#tweak.length, 12);
    const padded = Math.ceil((this.#tweak.length + 1 + bytes) / blockBytes) * blockBytes;
    const second = Buffer.alloc(padded);
    this.#tweak.copy(second);
    const same = Math.floor((padded - bytes - 1) / blockBytes) * blockBytes;
    let chain = this.#chained(Buffer.alloc(blockBytes), first, 0);
    for (let at = 0; at < same; at += blockBytes) chain = this.#chained(chain, second, at);
    const wide = 4 * Math.ceil(bytes / 4) + 4;
    return { left, right, bytes, wide, chain, tail: second.subarray(same) };
  }
}

function writeNumber(number: bigint, out: Buffer, from: number, bytes: number): void {
  out.write(number.toString(16).padStart(bytes * 2, '0'), from, bytes, 'hex');
}

const numberOf = (bytes: Buffer, length: number): bigint =>
  BigInt(`0x${bytes.toString('hex', 0, length)}`);
