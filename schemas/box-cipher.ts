import { type Cipheriv, createCipheriv, type KeyObject } from 'node:crypto';
import type { Bytes } from './bytes.ts';
import { Ghash } from './ghash.ts';

/** What is longer is for OpenSSL alone: set up for it once, it is faster. */
export const longestText = 2_048;

const blockBytes = 16;
const frontBytes = 17;
const nonceBytes = 12;
const authenticatedBits = (frontBytes + nonceBytes) * 8;

/** The blocks that are encrypted for one text: its nonce, and numbers from one on. */
const counters = Buffer.alloc(longestText + blockBytes);
const counted = new DataView(counters.buffer, counters.byteOffset, counters.length);
for (let at = 0; at < counters.length; at += blockBytes)
  counted.setInt32(at + nonceBytes, at / blockBytes + 1);
const firstCounters = Array.from({ length: counters.length / blockBytes + 1 }, (_, count) =>
  counters.subarray(0, count * blockBytes),
);

/**
 * AES-256-GCM for many short texts under one key. OpenSSL is set up once per key and encrypts blocks;
 * counting them and the hash are done here, for Node takes longer to set up a cipher per text than
 * all of it takes (ADR 13). Every text is authenticated with a front of 17 bytes and its nonce.
 */
export class BoxCipher {
  readonly #blocks: Cipheriv;
  readonly #ghash: Ghash;
  readonly #lastOfFront: number;

  constructor(key: KeyObject, front: Buffer) {
    if (front.length !== frontBytes) throw new RangeError(`a front has ${frontBytes} bytes`);
    this.#blocks = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    this.#ghash = new Ghash(this.#blocks.update(Buffer.alloc(blockBytes)), front);
    this.#lastOfFront = (front[frontBytes - 1] ?? 0) << 24;
  }

  /** Encrypts a text under a nonce of three words, and appends it and its tag. A nonce serves one text. */
  seal(n0: number, n1: number, n2: number, text: Bytes, out: Bytes): void {
    const length = text.at;
    const whole = length - (length % blockBytes);
    const stream = this.#stream(n0, n1, n2, length);
    const ghash = this.#begun(n0, n1, n2);
    text.room(blockBytes); // The last block is read whole.
    const end = out.at + length;
    for (let at = 0; at < length; at += blockBytes) {
      const left = at < whole ? blockBytes : length - at;
      const c0 = (text.wordAt(at) ^ stream.getInt32(at + 16)) & firstBytes(left);
      const c1 = (text.wordAt(at + 4) ^ stream.getInt32(at + 20)) & firstBytes(left - 4);
      const c2 = (text.wordAt(at + 8) ^ stream.getInt32(at + 24)) & firstBytes(left - 8);
      const c3 = (text.wordAt(at + 12) ^ stream.getInt32(at + 28)) & firstBytes(left - 12);
      ghash.block(c0, c1, c2, c3);
      out.words(c0, c1, c2, c3);
    }
    ghash.block(0, authenticatedBits, 0, length * 8);
    out.at = end;
    out.words(
      ghash.y3 ^ stream.getInt32(0),
      ghash.y2 ^ stream.getInt32(4),
      ghash.y1 ^ stream.getInt32(8),
      ghash.y0 ^ stream.getInt32(12),
    );
  }

  /**
   * Decrypts what was sealed under a nonce of three words, and appends it; false, and nothing is appended,
   * if a bit of it or of its tag was changed. `box` ends with its tag.
   */
  open(n0: number, n1: number, n2: number, box: Bytes, from: number, out: Bytes): boolean {
    const tagAt = box.at - blockBytes;
    const length = tagAt - from;
    const whole = length - (length % blockBytes);
    const stream = this.#stream(n0, n1, n2, length);
    const ghash = this.#begun(n0, n1, n2);
    out.room(length + blockBytes);
    const begun = out.at;
    for (let at = 0; at < length; at += blockBytes) {
      const left = at < whole ? blockBytes : length - at;
      const c0 = box.wordAt(from + at) & firstBytes(left); // The last words may be of the tag.
      const c1 = box.wordAt(from + at + 4) & firstBytes(left - 4);
      const c2 = box.wordAt(from + at + 8) & firstBytes(left - 8);
      const c3 = box.wordAt(from + at + 12) & firstBytes(left - 12);
      ghash.block(c0, c1, c2, c3);
      out.words(
        c0 ^ stream.getInt32(at + 16),
        c1 ^ stream.getInt32(at + 20),
        c2 ^ stream.getInt32(at + 24),
        c3 ^ stream.getInt32(at + 28),
      );
    }
    ghash.block(0, authenticatedBits, 0, length * 8);
    const differs =
      (ghash.y3 ^ stream.getInt32(0) ^ box.wordAt(tagAt)) |
      (ghash.y2 ^ stream.getInt32(4) ^ box.wordAt(tagAt + 4)) |
      (ghash.y1 ^ stream.getInt32(8) ^ box.wordAt(tagAt + 8)) |
      (ghash.y0 ^ stream.getInt32(12) ^ box.wordAt(tagAt + 12));
    out.at = differs === 0 ? begun + length : begun;
    return differs === 0;
  }

  /** The hash of the front and a nonce. */
  #begun(n0: number, n1: number, n2: number): Ghash {
    const ghash = this.#ghash;
    ghash.begin();
    ghash.block(
      this.#lastOfFront | (n0 >>> 8),
      (n0 << 24) | (n1 >>> 8),
      (n1 << 24) | (n2 >>> 8),
      n2 << 24,
    );
    return ghash;
  }

  /** What a text of a length is combined with, behind what its tag is. */
  #stream(n0: number, n1: number, n2: number, length: number): DataView {
    const blocks = firstCounters[Math.ceil(length / blockBytes) + 1];
    if (!blocks) throw new RangeError(`a text of ${length} bytes is too long for this cipher`);
    for (let at = 0; at < blocks.length; at += blockBytes) {
      counted.setInt32(at, n0);
      counted.setInt32(at + 4, n1);
      counted.setInt32(at + 8, n2);
    }
    const { buffer, byteOffset } = this.#blocks.update(blocks);
    return new DataView(buffer, byteOffset);
  }
}

/** A mask of a word's first bytes. */
const firstBytes = (count: number): number =>
  count >= 4 ? -1 : count <= 0 ? 0 : -1 << (32 - 8 * count);
