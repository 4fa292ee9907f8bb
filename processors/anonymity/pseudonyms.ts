import { createHmac, type KeyObject } from 'node:crypto';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import { type Position, positionText } from '../../schemas/position.ts';
import { nameLength } from './names.ts';

/** What stands for rows, subjects and values wherever something is kept of them: keyed, so that nobody finds out by trying. */
export interface Pseudonyms {
  row(key: Buffer): string;
  subject(tenant: string | null, domain: string, subject: string): string;
  value(value: string): string;
  /** The release id of a change: readers know a row by it, and nothing else links it to anything. */
  readonly release: (change: { readonly log: string; readonly position: Position }) => string;
}

const mostKnown = 100_000;

/** The pseudonyms of a dataset: other datasets have others. */
export function pseudonymsOf(keyring: Pick<Keyring, 'tokenKey'>, dataset: string): Pseudonyms {
  const key = keyring.tokenKey(`conductor.anon/${dataset}`);
  const subjects = new Map<string, string>(); // They come again and again.
  return {
    row: (text) => pseudonym(key, 'row', text),
    value: (text) => pseudonym(key, 'value', text),
    subject(tenant, domain, subject) {
      const text = `${tenant ?? ''}\0${domain}\0${subject}`; // No text of PostgreSQL's has a zero in it.
      let name = subjects.get(text);
      if (name === undefined) {
        if (subjects.size >= mostKnown) subjects.clear();
        subjects.set(text, (name = pseudonym(key, 'subject', text)));
      }
      return name;
    },
    release: ({ log, position }) => pseudonym(key, 'release', `${log}@${positionText(position)}`),
  };
}

/** How readers see a release id. */
export const releaseText = (release: string): string =>
  Buffer.from(release, 'latin1').toString('hex');

const pseudonym = (key: KeyObject, of: string, what: string | Buffer): string =>
  createHmac('sha256', key).update(`${of}\0`).update(what).digest('binary').slice(0, nameLength);
