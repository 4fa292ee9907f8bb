import type { Registry } from '../../contracts/registry.ts';
import { schemaIdOf } from '../../schemas/wire.ts';
import type { Received } from './received.ts';

/** Fetches the schemas that a batch is written in, before anything of it is read. */
export function learning(registry: Registry): (batch: readonly Received[]) => Promise<void> {
  return (batch) => {
    const ids = new Set<number>();
    for (const { value } of batch) {
      const id = value && schemaIdOf(value);
      if (id !== null) ids.add(id);
    }
    return registry.learn(ids);
  };
}
