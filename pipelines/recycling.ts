import type { SlabPool } from '../processors/transcode/slab-pool.ts';
import type { Records } from '../schemas/records.ts';
import type { Sink } from './flow/sink.ts';

/** A sink whose records lie in buffers of a pool, and give them back once they are written. */
export function recycling(pool: SlabPool, sink: Sink<Records>): Sink<Records> {
  return {
    name: sink.name,
    async write(batch) {
      await sink.write(batch);
      for (const records of batch) pool.recycle(records);
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}
