import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { NotNow } from '../cannot-run.ts';
import { isBlank, type KeyLine, type KeyLog, type Placed, type Use } from './key-log.ts';
import { keyLength, unwrapKey, wrapKey } from './key-wrapping.ts';
import { KeyringError } from './keyring-error.ts';
import type { RootKey } from './root-key.ts';
import { idLength } from './subject-log.ts';

/** A key of the ring that wraps others, or makes tokens. */
export interface WrappingKey {
  readonly id: string;
  readonly use: Use;
  readonly tenant: string;
  readonly title: string;
  readonly version: number;
  readonly at: number; // Milliseconds.
  readonly key: KeyObject | null; // Null until the root key has opened it.
}

interface Entry {
  readonly said: Omit<WrappingKey, 'key'>;
  readonly before: string | null; // The key that it took the place of, and is wrapped by.
  readonly link?: string;
  readonly lines: Placed[];
  forms: { readonly placed: Placed; readonly wrapped: string }[]; // The last one counts.
  key: KeyObject | null;
}

type Said = Pick<WrappingKey, 'use' | 'tenant' | 'title' | 'version'>;

/** The keys that wrap subjects' keys, themselves wrapped by the root key. They are few, and kept in memory. */
export class WrappingKeys {
  readonly log: KeyLog;
  readonly root: RootKey;
  readonly #entries = new Map<string, Entry>();
  readonly #newest = new Map<string, Entry>(); // Of a use and a tenant.
  readonly #unsaid = new Set<Entry>(); // Made here, and not wrapped by the root key yet.
  readonly #gone = new Set<string>();
  readonly #links: Placed[] = [];
  #isOutdated = false; // The root key was rotated, and the one at hand is retired.
  readonly #remains: { readonly placed: Placed; readonly texts: readonly string[] }[] = []; // Of keys that are gone.

  constructor(log: KeyLog, root: RootKey) {
    this.log = log;
    this.root = root;
  }

  /** Learns what others wrote. What the root key, or the key before, opens at once is open then. */
  readOn(): number {
    const lines = this.log.readOn();
    for (const placed of lines) this.#learn(placed);
    if (lines.length > 0 && this.root.kind === 'local') {
      const closed = this.#closed();
      const opened = this.root.unwrap(closed.map(wrappedOf));
      for (const [n, entry] of closed.entries()) take(entry, opened[n]);
    }
    return lines.length;
  }

  /** Has the root key open what is closed. */
  async open(): Promise<void> {
    this.readOn();
    const closed = this.#closed();
    if (closed.length === 0) return;
    const opened = await this.root.unwrap(closed.map(wrappedOf));
    for (const [n, entry] of closed.entries()) if (!entry.key) take(entry, opened[n]);
  }

  /** A key that can be used; null if the ring has none of that name, or has it no more. */
  get(id: string): KeyObject | null {
    const entry = this.#entries.get(id);
    if (!entry) return null;
    if (!entry.key)
      throw new NotNow({
        what: 'a key of the keyring is not opened yet',
        where: this.root.name,
        fix: 'make sure that it can be reached; it is asked again, and nothing is refused for it',
      });
    return entry.key;
  }

  /** The key by which new ones are wrapped; null if there is none that is open here. */
  newest(use: Use, tenant: string): WrappingKey | null {
    const entry = this.#newest.get(`${use}/${tenant}`);
    return entry?.key && !this.#gone.has(entry.said.id) ? shown(entry) : null;
  }

  all(): readonly WrappingKey[] {
    return [...this.#entries.values()].map(shown);
  }

  isGone(id: string): boolean {
    return this.#gone.has(id);
  }

  /** Makes a key. It may be used at once; nobody else has it before `persist`. `before` lets them open it without the root key. */
  make(said: Said, before: WrappingKey | null = null, key = randomBytes(keyLength)): WrappingKey {
    const id = randomBytes(idLength).toString('hex');
    const link = before?.key
      ? { link: wrapKey(before.key, key, Buffer.from(id)).toString('base64') }
      : {};
    const entry: Entry = {
      said: { id, ...said, at: Date.now() },
      before: before?.id ?? null,
      ...link,
      lines: [],
      forms: [],
      key: createSecretKey(key),
    };
    this.#entries.set(id, entry);
    this.#newest.set(`${said.use}/${said.tenant}`, entry);
    this.#unsaid.add(entry);
    if (this.root.kind === 'local') this.#say([entry], this.root.wrap([key]));
    return shown(entry);
  }

  /** Resolves once every key that was made here is wrapped and on disk. */
  async persist(): Promise<void> {
    const unsaid = [...this.#unsaid];
    if (unsaid.length === 0) return;
    const bytes = unsaid.map(bytesOf);
    if (this.root.kind === 'local') this.#say(unsaid, this.root.wrap(bytes)); // It was not written when it was made.
    else this.#say(unsaid, await this.root.wrap(bytes));
  }

  #say(entries: readonly Entry[], wrapped: readonly string[]): void {
    const links = this.#links.length; // Those that what is wrapped knows.
    this.readOn();
    this.#checkRoot([]);
    const saying = entries.filter((entry) => this.#unsaid.has(entry));
    this.log.append(
      saying.map(({ said, before, link }) => {
        const form = wrapped[entries.findIndex((entry) => entry.said === said)] ?? '';
        const linked = before !== null && link !== undefined ? { by: before, link } : {};
        return { kind: 'key', ...said, ...linked, wrapped: form };
      }),
    );
    this.readOn();
    this.#checkRoot(saying);
    if (this.#links.length > links && this.root.kind === 'local')
      this.#sayAgain(saying, this.root.wrap(saying.map(bytesOf))); // The root key was another one meanwhile.
    for (const entry of saying) this.#unsaid.delete(entry); // Not before: what could not be written is owed.
  }

  /** What a retired root key wraps would be lost: it is taken back, and nothing was sent under it yet. */
  #checkRoot(said: readonly Entry[]): void {
    if (!this.#isOutdated) return;
    for (const { forms } of said)
      for (const { placed, wrapped } of forms) this.log.blank(placed, [wrapped]);
    this.log.append(said.map(({ said: { id } }) => ({ kind: 'gone', id, at: Date.now() })));
    throw new KeyringError(
      'the root key was rotated, and this worker’s is retired: start it with the new one in keyring.rootKey',
    );
  }

  #sayAgain(entries: readonly Entry[], wrapped: readonly string[]): void {
    this.log.append(
      entries.map(({ said: { id } }, n) => ({
        kind: 'again',
        id,
        at: Date.now(),
        wrapped: wrapped[n] ?? '',
      })),
    );
    this.readOn();
  }

  /** Has the root key begin its next version, and wraps all keys by it. Told again after a crash, it goes on. */
  async rotateRoot(): Promise<void> {
    const next = await this.root.rotate();
    if (next !== null) this.log.append([{ kind: 'root', at: Date.now(), ...next }]);
    await this.log.disk.saved();
    await this.#rewrap();
  }

  /** Has nothing but the newest version of the root key open the ring. */
  async retireRoot(): Promise<void> {
    await this.#rewrap(); // A worker may have wrapped one by the version before.
    await this.root.retire(); // It may refuse.
    for (const placed of this.#links)
      if (placed.line.kind === 'root') this.log.blank(placed, [placed.line.link]);
    await this.log.disk.saved();
  }

  async #rewrap(): Promise<void> {
    await this.open();
    const entries = [...this.#entries.values()];
    this.#sayAgain(entries, await this.root.rewrap(entries.map(wrappedOf)));
    await this.log.disk.saved(); // Before what opens them so far is gone.
    for (const entry of entries) {
      for (const { placed, wrapped } of entry.forms.slice(0, -1)) this.log.blank(placed, [wrapped]);
      entry.forms = entry.forms.slice(-1);
    }
    await this.log.disk.saved();
  }

  /** Destroys keys: whatever only they wrap opens no more. */
  async destroy(ids: readonly string[]): Promise<void> {
    this.log.append(ids.map((id) => ({ kind: 'gone', id, at: Date.now() })));
    await this.log.disk.saved();
    this.readOn();
    await this.overwriteGone();
  }

  /** Overwrites what is left of keys that are gone, and was not overwritten before a crash. */
  async overwriteGone(): Promise<void> {
    for (const { placed, texts } of this.#remains) this.log.blank(placed, texts);
    await this.log.disk.saved();
    this.#remains.length = 0;
  }

  #learn(placed: Placed): void {
    const { line } = placed;
    if (line.kind === 'root') {
      this.#links.push(placed);
      this.#isOutdated = !this.root.follow(line);
    } else if (line.kind === 'gone') {
      this.#learnGone(line.id);
    } else if (line.kind === 'again') {
      const entry = this.#entries.get(line.id);
      entry?.lines.push(placed);
      if (!isBlank(line.wrapped)) entry?.forms.push({ placed, wrapped: line.wrapped });
    } else this.#learnKey(placed, line);
  }

  #learnKey(placed: Placed, line: Extract<KeyLine, { kind: 'key' }>): void {
    const { id, use, tenant, title, version, at, wrapped, by: before, link } = line;
    const known = this.#entries.get(id);
    const said = { id, use, tenant, title, version, at };
    const entry = known ?? { said, before: before ?? null, lines: [], forms: [], key: null };
    entry.lines.push(placed);
    if (!isBlank(wrapped)) entry.forms.push({ placed, wrapped });
    if (known) return;
    const by = before === undefined ? null : this.#entries.get(before)?.key;
    if (by && link !== undefined) take(entry, linked(by, link, id));
    this.#entries.set(id, entry);
    this.#newest.set(`${use}/${tenant}`, entry);
  }

  /** A key that is gone leaves its wrapped forms behind, and wraps the one that took its place. */
  #learnGone(id: string): void {
    this.#gone.add(id);
    for (const placed of this.#entries.get(id)?.lines ?? [])
      this.#remains.push({ placed, texts: [wrappedIn(placed.line), linkIn(placed.line)] });
    this.#entries.delete(id);
    for (const { before, lines } of this.#entries.values())
      if (before === id)
        for (const placed of lines) this.#remains.push({ placed, texts: [linkIn(placed.line)] });
  }

  #closed(): readonly Entry[] {
    const closed = [...this.#entries.values()].filter(({ key }) => !key);
    for (const { forms, said } of closed)
      if (forms.length === 0)
        throw new KeyringError(
          `${this.log.path} is damaged: key ${said.id} has no wrapped form; take both files of the keyring from one backup`,
        );
    return closed;
  }
}

function take(entry: Entry, key: Buffer | undefined): void {
  if (key) entry.key = createSecretKey(key);
}

/** What a link holds; nothing once it is overwritten, or half so: the root key opens it then. */
function linked(by: KeyObject, link: string, id: string): Buffer | undefined {
  try {
    return isBlank(link) ? undefined : unwrapKey(by, Buffer.from(link, 'base64'), Buffer.from(id));
  } catch {
    return undefined;
  }
}

const wrappedOf = ({ forms }: Entry): string => forms.at(-1)?.wrapped ?? '';

const bytesOf = ({ key }: Entry): Buffer => {
  if (!key) throw new KeyringError('a key that is closed cannot be wrapped');
  return key.export();
};

const wrappedIn = (line: KeyLine): string => ('wrapped' in line ? line.wrapped : '');

const linkIn = (line: KeyLine): string => (line.kind === 'key' ? (line.link ?? '') : '');

const shown = ({ said, key }: Entry): WrappingKey => ({ ...said, key });
