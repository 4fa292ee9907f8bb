import { hash, type KeyObject } from 'node:crypto';
import { derived, unwrapKey, wrapKey } from './key-wrapping.ts';
import { KeyringError } from './keyring-error.ts';
import type { LocalRootKey } from './root-key.ts';

interface Version {
  readonly mark: string; // Names the version, and tells nothing of it.
  readonly wrapping: KeyObject;
}

const purpose = 'root';
const nothing = Buffer.alloc(0);

/**
 * A root key of 64 hex digits that a person keeps. To rotate it is to give the next one (`next`); a link,
 * the next one wrapped by this one, lets workers follow that have only this one yet.
 */
export function fileRootKey(digits: string, next: string | null = null): LocalRootKey {
  const versions = new Map<string, Version>();
  const take = (root: Buffer): Version => {
    const version = { mark: markOf(root), wrapping: derived(root, purpose) };
    versions.set(version.mark, version);
    return version;
  };
  const configured = take(Buffer.from(digits, 'hex'));
  let newest = configured;

  const wrap = (keys: readonly Buffer[]) =>
    keys.map((key) => {
      const wrapped = wrapKey(newest.wrapping, key, nothing);
      return `file:${newest.mark}:${wrapped.toString('base64')}`;
    });
  const unwrap = (wrapped: readonly string[]) => wrapped.map((text) => open(versions, text));
  return {
    kind: 'local',
    name: 'keyring.rootKey',
    wrap,
    unwrap,
    async rewrap(wrapped) {
      return wrap(unwrap(wrapped));
    },
    async rotate() {
      if (next === null)
        throw new KeyringError(
          'a root key that is kept in a file is rotated to another one: name it with --to FILE',
        );
      const root = Buffer.from(next, 'hex');
      if (newest.mark === markOf(root) && versions.size > 1) return null; // It was begun before.
      if (versions.has(markOf(root)))
        throw new KeyringError('the new root key is the one that is in use: make another');
      const link = `${newest.mark}:${wrapKey(newest.wrapping, root, nothing).toString('base64')}`;
      newest = take(root);
      return { mark: newest.mark, link };
    },
    follow({ mark, link }) {
      const [before = '', wrapped = ''] = link.split(':');
      const by = versions.get(before);
      const known = versions.get(mark);
      try {
        if (known) newest = known;
        else if (by) newest = take(unwrapKey(by.wrapping, Buffer.from(wrapped, 'base64'), nothing));
      } catch {
        // It was overwritten, and nobody follows any more.
      }
      return newest.mark === mark;
    },
    // The link is blanked by whoever keeps it, and then only who has the newest opens anything.
    async retire() {
      if (newest.mark !== configured.mark)
        throw new KeyringError(
          'the keyring was rotated to another root key than keyring.rootKey: put that one there, start every worker with it, and then finish; nothing is retired yet',
        );
    },
  };
}

function open(versions: ReadonlyMap<string, Version>, wrapped: string): Buffer {
  const [kind, mark = '', text = ''] = wrapped.split(':');
  const version = kind === 'file' ? versions.get(mark) : undefined;
  try {
    if (version) return unwrapKey(version.wrapping, Buffer.from(text, 'base64'), nothing);
  } catch {
    // It is damaged, and what is said of it is the same.
  }
  throw new KeyringError(
    kind === 'file'
      ? 'the root key does not open the keyring: give keyring.rootKey that the keyring was made with, or that it was rotated to last'
      : 'the keyring was wrapped by a KMS: configure keyring.kms',
  );
}

const markOf = (root: Buffer): string =>
  hash('sha256', derived(root, 'mark').export()).slice(0, 16);
