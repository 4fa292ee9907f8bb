import { type KeyObject, randomBytes } from 'node:crypto';
import { NotNow } from '../cannot-run.ts';
import { derived } from './key-wrapping.ts';
import type { Found, Keyring, OwnedKey, Owner } from './keyring.ts';
import { KeyringError } from './keyring-error.ts';
import { type Held, Ring } from './ring.ts';
import type { RootKey } from './root-key.ts';
import { nameLength, refOf } from './subject-log.ts';
import type { WrappingKey } from './wrapping-keys.ts';

const mostKept = 16_384; // Keys in memory, some 2 kB each; the others are unwrapped when they are asked for.
const lookEveryMs = 500;
const mostTries = 8;

/** Opens the keyring of a folder; makes one where there is none, and turns one of the first form into this. */
export async function fileKeyring(
  directory: string,
  root: RootKey,
  rootKey?: string,
): Promise<Keyring> {
  return new FileKeyring(await Ring.open(directory, root, rootKey));
}

/** A keyring in two append-only files that several processes share (ADR 17). */
class FileKeyring implements Keyring {
  readonly #ring: Ring;
  readonly #byRef = new Lately<KeyObject | 'destroyed'>();
  readonly #byOwner = new Lately<OwnedKey | 'destroyed'>();
  readonly #tokens: ReadonlyMap<string, WrappingKey>;
  readonly #tokenKeys = new Map<string, KeyObject>();
  readonly #looking: NodeJS.Timeout;
  #epoch: number;
  #failed: unknown = null;
  #persisting = Promise.resolve();

  constructor(ring: Ring) {
    this.#ring = ring;
    this.#epoch = ring.epoch;
    const tokens = ring.keys.all().filter(({ use }) => use === 'tokens');
    this.#tokens = new Map(tokens.map((key) => [key.tenant, key])); // The newest comes last.
    this.#looking = setInterval(() => this.#look(), lookEveryMs).unref();
  }

  get epoch(): number {
    return this.#epoch;
  }

  keyOf(owner: Owner): OwnedKey | 'destroyed' {
    this.#check();
    const name = this.#ring.nameOf(owner);
    const text = name.toString('latin1');
    const kept = this.#byOwner.get(text);
    if (kept) return kept;
    const known = this.#newestOf(name) ?? (this.#readOn() ? this.#newestOf(name) : null);
    return this.#byOwner.keep(text, known ?? this.#make(name, owner.tenant));
  }

  /** Makes the owner's next key. Of two who make it at once, it counts whose stands first. */
  #make(name: Buffer, tenant: string | null): OwnedKey | 'destroyed' {
    for (let tries = 0; tries < mostTries; tries++) {
      const ref = this.#ring.newestOf(name) < 0 ? name : randomBytes(nameLength);
      const { record, key } = this.#ring.append(name, ref, tenant);
      this.#learnt(this.#ring.readRecords());
      if (this.#ring.saysErased(name)) return 'destroyed';
      if (this.#ring.isNewest(record)) return { ref, key };
      this.#readOn();
      const found = this.#newestOf(name);
      if (found) return found;
    }
    throw new KeyringError(
      `${this.#ring.records.path} does not keep what is written to it: its disk may be full or failing`,
    );
  }

  find(ref: Buffer): Found {
    this.#check();
    const text = ref.toString('latin1');
    const held = this.#byRef.get(text) ?? this.#heldBy(ref, text);
    if (held === 'closed') return { state: 'unknown' };
    return held === 'destroyed' ? { state: 'destroyed' } : { state: 'here', key: held };
  }

  async saved(): Promise<void> {
    const persist = () => this.#ring.keys.persist();
    const persisting = this.#persisting.then(persist, persist); // Whoever failed before says so himself.
    this.#persisting = persisting;
    await persisting;
    await this.#ring.saved();
  }

  async refresh(): Promise<void> {
    this.#readOn();
    await this.#ring.keys.open();
  }

  tokenKey(tenant: string): KeyObject {
    const known = this.#tokenKeys.get(tenant);
    if (known) return known;
    const later = this.#tokens.get(this.#ring.tenantName(tenant))?.key;
    const key = later ?? derived(this.#ring.seed, `token/${tenant}`);
    this.#tokenKeys.set(tenant, key);
    return key;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#looking);
    await this.#persisting.catch(() => {});
    this.#ring[Symbol.dispose]();
  }

  /** The owner's newest key; null if there is none that can be used here. */
  #newestOf(name: Buffer): OwnedKey | 'destroyed' | null {
    const newest = this.#ring.newestOf(name);
    if (newest < 0) return null;
    if (this.#ring.saysErased(name)) return 'destroyed';
    const held = this.#usable(newest);
    if (held === 'closed' || held === 'destroyed') return held === 'closed' ? null : held;
    return { ref: Buffer.from(refOf(this.#ring.records.at(newest))), key: held };
  }

  /** What the root key has not opened yet is waited for by nobody who could make another. */
  #usable(record: number): Held {
    try {
      return this.#ring.held(record);
    } catch (error) {
      if (error instanceof NotNow) return 'closed';
      throw error;
    }
  }

  #heldBy(ref: Buffer, text: string): Held {
    let record = this.#ring.recordOf(ref);
    if (record < 0) {
      this.#readOn();
      record = this.#ring.recordOf(ref);
    }
    if (record < 0) return 'closed';
    let held = this.#ring.held(record);
    if (held === 'closed' && this.#readOn()) held = this.#ring.held(record);
    return held === 'closed' ? held : this.#byRef.keep(text, held);
  }

  #readOn(): boolean {
    return this.#learnt(this.#ring.readOn());
  }

  #learnt(isMore: boolean): boolean {
    if (this.#ring.epoch !== this.#epoch) {
      this.#epoch = this.#ring.epoch;
      this.#byRef.clear();
      this.#byOwner.clear();
    }
    return isMore;
  }

  /** Nobody waits for this look: what it finds wrong, whoever asks for a key next is told. */
  #look(): void {
    try {
      this.#readOn();
      if (!(this.#failed instanceof KeyringError)) this.#failed = null; // The disk is back.
      this.#ring.keys.open().catch(() => {}); // `refresh` asks again, and says what is wrong.
    } catch (error) {
      this.#failed = error;
    }
  }

  #check(): void {
    if (this.#failed !== null) throw this.#failed;
  }
}

/** What was asked for lately: twice as much as is kept, and then the older half goes. */
class Lately<T extends object | string> {
  #new = new Map<string, T>();
  #old = new Map<string, T>();

  get(name: string): T | undefined {
    const found = this.#new.get(name);
    if (found) return found;
    const old = this.#old.get(name);
    return old && this.keep(name, old);
  }

  keep<U extends T>(name: string, value: U): U {
    if (this.#new.size >= mostKept / 2) {
      this.#old = this.#new;
      this.#new = new Map();
    }
    this.#new.set(name, value);
    return value;
  }

  clear(): void {
    this.#new.clear();
    this.#old.clear();
  }
}
