import type { KeyObject } from 'node:crypto';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { Position } from '../../schemas/position.ts';
import { ShortHmac } from '../../schemas/sha256.ts';

/** What stands for rows, subjects and values wherever something is kept of them: keyed, so that nobody finds out by trying. */
export interface Pseudonyms {
  row(key: Buffer): string;
  subject(tenant: string | null, domain: string, subject: string): string;
  value(value: string): string;
  /** The release id of a change: readers know a row by it, and nothing else links it to anything. */
  readonly release: (change: { readonly log: string; readonly position: Position }) => string;
}

const mostKnown = 100_000;

/** The key of a dataset's pseudonyms. */
export const pseudonymKey = (keyring: Pick<Keyring, 'tokenKey'>, dataset: string): KeyObject =>
  keyring.tokenKey(`conductor.anon/${dataset}`);

/** The pseudonyms of a dataset: other datasets have others. */
export function pseudonymsOf(keyring: Pick<Keyring, 'tokenKey'>, dataset: string): Pseudonyms {
  const mac = new ShortHmac(pseudonymKey(keyring, dataset).export());
  const [rows, values, people, releases] = ['row', 'value', 'subject', 'release'].map((of) => {
    const front = Buffer.from(`${of}\0`);
    return (text: string) => nameOf(mac.of(front, text));
  }) as [Namer, Namer, Namer, Namer];
  const subjects = new Map<string, string>(); // They come again and again.
  return {
    row: (key) => rows(key.toString()),
    value: values,
    subject(tenant, domain, subject) {
      // No text of PostgreSQL's has a zero in it.
      const text = `${tenant ?? ''}\0${domain}\0${subject}`;
      let name = subjects.get(text);
      if (name === undefined) {
        if (subjects.size >= mostKnown) subjects.clear();
        subjects.set(text, (name = people(text)));
      }
      return name;
    },
    release: ({ log, position: { timeline, lsn, seq, part } }) =>
      releases(`${log}@${timeline}/${lsn.toString(36)}/${seq}/${part}`),
  };
}

type Namer = (text: string) => string;

/** How readers see a release id. */
export const releaseText = (release: string): string =>
  Buffer.from(release, 'latin1').toString('hex');

const scratch = Buffer.alloc(16);

/** The first half of a MAC, a character per byte. */
function nameOf(mac: Int32Array): string {
  for (let word = 0; word < 4; word++) scratch.writeInt32BE(mac[word] ?? 0, 4 * word);
  return scratch.toString('latin1');
}
