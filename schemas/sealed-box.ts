import {
  type CipherKey,
  createCipheriv,
  createDecipheriv,
  hash,
  type KeyObject,
} from 'node:crypto';
import { BoxCipher, longestText } from './box-cipher.ts';
import { Bytes } from './bytes.ts';

/**
 * What seals a row: the nonce comes from the change and its contract's revision, so that a resend
 * gives the same bytes and no nonce ever serves two plaintexts.
 */
export interface Occasion {
  readonly change: string; // The id of the change.
  readonly revision: string;
}

const version = 1; // Of the box and of what is written into it; another form, another version.
const pairVersion = 2;
const pairHead = 5; // The version, and how long the first box is.
const refLength = 16;
const nonceLength = 12;
const tagLength = 16;
const nonceAt = 1 + refLength;
const headLength = nonceAt + nonceLength;

interface SealingKey {
  readonly ref: Buffer;
  readonly key: CipherKey;
}

/** Encrypts with AES-256-GCM. The box names its key and carries all that is needed to open it but the key. */
export function seal(owned: SealingKey, occasion: Occasion, plaintext: string | Buffer): Buffer {
  const bytes = Buffer.from(plaintext);
  return Buffer.concat([...sealInParts(owned, occasion, bytes, Math.max(1, bytes.length))]);
}

/** How many parts a box has that is sealed so many bytes at a time. */
export const partsOf = (plaintext: Buffer, partBytes: number): number =>
  Math.max(1, Math.ceil(plaintext.length / partBytes));

/** The same box piece by piece, each made when it is asked for: a large one is never there as a whole. */
export function* sealInParts(
  { ref, key }: SealingKey,
  { change, revision }: Occasion,
  plaintext: Buffer,
  partBytes: number,
): Iterable<Buffer> {
  const nonce = hash('sha256', `${version}/${change}/${revision}`, 'buffer').subarray(
    0,
    nonceLength,
  );
  const head = Buffer.concat([Buffer.of(version), ref, nonce]);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(head);
  const parts = partsOf(plaintext, partBytes);
  for (let part = 0; part < parts; part++) {
    const from = part * partBytes;
    const pieces = [cipher.update(plaintext.subarray(from, from + partBytes))];
    if (part === 0) pieces.unshift(head);
    if (part === parts - 1) pieces.push(cipher.final(), cipher.getAuthTag());
    yield Buffer.concat(pieces);
  }
}

/** Where the nonces of one transaction and contract begin: none of another one's lies between. */
export const firstNonce = (transaction: string, revision: string): Buffer =>
  hash('sha256', `${version}/${transaction}/${revision}`, 'buffer').subarray(0, nonceLength);

/** Seals changes under one key, which it is set up for once. */
export class Sealer {
  readonly ref: Buffer;
  readonly #key: KeyObject;
  readonly #head: Buffer;
  readonly #cipher: BoxCipher;

  constructor({ ref, key }: { readonly ref: Buffer; readonly key: KeyObject }) {
    this.ref = ref;
    this.#key = key;
    this.#head = Buffer.concat([Buffer.of(version), ref, Buffer.alloc(nonceLength)]);
    this.#cipher = new BoxCipher(key, this.#head.subarray(0, nonceAt));
  }

  /**
   * Seals the change of a transaction that `seq` and `part` name, into `out`. Two numbers of 32 bits
   * added to two words of the first nonce give each its own, and cost no hash.
   */
  seal(
    out: Bytes,
    first: Buffer,
    { seq, part }: { readonly seq: number; readonly part: number },
    plain: Bytes,
  ): void {
    const head = this.#head;
    const n0 = first.readInt32BE(0);
    const n1 = (first.readInt32BE(4) + seq) | 0;
    const n2 = (first.readInt32BE(8) + part) | 0;
    head.writeInt32BE(n0, nonceAt);
    head.writeInt32BE(n1, nonceAt + 4);
    head.writeInt32BE(n2, nonceAt + 8);
    out.copy(head, 0, headLength);
    if (plain.at <= longestText) return this.#cipher.seal(n0, n1, n2, plain, out);
    const cipher = createCipheriv('aes-256-gcm', this.#key, head.subarray(nonceAt)).setAAD(head);
    const sealed = cipher.update(plain.view());
    cipher.final(); // Of this mode nothing is left but the tag.
    out.copy(sealed, 0, sealed.length);
    out.copy(cipher.getAuthTag(), 0, tagLength);
  }
}

/** Opens boxes that were sealed with one key, which it is set up for once. */
export class BoxOpener {
  readonly #key: KeyObject;
  readonly #front: Buffer;
  readonly #cipher: BoxCipher;
  readonly #plain = new Bytes(256);
  readonly #desk = new Bytes(256);

  constructor({ ref, key }: { readonly ref: Buffer; readonly key: KeyObject }) {
    this.#key = key;
    this.#front = Buffer.concat([Buffer.of(version), ref]);
    this.#cipher = new BoxCipher(key, this.#front);
  }

  /** What is in a box, valid until the next one; throws if a bit of it was changed or the key is another's. */
  open(box: Buffer): Buffer {
    const length = box.length - headLength - tagLength;
    if (length > longestText || length < 0) return open(this.#key, box);
    const desk = this.#desk; // Words are read from a buffer whose view is kept: one per box would cost more than the box.
    desk.clear();
    desk.copy(box, 0, box.length);
    const n0 = desk.wordAt(nonceAt);
    const n1 = desk.wordAt(nonceAt + 4);
    const n2 = desk.wordAt(nonceAt + 8);
    const plain = this.#plain;
    plain.clear();
    if (
      this.#front.compare(box, 0, nonceAt) !== 0 ||
      !this.#cipher.open(n0, n1, n2, desk, headLength, plain)
    )
      throw new Error('a box was changed, or sealed with another key');
    return plain.view();
  }
}

/** Two boxes as one: what left its owner, under that one's key, and what came to another, under another's. */
export function boxPair(out: Bytes, first: Bytes, second: Bytes): void {
  out.byte(pairVersion);
  out.room(4);
  out.data.writeUInt32BE(first.at, out.at);
  out.at += 4;
  out.add(first);
  out.add(second);
}

/** Whether what a change carries is two boxes. */
export const isPair = (sealed: Uint8Array): boolean => sealed[0] === pairVersion;

/** The boxes that a change carries: one, or the two of a pair; none if it is neither. */
export function boxesOf(sealed: Uint8Array): readonly Uint8Array[] {
  if (!isPair(sealed)) return [sealed];
  if (sealed.length < pairHead) return [];
  const length = Buffer.from(sealed.buffer, sealed.byteOffset, pairHead).readUInt32BE(1);
  const boxes = sealed.subarray(pairHead);
  return length > boxes.length ? [] : [boxes.subarray(0, length), boxes.subarray(length)];
}

/** The name of the key that a box was sealed with; null if it is no box. */
export function keyRefOf(box: Uint8Array): Buffer | null {
  if (box.length < headLength + tagLength || box[0] !== version) return null;
  return Buffer.from(box.subarray(1, 1 + refLength));
}

/** Decrypts a box; throws if a bit of it was changed or the key is another's. */
export function open(key: CipherKey, box: Uint8Array): Buffer {
  const head = box.subarray(0, headLength);
  const decipher = createDecipheriv('aes-256-gcm', key, head.subarray(1 + refLength)).setAAD(head);
  decipher.setAuthTag(box.subarray(box.length - tagLength));
  const plain = decipher.update(box.subarray(headLength, box.length - tagLength));
  return Buffer.concat([plain, decipher.final()]);
}
