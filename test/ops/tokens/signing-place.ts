import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Minted } from '../../../contracts/token-claims.ts';
import type { Signing } from '../../../ops/tokens/signing.ts';
import { privateKeyOf, publicKeys } from '../../../ops/tokens/key-file.ts';

/** Where tokens of a test are signed and verified; disposing of it leaves nothing behind. */
export async function signingPlace() {
  const directory = await mkdtemp(join(tmpdir(), 'conductor-tokens-'));
  const config: Signing = {
    tokens: { issuer: 'conductor', audience: 'conductor-api', directory, longest: 3_600 },
    secret: randomBytes(32),
  };
  return {
    config,
    directory,
    /** The private key that signs now, to sign what nobody should. */
    async signingKey() {
      const [published] = await publicKeys(directory);
      return privateKeyOf(directory, config.secret, published!);
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

export const ada: Minted = {
  sub: 'ada',
  tenant: '7',
  roles: ['analyst'],
  scope: 'data.read',
  purpose: 'analytics',
};
