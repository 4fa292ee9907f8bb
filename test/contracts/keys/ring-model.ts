import { truncateSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { fileKeyring } from '../../../contracts/keys/file-keyring.ts';
import { fileRootKey } from '../../../contracts/keys/file-root-key.ts';
import { KeyringAdmin } from '../../../contracts/keys/keyring-admin.ts';
import type { Keyring, Owner } from '../../../contracts/keys/keyring.ts';

interface Box {
  readonly owner: string;
  readonly ref: Buffer;
  readonly key: string;
}

const firstRoot = 'ab'.repeat(32);

/** What was promised of a keyring: which boxes must open, and which must not; held against every process that uses it. */
export class RingModel {
  readonly directory: string;
  root = firstRoot;
  readonly processes: Keyring[] = [];
  readonly #boxes: Box[] = [];
  readonly #erased = new Set<string>();
  readonly #maybeErased = new Set<string>(); // Destroying them was cut short.
  #durable = { keys: 0, subjects: 0 };
  #roots = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  async open(): Promise<Keyring> {
    const opened = await fileKeyring(this.directory, fileRootKey(this.root), this.root);
    if (this.#durable.keys === 0) this.settled(); // What it is made with is durable.
    this.processes.push(opened);
    return opened;
  }

  admin(next: string | null = null): Promise<KeyringAdmin> {
    return KeyringAdmin.open(this.directory, fileRootKey(this.root, next), this.root);
  }

  /** Seals something for an owner, and waits until it may be sent. */
  async seal(process: Keyring, owner: Owner): Promise<void> {
    const text = JSON.stringify(owner);
    const owned = process.keyOf(owner);
    if (owned === 'destroyed') {
      expect(this.#erased.has(text) || this.#maybeErased.has(text)).toBe(true);
      this.#erased.add(text); // Of what was cut short this is how it came out.
      return;
    }
    await process.saved();
    this.#durable = this.#sizes();
    this.#boxes.push({ owner: text, ref: owned.ref, key: owned.key.export().toString('hex') });
  }

  async destroy(admin: KeyringAdmin, owner: Owner, rotate: boolean): Promise<void> {
    this.#maybeErased.add(JSON.stringify(owner));
    await admin.destroy(owner, { rotate });
    this.#erased.add(JSON.stringify(owner));
  }

  nextRoot(): string {
    this.#roots++;
    return this.lastRoot;
  }

  get lastRoot(): string {
    return this.#roots.toString(16).padStart(64, '0');
  }

  /** All boxes in every process, and in one that is opened for it. */
  async check(): Promise<void> {
    const fresh = await fileKeyring(this.directory, fileRootKey(this.root), this.root);
    for (const process of [...this.processes, fresh]) {
      await process.refresh();
      for (const { owner, ref, key } of this.#boxes) {
        const found = process.find(ref);
        const opens = found.state === 'here' ? found.key.export().toString('hex') : found.state;
        if (this.#erased.has(owner)) expect(opens).toBe('destroyed');
        else if (opens !== 'destroyed' || !this.#maybeErased.has(owner)) expect(opens).toBe(key);
      }
    }
    await fresh[Symbol.asyncDispose]();
  }

  /** The power fails: of what was not durable some bytes are left, and nobody remembers anything. */
  async crash(share: number): Promise<void> {
    await this.close();
    const now = this.#sizes();
    const cut = (from: number, to: number) => from + Math.floor((to - from) * share);
    truncateSync(join(this.directory, 'tenants.ring'), cut(this.#durable.keys, now.keys));
    truncateSync(join(this.directory, 'subjects.ring'), cut(this.#durable.subjects, now.subjects));
  }

  /** Everything so far is durable. */
  settled(): void {
    this.#durable = this.#sizes();
  }

  async close(): Promise<void> {
    for (const process of this.processes.splice(0)) await process[Symbol.asyncDispose]();
  }

  #sizes() {
    const sizeOf = (name: string) => statSync(join(this.directory, name)).size;
    return { keys: sizeOf('tenants.ring'), subjects: sizeOf('subjects.ring') };
  }
}
