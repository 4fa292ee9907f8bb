import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { KeyLog } from './key-log.ts';
import { derived, keyLength, unwrapKey, wrapKey } from './key-wrapping.ts';
import type { Owner } from './keyring.ts';
import { KeyringError } from './keyring-error.ts';
import { commonId } from './old-keyring.ts';
import { RecordTable } from './record-table.ts';
import { makeRing, ringPaths } from './ring-files.ts';
import type { RootKey } from './root-key.ts';
import {
  idLength,
  kindOf,
  kinds,
  nameLength,
  ownerOf,
  recordOf,
  refOf,
  slotsOf,
  SubjectLog,
} from './subject-log.ts';
import { type WrappingKey, WrappingKeys } from './wrapping-keys.ts';

const unbound = Buffer.alloc(0);

interface Appended {
  readonly record: Buffer;
  readonly key: KeyObject;
}

/** What a record holds: its key, nothing any more, or something that no key at hand opens. */
export type Held = KeyObject | 'destroyed' | 'closed';

/**
 * The two files of a keyring (ADR 17): the few keys that wrap, and the many that they wrap. Subjects' keys
 * stay on disk, and are found by a table of a dozen bytes for each.
 */
export class Ring implements Disposable {
  readonly keys: WrappingKeys;
  readonly records: SubjectLog;
  epoch = 0;
  /** The newest record of each owner. */
  readonly #owners = new RecordTable((number, owner) =>
    ownerOf(this.records.at(number)).equals(owner),
  );
  /** Those of owners who have several. */
  readonly #refs = new RecordTable((number, ref) => refOf(this.records.at(number)).equals(ref));
  readonly #replaced = new Map<string, number>(); // Keys that wrap nothing new, each since a record.
  readonly #erased = new Set<string>();
  readonly #naming: KeyObject;
  readonly #titling: KeyObject;
  readonly seed: Buffer;

  private constructor(keys: WrappingKeys, records: SubjectLog, seed: Buffer) {
    this.keys = keys;
    this.records = records;
    this.seed = seed;
    this.#naming = derived(seed, 'name');
    this.#titling = derived(seed, 'title');
    this.readOn();
  }

  /** Opens a keyring; makes one where there is none. */
  static async open(directory: string, root: RootKey, rootKey?: string): Promise<Ring> {
    await makeRing(directory, root, rootKey);
    const paths = ringPaths(directory);
    using opened = new DisposableStack();
    const keys = new WrappingKeys(opened.use(new KeyLog(paths.keys)), root);
    await keys.open();
    const seed = keys.newest('seed', '')?.key?.export();
    if (!seed) throw new KeyringError(`${paths.keys} is damaged: it has no seed; restore a backup`);
    const ring = new Ring(keys, opened.use(new SubjectLog(paths.subjects)), seed);
    opened.move();
    return ring;
  }

  /** Learns what is written by now; whether there was more. */
  readOn(): boolean {
    const lines = this.keys.readOn();
    return this.readRecords() || lines > 0;
  }

  /** The same of the subjects' file alone, which is what a new key waits for. */
  readRecords(): boolean {
    return this.records.readOn((number, record) => this.#learn(number, record)) > 0;
  }

  /** Resolves once all that was written to both files before is durable. */
  async saved(): Promise<void> {
    await Promise.all([this.keys.log.disk.saved(), this.records.disk.saved()]);
  }

  nameOf({ tenant, domain, subject }: Owner): Buffer {
    return this.#name([tenant, domain, subject]);
  }

  /** What names a tenant among the keys that wrap. */
  tenantName(tenant: string | null): string {
    return this.#name(['tenant', tenant]).toString('hex');
  }

  #name(parts: readonly (string | null)[]): Buffer {
    const hmac = createHmac('sha256', this.#naming).update(JSON.stringify(parts));
    return hmac.digest().subarray(0, nameLength);
  }

  /** A tenant as people call it. */
  titleOf({ title }: WrappingKey): string | null {
    if (title === '') return null;
    const opened = unwrapKey(this.#titling, Buffer.from(title, 'base64'), unbound);
    return JSON.parse(opened.toString()) as string | null;
  }

  sealTitle(tenant: string | null): string {
    const text = Buffer.from(JSON.stringify(tenant));
    return wrapKey(this.#titling, text, unbound).toString('base64');
  }

  /** The number of an owner's newest record; -1 if there is none. */
  newestOf(owner: Buffer): number {
    return this.#owners.find(owner);
  }

  /** The number of the record that a box names; -1 if there is none. */
  recordOf(ref: Buffer): number {
    const newest = this.newestOf(ref); // The first key of an owner bears the owner's name.
    if (newest >= 0 && refOf(this.records.at(newest)).equals(ref)) return newest;
    return this.#refs.find(ref);
  }

  /** Whether it was said of an owner, in the order that all read, that he is erased; once there were zeros alone. */
  isErased(owner: Buffer): boolean {
    if (this.saysErased(owner)) return true;
    const first = this.recordOf(owner);
    return first >= 0 && slotsOf(this.records.at(first)).length === 0;
  }

  saysErased(owner: Buffer): boolean {
    return this.#erased.has(owner.toString('latin1'));
  }

  get erased(): number {
    return this.#erased.size;
  }

  /** Opens what a record holds. */
  held(number: number): Held {
    const record = this.records.at(number);
    const slots = slotsOf(record);
    if (slots.length === 0 || this.saysErased(ownerOf(record))) return 'destroyed';
    let known = 0;
    for (const { by, wrapped } of slots) {
      const key = this.keys.get(by);
      if (!key) continue;
      known++;
      try {
        return createSecretKey(unwrapKey(key, wrapped, boundTo(by, refOf(record))));
      } catch {
        // Half written before a power cut, and then the other one is whole.
      }
    }
    if (known === 0) return 'closed';
    throw new KeyringError(
      `${this.records.path} is damaged at record ${number}: restore it from a backup`,
    );
  }

  /** Appends a new key of an owner, wrapped by the newest key of the tenant; counts if `isNewest` says so of it, once it is read. */
  append(owner: Buffer, ref: Buffer, tenant: string | null): Appended {
    const { id, key: by } = this.#wrappingOf(tenant);
    if (!by) throw new KeyringError('a key that is closed cannot wrap another');
    const key = randomBytes(keyLength);
    const slot = { by: id, wrapped: wrapKey(by, key, boundTo(id, ref)) };
    const record = recordOf({ kind: kinds.subject, at: nowSeconds(), owner, ref, slot });
    this.records.append(record);
    return { record, key: createSecretKey(key) };
  }

  /** Whether a record is the newest of its owner. */
  isNewest(record: Buffer): boolean {
    const newest = this.newestOf(ownerOf(record));
    return newest >= 0 && this.records.at(newest).equals(record);
  }

  #wrappingOf(tenant: string | null): WrappingKey {
    const name = this.tenantName(tenant);
    const newest = this.keys.newest('subjects', name);
    if (newest && !this.#replaced.has(newest.id)) return newest;
    const title = this.sealTitle(tenant);
    const version = (newest?.version ?? 0) + 1;
    return this.keys.make({ use: 'subjects', tenant: name, title, version });
  }

  /** Since which record a key wraps nothing new; undefined if it still does. */
  replacedAt(id: string): number | undefined {
    return this.#replaced.get(id);
  }

  /** Keys that wrap nothing new, and may still wrap something old. */
  replaced(): readonly string[] {
    return [...this.#replaced.keys()].filter((id) => !this.keys.isGone(id));
  }

  /** Whether a record was written by someone who did not know yet that its key was replaced: it counts for nothing. */
  isVoid(number: number, record: Buffer): boolean {
    const slots = slotsOf(record);
    return (
      slots.length > 0 && slots.every(({ by }) => (this.#replaced.get(by) ?? Infinity) < number)
    );
  }

  #learn(number: number, record: Buffer): void {
    const kind = kindOf(record);
    if (kind === kinds.erased) {
      this.#erased.add(ownerOf(record).toString('latin1'));
      this.epoch++;
    } else if (kind === kinds.replaced) {
      const id = refOf(record).toString('hex', 0, idLength);
      if (!this.#replaced.has(id)) this.#replaced.set(id, number);
      this.keys.readOn(); // What replaces it was written first.
    } else if (kind === kinds.subject && !this.isVoid(number, record))
      this.#learnSubject(number, ownerOf(record), refOf(record));
  }

  #learnSubject(number: number, owner: Buffer, ref: Buffer): void {
    const before = this.newestOf(owner);
    if (ref.equals(owner) && before >= 0) return; // Of two first keys the first counts.
    if (before >= 0) {
      const earlier = Buffer.from(refOf(this.records.at(before)));
      this.#refs.set(earlier, before);
      this.#refs.set(ref, number);
      this.epoch++;
    }
    this.#owners.set(owner, number); // Last: if the disk fails before, all of it is done again.
  }

  [Symbol.dispose](): void {
    this.keys.log[Symbol.dispose]();
    this.records[Symbol.dispose]();
  }
}

/** What a subject's key is wrapped together with; in the first form of keyrings it was nothing. */
export const boundTo = (id: string, ref: Buffer): Buffer => (id === commonId ? unbound : ref);

export const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
