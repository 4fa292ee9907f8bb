import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomBytes,
  randomUUID,
} from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { NotNow } from '../../contracts/cannot-run.ts';
import { Bytes } from '../../schemas/bytes.ts';

const blockBytes = 256 * 1024;
const inMemoryBytes = 8 * 1024 * 1024; // Of all transactions together; what is more goes to files.
const pieceBytes = 1024 * 1024; // So much is encrypted and written at once.
const mostReused = 2 * 1024 * 1024;
const tagLength = 16;

/**
 * Where transactions wait until it is known what becomes of them. The files are encrypted under a key
 * that lives as long as this process: nobody reads them afterwards, for the server sends it all again.
 */
export class SpillRoom {
  readonly #directory: string;
  readonly #key = createSecretKey(randomBytes(32));
  #blocks = 0;
  #inMemory = 0;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory))
      if (name.endsWith('.spill')) rmSync(join(directory, name), { force: true }); // Of a process that was killed.
  }

  spill(): Spill {
    return new Spill(this);
  }

  /** Whether so many bytes more may be kept in memory. */
  reserve(bytes: number): boolean {
    if (this.#inMemory + bytes > inMemoryBytes) return false;
    this.#inMemory += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#inMemory -= bytes;
  }

  /** A file without a name: whatever happens to the process, nothing is left lying about. */
  async file(): Promise<FileHandle> {
    const path = join(this.#directory, `${randomUUID()}.spill`);
    const file = await open(path, 'wx+', 0o600);
    rmSync(path, { force: true });
    return file;
  }

  /** Why a transaction cannot be kept here. The server sends it again, so nothing is lost by it. */
  trouble(cause: unknown): NotNow {
    const said = cause instanceof Error ? cause.message : String(cause);
    return new NotNow(
      {
        what: `a large transaction cannot be kept until its commit: ${said}`,
        where: `worker.spillDirectory = ${this.#directory}`,
        fix: 'make room there, or name another folder; it is tried again, and nothing is acknowledged until then',
      },
      { cause },
    );
  }

  /** Seals a piece of a block, `left` bytes of which are still to follow. */
  seal(plain: Buffer, left: number): Buffer {
    const nonce = Buffer.alloc(12);
    nonce.writeBigUInt64BE(BigInt(this.#blocks++));
    const head = Buffer.alloc(8);
    head.writeUInt32BE(plain.length);
    head.writeUInt32BE(left, 4);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(head);
    const sealed = [cipher.update(plain), cipher.final()];
    return Buffer.concat([head, nonce, cipher.getAuthTag(), ...sealed]);
  }

  /** Opens what stands behind a head: the two numbers, the nonce and the tag. */
  open(head: Buffer, sealed: Buffer): Buffer {
    const decipher = createDecipheriv('aes-256-gcm', this.#key, head.subarray(8, 20))
      .setAAD(head.subarray(0, 8))
      .setAuthTag(head.subarray(20));
    const plain = decipher.update(sealed);
    decipher.final(); // Throws if it is not as it was sealed; what is left to say is nothing, in this mode.
    return plain;
  }
}

/** The messages of one transaction in the order of their arrival, a few in memory and any number on disk. */
export class Spill {
  readonly #room: SpillRoom;
  readonly #kept: Buffer[] = []; // Blocks in memory, all before those in the file.
  readonly #aborted = new Set<number>();
  #keptBytes = 0;
  #block = new Bytes(1_024);
  #file: FileHandle | null = null;

  constructor(room: SpillRoom) {
    this.#room = room;
  }

  /** Adds a message of a transaction or of a subtransaction; what it returns is to be waited for. */
  append(xid: number, data: Buffer, start: number, end: number): Promise<void> | undefined {
    if (end - start > inMemoryBytes) return this.#putLarge(xid, data, start, end);
    const block = this.#block;
    block.room(8 + end - start);
    block.data.writeUInt32BE(end - start, block.at);
    block.data.writeUInt32BE(xid, block.at + 4);
    block.at += 8;
    block.copy(data, start, end - start);
    return block.at >= blockBytes ? this.#put() : undefined;
  }

  /** Forgets what a subtransaction did. */
  abort(subxid: number): void {
    this.#aborted.add(subxid);
  }

  isAborted(xid: number): boolean {
    return this.#aborted.has(xid);
  }

  /** The blocks in order, each until the next: of each message its length, its transaction, and itself. */
  async *blocks(): AsyncIterable<Buffer> {
    yield* this.#kept;
    if (this.#file) yield* this.#fromFile(this.#file);
    if (this.#block.at > 0) yield this.#block.view();
  }

  async discard(): Promise<void> {
    this.#room.release(this.#keptBytes);
    this.#kept.length = 0;
    this.#keptBytes = 0;
    await this.#file?.close();
    this.#file = null;
  }

  async #put(): Promise<void> {
    const block = this.#block.view();
    if (!this.#file && this.#room.reserve(block.length)) {
      this.#keptBytes += block.length;
      this.#kept.push(block);
      this.#block = new Bytes(blockBytes + 4_096);
      return;
    }
    await this.#write(block);
    this.#block.clear();
  }

  /** Puts a message into the file from where it lies: it may be so large that no copy of it may be made. */
  async #putLarge(xid: number, data: Buffer, start: number, end: number): Promise<void> {
    if (this.#block.at > 0) await this.#put();
    const head = Buffer.alloc(8);
    head.writeUInt32BE(end - start);
    head.writeUInt32BE(xid, 4);
    await this.#write(head, data.subarray(start, end));
  }

  /** Writes a block, sealed piece by piece. */
  async #write(...parts: readonly Buffer[]): Promise<void> {
    let left = parts.reduce((sum, { length }) => sum + length, 0);
    try {
      this.#file ??= await this.#room.file();
      for (const part of parts)
        for (let at = 0; at < part.length; at += pieceBytes) {
          const piece = part.subarray(at, at + pieceBytes);
          left -= piece.length;
          await this.#file.appendFile(this.#room.seal(piece, left));
        }
    } catch (cause) {
      throw this.#room.trouble(cause);
    }
  }

  async *#fromFile(file: FileHandle): AsyncIterable<Buffer> {
    const head = Buffer.alloc(8 + 12 + tagLength);
    const [sealedDesk, blockDesk] = [new Desk(), new Desk()];
    let block: Buffer | null = null;
    let filled = 0;
    for (let at = 0; ;) {
      const { bytesRead } = await file.read(head, 0, head.length, at);
      if (bytesRead === 0) return;
      const sealed = sealedDesk.room(head.readUInt32BE(0));
      await file.read(sealed, 0, sealed.length, at + head.length);
      at += head.length + sealed.length;
      const left = head.readUInt32BE(4);
      block ??= blockDesk.room(sealed.length + left);
      filled += this.#room.open(head, sealed).copy(block, filled);
      if (left > 0) continue;
      yield block;
      block = null;
      filled = 0;
    }
  }
}

/** Where one block after another lies; what is made anew for each has the collector look through the whole heap. */
class Desk {
  #kept = Buffer.alloc(0);

  room(bytes: number): Buffer {
    if (bytes > mostReused) return Buffer.allocUnsafeSlow(bytes);
    if (this.#kept.length < bytes) this.#kept = Buffer.allocUnsafeSlow(bytes);
    return this.#kept.subarray(0, bytes);
  }
}
