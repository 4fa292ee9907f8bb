/**
 * The hash of AES-GCM (NIST SP 800-38D, GHASH): products in a field of 2^128 elements, made of 32-bit
 * multiplications with holes between their bits, so that no time and no memory access depends on what
 * is hashed. It follows `ghash_ctmul32.c` of BearSSL.
 */
export class Ghash {
  // The element of the field that a key hashes with, its words from the last to the first, and their mirror images.
  readonly #h0: number;
  readonly #h1: number;
  readonly #h2: number;
  readonly #h3: number;
  readonly #r0: number;
  readonly #r1: number;
  readonly #r2: number;
  readonly #r3: number;
  y0 = 0; // What was hashed so far, its words from the last to the first.
  y1 = 0;
  y2 = 0;
  y3 = 0;
  // The same after the block that everything begins with.
  readonly #b0: number;
  readonly #b1: number;
  readonly #b2: number;
  readonly #b3: number;

  /** `h` is a block of zeros, encrypted; what is hashed begins with the first block of `front`. */
  constructor(h: Buffer, front: Buffer) {
    this.#h3 = h.readInt32BE(0);
    this.#h2 = h.readInt32BE(4);
    this.#h1 = h.readInt32BE(8);
    this.#h0 = h.readInt32BE(12);
    this.#r3 = mirrored(this.#h3);
    this.#r2 = mirrored(this.#h2);
    this.#r1 = mirrored(this.#h1);
    this.#r0 = mirrored(this.#h0);
    this.block(
      front.readInt32BE(0),
      front.readInt32BE(4),
      front.readInt32BE(8),
      front.readInt32BE(12),
    );
    this.#b0 = this.y0;
    this.#b1 = this.y1;
    this.#b2 = this.y2;
    this.#b3 = this.y3;
  }

  /** Begins anew, behind the front. */
  begin(): void {
    this.y0 = this.#b0;
    this.y1 = this.#b1;
    this.y2 = this.#b2;
    this.y3 = this.#b3;
  }

  /** Takes one block, as four words from the first to the last. */
  block(first: number, second: number, third: number, last: number): void {
    const y3 = this.y3 ^ first;
    const y2 = this.y2 ^ second;
    const y1 = this.y1 ^ third;
    const y0 = this.y0 ^ last;
    const h0 = this.#h0;
    const h1 = this.#h1;
    const h2 = this.#h2;
    const h3 = this.#h3;
    const r0 = this.#r0;
    const r1 = this.#r1;
    const r2 = this.#r2;
    const r3 = this.#r3;
    const q0 = mirrored(y0);
    const q1 = mirrored(y1);
    const q2 = mirrored(y2);
    const q3 = mirrored(y3);

    // Karatsuba, twice: nine products for the lower halves, and nine of mirror images for the upper ones.
    const a0 = product(y0, h0);
    const a1 = product(y1, h1);
    const a2 = product(y2, h2);
    const a3 = product(y3, h3);
    const a4 = product(y0 ^ y1, h0 ^ h1) ^ a0 ^ a1;
    const a5 = product(y2 ^ y3, h2 ^ h3) ^ a2 ^ a3;
    const a6 = product(y0 ^ y2, h0 ^ h2);
    const a7 = product(y1 ^ y3, h1 ^ h3);
    const a8 = product(y0 ^ y1 ^ y2 ^ y3, h0 ^ h1 ^ h2 ^ h3) ^ a6 ^ a7;
    const b0 = product(q0, r0);
    const b1 = product(q1, r1);
    const b2 = product(q2, r2);
    const b3 = product(q3, r3);
    const b4 = product(q0 ^ q1, r0 ^ r1) ^ b0 ^ b1;
    const b5 = product(q2 ^ q3, r2 ^ r3) ^ b2 ^ b3;
    const b6 = product(q0 ^ q2, r0 ^ r2);
    const b7 = product(q1 ^ q3, r1 ^ r3);
    const b8 = product(q0 ^ q1 ^ q2 ^ q3, r0 ^ r1 ^ r2 ^ r3) ^ b6 ^ b7;

    // The product in eight words, of which the middle four overlap.
    const p0 = a0;
    const p1 = a4 ^ upper(b0);
    const p2 = a1 ^ a6 ^ a0 ^ a2 ^ upper(b4);
    const p3 = a8 ^ a4 ^ a5 ^ upper(b1 ^ b6 ^ b0 ^ b2);
    const p4 = a2 ^ a7 ^ a1 ^ a3 ^ upper(b8 ^ b4 ^ b5);
    const p5 = a5 ^ upper(b2 ^ b7 ^ b1 ^ b3);
    const p6 = a3 ^ upper(b5);
    const p7 = upper(b3);

    // GCM counts bits from the other end: all one place on, and then modulo x^128 + x^7 + x^2 + x + 1.
    const z0 = p0 << 1;
    const z1 = (p1 << 1) | (p0 >>> 31);
    const z2 = (p2 << 1) | (p1 >>> 31);
    const z3 = ((p3 << 1) | (p2 >>> 31)) ^ spilled(z0);
    const z4 = ((p4 << 1) | (p3 >>> 31)) ^ folded(z0) ^ spilled(z1);
    const z5 = ((p5 << 1) | (p4 >>> 31)) ^ folded(z1) ^ spilled(z2);
    const z6 = ((p6 << 1) | (p5 >>> 31)) ^ folded(z2) ^ spilled(z3);
    this.y0 = z4;
    this.y1 = z5;
    this.y2 = z6;
    this.y3 = ((p7 << 1) | (p6 >>> 31)) ^ folded(z3);
  }
}

const folded = (word: number): number => word ^ (word >>> 1) ^ (word >>> 2) ^ (word >>> 7);

const spilled = (word: number): number => (word << 31) ^ (word << 30) ^ (word << 25);

/** The lower half of a product without carries: every fourth bit at a time, so that carries fall into the holes. */
function product(x: number, y: number): number {
  const x0 = x & 0x1111_1111;
  const x1 = x & 0x2222_2222;
  const x2 = x & 0x4444_4444;
  const x3 = x & 0x8888_8888;
  const y0 = y & 0x1111_1111;
  const y1 = y & 0x2222_2222;
  const y2 = y & 0x4444_4444;
  const y3 = y & 0x8888_8888;
  return (
    ((imul(x0, y0) ^ imul(x1, y3) ^ imul(x2, y2) ^ imul(x3, y1)) & 0x1111_1111) |
    ((imul(x0, y1) ^ imul(x1, y0) ^ imul(x2, y3) ^ imul(x3, y2)) & 0x2222_2222) |
    ((imul(x0, y2) ^ imul(x1, y1) ^ imul(x2, y0) ^ imul(x3, y3)) & 0x4444_4444) |
    ((imul(x0, y3) ^ imul(x1, y2) ^ imul(x2, y1) ^ imul(x3, y0)) & 0x8888_8888)
  );
}

const { imul } = Math;

/** The upper half of a product, from the lower half of that of mirror images. */
const upper = (word: number): number => mirrored(word) >>> 1;

/** A word with its bits in reverse. */
function mirrored(word: number): number {
  let x = ((word & 0x5555_5555) << 1) | ((word >>> 1) & 0x5555_5555);
  x = ((x & 0x3333_3333) << 2) | ((x >>> 2) & 0x3333_3333);
  x = ((x & 0x0f0f_0f0f) << 4) | ((x >>> 4) & 0x0f0f_0f0f);
  x = ((x & 0x00ff_00ff) << 8) | ((x >>> 8) & 0x00ff_00ff);
  return (x << 16) | (x >>> 16);
}
