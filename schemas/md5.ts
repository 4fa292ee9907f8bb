const blockBytes = 64;
const turns = Int32Array.of(7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21);
const constants = Int32Array.from(
  { length: 64 },
  (_, n) => Math.floor(Math.abs(Math.sin(n + 1)) * 0x1_0000_0000) | 0,
);

/**
 * MD5 (RFC 1321) of short texts that are written on its desk: setting OpenSSL up for one takes five times as long.
 * It is the one strong hash that PostgreSQL and ClickHouse both have in every version (ADR 27).
 */
export class Md5 {
  /** Its sixteen bytes as four words, the lowest byte first, until the next one is made. */
  readonly state = new Int32Array(4);
  readonly #words = new Int32Array(16);
  #desk = Buffer.alloc(1_024);
  #view = new DataView(this.#desk.buffer, this.#desk.byteOffset, this.#desk.length);
  #length = 0;

  /** Begins another text. */
  clear(): void {
    this.#length = 0;
  }

  text(text: string): void {
    this.#room(text.length * 3);
    const desk = this.#desk;
    const from = this.#length;
    if (text.length < 48) {
      let at = 0;
      for (; at < text.length; at++) {
        const code = text.charCodeAt(at);
        if (code > 127) break;
        desk[from + at] = code;
      }
      if (at === text.length) {
        this.#length = from + at;
        return;
      }
    }
    this.#length = from + desk.write(text, from);
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    const desk = this.#desk;
    const from = this.#length;
    for (let at = 0; at < bytes.length; at++) desk[from + at] = bytes[at] ?? 0;
    this.#length = from + bytes.length;
  }

  /** The sixteen digits of a hash, as `hexOf` prints them. */
  hex(high: number, low: number): void {
    this.#room(16);
    const desk = this.#desk;
    const at = this.#length;
    for (let n = 0; n < 8; n++) {
      desk[at + n] = digitOf((high >>> (28 - 4 * n)) & 15);
      desk[at + 8 + n] = digitOf((low >>> (28 - 4 * n)) & 15);
    }
    this.#length = at + 16;
  }

  /** Hashes what was written. */
  finish(): void {
    const length = this.#length;
    const whole = (((length + 8) >> 6) + 1) * blockBytes;
    this.#room(whole - length);
    const desk = this.#desk;
    desk[length] = 0x80;
    for (let at = length + 1; at < whole - 8; at++) desk[at] = 0;
    this.#view.setInt32(whole - 8, length << 3, true);
    this.#view.setInt32(whole - 4, Math.floor(length / 0x2000_0000), true);
    const { state } = this;
    state[0] = 0x6745_2301;
    state[1] = 0xefcd_ab89 | 0;
    state[2] = 0x98ba_dcfe | 0;
    state[3] = 0x1032_5476;
    for (let at = 0; at < whole; at += blockBytes) this.#compress(at);
  }

  /** The first eight bytes, as the number that their hex digits are: its upper half, and its lower. */
  get high(): number {
    return turnedOver(this.state[0] ?? 0);
  }

  get low(): number {
    return turnedOver(this.state[1] ?? 0);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#desk.length) return;
    const desk = Buffer.alloc((this.#length + more) * 2);
    this.#desk.copy(desk, 0, 0, this.#length);
    this.#desk = desk;
    this.#view = new DataView(desk.buffer, desk.byteOffset, desk.length);
  }

  #compress(at: number): void {
    const { state } = this;
    const w = this.#words;
    for (let n = 0; n < 16; n++) w[n] = this.#view.getInt32(at + n * 4, true);
    let a = state[0] ?? 0;
    let b = state[1] ?? 0;
    let c = state[2] ?? 0;
    let d = state[3] ?? 0;
    for (let n = 0; n < 16; n++) {
      const sum = (a + (d ^ (b & (c ^ d))) + (constants[n] ?? 0) + (w[n] ?? 0)) | 0;
      const turn = turns[n & 3] ?? 0;
      a = d;
      d = c;
      c = b;
      b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
    }
    for (let n = 16; n < 32; n++) {
      const sum = (a + (c ^ (d & (b ^ c))) + (constants[n] ?? 0) + (w[(5 * n + 1) & 15] ?? 0)) | 0;
      const turn = turns[4 | (n & 3)] ?? 0;
      a = d;
      d = c;
      c = b;
      b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
    }
    for (let n = 32; n < 48; n++) {
      const sum = (a + (b ^ c ^ d) + (constants[n] ?? 0) + (w[(3 * n + 5) & 15] ?? 0)) | 0;
      const turn = turns[8 | (n & 3)] ?? 0;
      a = d;
      d = c;
      c = b;
      b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
    }
    for (let n = 48; n < 64; n++) {
      const sum = (a + (c ^ (b | ~d)) + (constants[n] ?? 0) + (w[(7 * n) & 15] ?? 0)) | 0;
      const turn = turns[12 | (n & 3)] ?? 0;
      a = d;
      d = c;
      c = b;
      b = (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0;
    }
    state[0] = (state[0] ?? 0) + a;
    state[1] = (state[1] ?? 0) + b;
    state[2] = (state[2] ?? 0) + c;
    state[3] = (state[3] ?? 0) + d;
  }
}

/** A hash of 64 bits as the sixteen digits that servers print. */
export const hexOf = (high: number, low: number): string =>
  ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16).padStart(16, '0');

const digitOf = (value: number): number => value + (value < 10 ? 48 : 87);

const turnedOver = (word: number): number =>
  (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
