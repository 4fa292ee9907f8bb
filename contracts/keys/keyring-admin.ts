import { randomBytes } from 'node:crypto';
import { CannotRun } from '../cannot-run.ts';
import { unwrapKey, wrapKey } from './key-wrapping.ts';
import type { Owner } from './keyring.ts';
import { boundTo, nowSeconds, Ring } from './ring.ts';
import { lockRing } from './ring-lock.ts';
import { type RingStatus, statusOf } from './ring-status.ts';
import type { RootKey } from './root-key.ts';
import {
  idLength,
  kindOf,
  kinds,
  nameLength,
  ownerOf,
  recordOf,
  refOf,
  type Slot,
  slotsOf,
} from './subject-log.ts';
import type { WrappingKey } from './wrapping-keys.ts';

/** What came of destroying a subject's keys. */
export interface Destroyed {
  readonly versions: number; // How many keys there were; none, and none will ever be made.
  readonly rewrapped: number; // Keys of others that were wrapped anew.
}

/**
 * Changes what stands in a keyring, beside running workers, which take it up within a second. Killed at any
 * moment it leaves a keyring that opens all it opened before, and the next command finishes its work.
 */
export class KeyringAdmin implements Disposable {
  readonly #ring: Ring;
  readonly #lock: Disposable;

  private constructor(ring: Ring, lock: Disposable) {
    this.#ring = ring;
    this.#lock = lock;
  }

  static async open(directory: string, root: RootKey, rootKey?: string): Promise<KeyringAdmin> {
    const ring = await Ring.open(directory, root, rootKey);
    using opened = new DisposableStack();
    opened.use(ring);
    const lock = opened.use(lockRing(directory));
    const admin = new KeyringAdmin(ring, lock);
    ring.readOn();
    await ring.keys.overwriteGone();
    await admin.#rewrap();
    await admin.#finishErasing();
    opened.move();
    return admin;
  }

  status(): RingStatus {
    return statusOf(this.#ring);
  }

  /** A new version of the root key, by which all keys of tenants are wrapped anew. */
  rotateRoot(): Promise<void> {
    return this.#ring.keys.rotateRoot();
  }

  /** Has older versions of the root key open nothing of this keyring any more. */
  retireRoot(): Promise<void> {
    return this.#ring.keys.retireRoot();
  }

  /** A new key of a tenant, or, of null, of all of them, by which its subjects' keys are wrapped anew; the old one is destroyed. */
  async rotateTenant(tenant: string | null): Promise<number> {
    const of = tenant === null ? null : this.#ring.tenantName(tenant);
    const keys = this.#inUse().filter((key) => of === null || key.tenant === of);
    if (keys.length === 0)
      throw new CannotRun({
        what: 'the keyring has no key of this tenant',
        where: '--tenant',
        fix: 'name one of those that conductor keys list tells',
      });
    return this.#replace(keys);
  }

  /** A new key for new boxes of a subject; its old boxes still open. */
  async rotateSubject(owner: Owner): Promise<number> {
    const name = this.#ring.nameOf(owner);
    if (this.#ring.newestOf(name) < 0 || this.#ring.isErased(name))
      throw new CannotRun({
        what: this.#ring.isErased(name)
          ? 'the subject is erased: there is no key to be rotated'
          : 'the keyring has no key of this subject',
        where: '--tenant, --table and --subject',
        fix: 'see that they are written as in the source; nothing was changed',
      });
    this.#ring.append(name, randomBytes(nameLength), owner.tenant);
    return this.#settled(1);
  }

  /** New keys for new boxes of all subjects of a tenant. */
  async rotateSubjectsOf(tenant: string | null): Promise<number> {
    const of = this.#ring.tenantName(tenant);
    const own = this.#inUse().filter((key) => key.tenant === of);
    const ids = new Set(own.map(({ id }) => id));
    const owners: Buffer[] = [];
    const { records } = this.#ring;
    records.scan(1, records.count, (number, record) => {
      if (!this.#counts(number, record) || this.#ring.newestOf(ownerOf(record)) !== number) return;
      if (slotsOf(record).some(({ by }) => ids.has(by))) owners.push(Buffer.from(ownerOf(record)));
    });
    for (const owner of owners)
      if (!this.#ring.isErased(owner)) this.#ring.append(owner, randomBytes(nameLength), tenant);
    return this.#settled(owners.length);
  }

  /**
   * Destroys every key that a subject has had, for ever. With `rotate`, the key of its tenant is replaced too,
   * so that what a copy of the subjects' file still has is wrapped by a key that is nowhere any more.
   */
  async destroy(owner: Owner, { rotate }: { readonly rotate: boolean }): Promise<Destroyed> {
    const { records } = this.#ring;
    const name = this.#ring.nameOf(owner);
    const isAgain = this.#ring.saysErased(name); // The command may have been killed before it was done.
    if (!isAgain) {
      // From here on it is so for all who read on; what follows is done by the next command if it is cut short.
      records.append(recordOf({ kind: kinds.erased, at: nowSeconds(), owner: name }));
      await this.#settled(0);
    }
    const own = this.#ring.tenantName(owner.tenant);
    const under = this.#keysOfErased();
    const keys = this.#inUse().filter(
      ({ id, tenant }) => under.has(id) || tenant === own || (isAgain && tenant === ''),
    );
    const rewrapped = rotate && keys.length > 0 ? await this.#replace(keys) : 0;
    return { versions: await this.#clearErased(), rewrapped };
  }

  /** Whoever is erased and still has keys: destroying them was cut short, and the key of their tenant may be as it was. */
  async #finishErasing(): Promise<void> {
    const under = this.#keysOfErased();
    if (under.size === 0) return;
    const keys = this.#inUse().filter(({ id }) => under.has(id));
    if (keys.length > 0) await this.#replace(keys);
    await this.#clearErased();
  }

  /** Under which keys there still is something of whoever is erased. */
  #keysOfErased(): ReadonlySet<string> {
    const under = new Set<string>();
    this.#scanErased((_, slots) => {
      for (const { by } of slots) under.add(by);
    });
    return under;
  }

  /** Overwrites every key of whoever is erased; how many there were. Last of all, for they are the mark of what is owed. */
  async #clearErased(): Promise<number> {
    let versions = 0;
    this.#scanErased((number) => {
      this.#ring.records.clear(number);
      versions++;
    });
    await this.#ring.records.disk.saved();
    return versions;
  }

  #scanErased(show: (number: number, slots: readonly Slot[]) => void): void {
    const { records } = this.#ring;
    records.scan(1, records.count, (number, record) => {
      if (kindOf(record) !== kinds.subject) return;
      const slots = slotsOf(record);
      if (slots.length > 0 && this.#ring.saysErased(ownerOf(record))) show(number, slots);
    });
  }

  /** A new token key of a tenant. Workers take it up when they are started: meanwhile none may run. */
  async rotateTokens(tenant: string): Promise<number> {
    refuseOwnName(tenant);
    const name = this.#ring.tenantName(tenant);
    const before = this.#ring.keys.newest('tokens', name);
    const version = (before?.version ?? 1) + 1;
    const title = this.#ring.sealTitle(tenant);
    this.#ring.keys.make({ use: 'tokens', tenant: name, title, version });
    await this.#ring.keys.persist();
    await this.#ring.keys.log.disk.saved();
    return version;
  }

  #inUse(): readonly WrappingKey[] {
    return this.#ring.keys.all().filter(({ use }) => use === 'subjects');
  }

  /** Has new keys take the place of others: said first, in the order that all of them read; then wrapped; then destroyed. */
  async #replace(keys: readonly WrappingKey[]): Promise<number> {
    const { keys: wrapping, records } = this.#ring;
    for (const own of Map.groupBy(keys, ({ tenant }) => tenant).values()) {
      const last = own.at(-1);
      if (!last) continue;
      const { use, tenant, title, version } = last;
      wrapping.make({ use, tenant, title, version: version + 1 }, last);
    }
    await wrapping.persist();
    await wrapping.log.disk.saved();
    for (const { id } of keys) {
      const ref = Buffer.concat([Buffer.from(id, 'hex'), Buffer.alloc(nameLength - idLength)]);
      records.append(recordOf({ kind: kinds.replaced, at: nowSeconds(), ref }));
    }
    await this.#settled(0);
    return this.#rewrap();
  }

  /** Wraps anew whatever is wrapped by keys that were replaced, and destroys those. */
  async #rewrap(): Promise<number> {
    const replaced = this.#ring.replaced();
    if (replaced.length === 0) return 0;
    const { keys, records } = this.#ring;
    await keys.open();
    let rewrapped = 0;
    const old = new Map(replaced.map((id) => [id, this.#successorOf(id)]));
    records.scan(1, records.count, (number, record) => {
      if (!this.#counts(number, record) || this.#ring.saysErased(ownerOf(record))) return;
      const slots = slotsOf(record);
      const from = slots.find(({ by }) => old.has(by));
      const to = from && old.get(from.by);
      const key = from && keys.get(from.by);
      if (!from || !to?.key || !key) return;
      const ref = refOf(record);
      if (slots.some((slot) => isWhole(slot, to, ref))) return;
      const opened = unwrapKey(key, from.wrapped, boundTo(from.by, ref));
      const wrapped = wrapKey(to.key, opened, boundTo(to.id, ref));
      records.setSlot(number, from.number === 0 ? 1 : 0, { by: to.id, wrapped });
      rewrapped++;
    });
    await records.disk.saved();
    await keys.destroy(replaced);
    return rewrapped;
  }

  #successorOf(id: string): WrappingKey {
    const old = this.#ring.keys.all().find((key) => key.id === id);
    const newest = old && this.#ring.keys.newest('subjects', old.tenant);
    if (!newest || this.#ring.replacedAt(newest.id) !== undefined)
      throw new Error(`key ${id} of the keyring was replaced, and nothing stands for it`);
    return newest;
  }

  #counts(number: number, record: Buffer): boolean {
    return kindOf(record) === kinds.subject && !this.#ring.isVoid(number, record);
  }

  async #settled(changed: number): Promise<number> {
    await this.#ring.records.disk.saved();
    await this.#ring.keys.log.disk.saved();
    this.#ring.readOn();
    return changed;
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
    this.#ring[Symbol.dispose]();
  }
}

/** Whether a record is wrapped by a key already: a kill may have left half of it. */
function isWhole({ by, wrapped }: Slot, { id, key }: WrappingKey, ref: Buffer): boolean {
  if (by !== id || !key) return false;
  try {
    return unwrapKey(key, wrapped, boundTo(id, ref)).length > 0;
  } catch {
    return false;
  }
}

/**
 * Refuses the names of Conductor's own keys. What is published under them is compared for ever: pseudonyms and noise
 * that change tell what they are to hide.
 */
export function refuseOwnName(tenant: string): void {
  if (tenant.startsWith('conductor.'))
    throw new CannotRun({
      what: `${tenant} is the name of a key of Conductor's own, of which there is one for ever`,
      where: '--tenant',
      fix: 'give the dataset another name in its contract, so that it begins anew under another key',
    });
}
