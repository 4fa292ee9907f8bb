import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { Registry } from '../../contracts/registry.ts';
import { schemaIdOf } from '../../schemas/wire.ts';
import type { Received } from './received.ts';

/** Fetches the schemas that a batch is written in, before anything of it is read; and the keys of its boxes, for who opens them. */
export function learning(
  registry: Registry,
  keyring: Pick<Keyring, 'refresh'> | null = null,
): (batch: readonly Received[]) => Promise<void> {
  return async (batch) => {
    const ids = new Set<number>();
    for (const { value } of batch) {
      const id = value && schemaIdOf(value);
      if (id !== null) ids.add(id);
    }
    await registry.learn(ids);
    await keyring?.refresh(); // Whatever box came by now, its key is there.
  };
}
