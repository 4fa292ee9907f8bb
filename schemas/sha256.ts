/** The hash of nothing yet (FIPS 180-4). */
const begin = Int32Array.of(
  0x6a09_e667,
  0xbb67_ae85,
  0x3c6e_f372,
  0xa54f_f53a,
  0x510e_527f,
  0x9b05_688c,
  0x1f83_d9ab,
  0x5be0_cd19,
);

/** The fractions of the cube roots of the first 64 primes, as the standard has them. */
const constants = Int32Array.from(
  (
    '428a2f98 71374491 b5c0fbcf e9b5dba5 3956c25b 59f111f1 923f82a4 ab1c5ed5 d807aa98 12835b01 243185be ' +
    '550c7dc3 72be5d74 80deb1fe 9bdc06a7 c19bf174 e49b69c1 efbe4786 0fc19dc6 240ca1cc 2de92c6f 4a7484aa ' +
    '5cb0a9dc 76f988da 983e5152 a831c66d b00327c8 bf597fc7 c6e00bf3 d5a79147 06ca6351 14292967 27b70a85 ' +
    '2e1b2138 4d2c6dfc 53380d13 650a7354 766a0abb 81c2c92e 92722c85 a2bfe8a1 a81a664b c24b8b70 c76c51a3 ' +
    'd192e819 d6990624 f40e3585 106aa070 19a4c116 1e376c08 2748774c 34b0bcb5 391c0cb3 4ed8aa4a 5b9cca4f ' +
    '682e6ff3 748f82ee 78a5636f 84c87814 8cc70208 90befffa a4506ceb bef9a3f7 c67178f2'
  )
    .split(' ')
    .map((word) => Number.parseInt(word, 16)),
);

const blockBytes = 64;
const words = new Int32Array(64);

/** Takes one block of 64 bytes into a state of eight words, in place. */
function compress(state: Int32Array, block: DataView, at: number): void {
  const w = words;
  const k = constants;
  for (let n = 0; n < 16; n++) w[n] = block.getInt32(at + n * 4);
  for (let n = 16; n < 64; n++) {
    const x = w[n - 15] ?? 0;
    const y = w[n - 2] ?? 0;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[n] = ((w[n - 16] ?? 0) + s0 + (w[n - 7] ?? 0) + s1) | 0;
  }
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  let f = state[5] ?? 0;
  let g = state[6] ?? 0;
  let h = state[7] ?? 0;
  for (let n = 0; n < 64; n++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const first = (h + s1 + (g ^ (e & (f ^ g))) + (k[n] ?? 0) + (w[n] ?? 0)) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const second = (s0 + ((a & b) | (c & (a | b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  state[0] = (state[0] ?? 0) + a;
  state[1] = (state[1] ?? 0) + b;
  state[2] = (state[2] ?? 0) + c;
  state[3] = (state[3] ?? 0) + d;
  state[4] = (state[4] ?? 0) + e;
  state[5] = (state[5] ?? 0) + f;
  state[6] = (state[6] ?? 0) + g;
  state[7] = (state[7] ?? 0) + h;
}

const shortest = blockBytes * 4;
let desk = Buffer.alloc(shortest);
let deskView = new DataView(desk.buffer, desk.byteOffset, desk.length);

/**
 * HMAC-SHA-256 of short texts under one key. What the key alone determines is hashed once, so that a text of up to
 * 55 bytes costs two blocks; setting OpenSSL up for it takes four times as long (ADR 19).
 */
export class ShortHmac {
  readonly #inner: Int32Array;
  readonly #outer: Int32Array;
  readonly #state = new Int32Array(8);

  constructor(key: Buffer) {
    if (key.length > blockBytes) throw new RangeError(`a key has at most ${blockBytes} bytes`);
    this.#inner = stateAfter(key, 0x36);
    this.#outer = stateAfter(key, 0x5c);
  }

  /** The MAC of two texts, one after the other, as eight words that are valid until the next call. */
  of(front: Buffer, text: string): Int32Array {
    const most = front.length + text.length * 3 + blockBytes + 9;
    if (most > desk.length) {
      desk = Buffer.alloc(Math.max(most, desk.length * 2));
      deskView = new DataView(desk.buffer, desk.byteOffset, desk.length);
    }
    if (front.length > 48) front.copy(desk, 0);
    else for (let at = 0; at < front.length; at++) desk[at] = front[at] ?? 0;
    const state = this.#state;
    state.set(this.#inner);
    finish(state, front.length + writeUtf8(text, front.length));
    for (let n = 0; n < 8; n++) deskView.setInt32(n * 4, state[n] ?? 0);
    state.set(this.#outer);
    finish(state, 32);
    return state;
  }
}

/** ASCII by hand: for what is short a call costs more. */
function writeUtf8(text: string, from: number): number {
  if (text.length > 48) return desk.write(text, from);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 127) return desk.write(text, from);
    desk[from + at] = code;
  }
  return text.length;
}

/** Hashes what lies on the desk, behind the one block that came before. */
function finish(state: Int32Array, length: number): void {
  const whole = Math.ceil((length + 9) / blockBytes) * blockBytes;
  desk[length] = 0x80;
  for (let at = length + 1; at < whole - 8; at++) desk[at] = 0;
  const bits = (blockBytes + length) * 8;
  deskView.setInt32(whole - 8, Math.floor(bits / 0x1_0000_0000));
  deskView.setInt32(whole - 4, bits | 0);
  for (let at = 0; at < whole; at += blockBytes) compress(state, deskView, at);
}

function stateAfter(key: Buffer, pad: number): Int32Array {
  const block = Buffer.alloc(blockBytes, pad);
  for (const [at, byte] of key.entries()) block[at] = byte ^ pad;
  const state = begin.slice();
  compress(state, new DataView(block.buffer, block.byteOffset, block.length), 0);
  return state;
}
