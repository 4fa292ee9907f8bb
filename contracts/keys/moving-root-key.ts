import type { LocalRootKey, RemoteRootKey } from './root-key.ts';

/** The root key of a keyring that moves from a file to a KMS: what either has wrapped opens, and the KMS wraps what is new. */
export function movingRootKey(from: LocalRootKey, to: RemoteRootKey): RemoteRootKey {
  const isOld = (wrapped: string) => wrapped.startsWith('file:');
  const unwrap = async (wrapped: readonly string[]) => {
    const ofKms = wrapped.filter((text) => !isOld(text));
    const opened = ofKms.length > 0 ? await to.unwrap(ofKms) : [];
    let next = 0;
    return wrapped.flatMap((text) => (isOld(text) ? from.unwrap([text]) : (opened[next++] ?? [])));
  };
  return {
    ...to,
    unwrap,
    rotate: () => Promise.resolve(null), // To be wrapped by the KMS is a new version enough.
    follow: (next) => from.follow(next),
    async rewrap(wrapped) {
      return to.wrap(await unwrap(wrapped));
    },
  };
}
