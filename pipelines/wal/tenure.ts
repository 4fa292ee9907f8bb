import { NotNow } from '../../contracts/cannot-run.ts';
import type { Checkpoint, Checkpoints } from './checkpoint.ts';

const trustedMs = 1_000;

/**
 * Makes sure that a stream is still of the era that its worker began with, and asks again once the last answer is
 * older than a second. Who was stopped for a while may find that its slot was given up, and what was missing
 * was fetched otherwise: what it still holds nobody reckons with any more, and it must not be written.
 */
export function tenure(
  checkpoints: Pick<Checkpoints, 'read'>,
  stream: string,
  { system, era }: Pick<Checkpoint, 'system' | 'era'>,
): () => Promise<void> {
  let askedMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = performance.now();
    if (nowMs - askedMs < trustedMs) return;
    const known = await checkpoints.read(stream);
    if (known && (known.system !== system || known.era !== era)) throw ended(stream);
    askedMs = nowMs;
  };
}

const ended = (stream: string): NotNow =>
  new NotNow({
    what: `the slot of stream ${stream} was given up and another made: what this worker still held of the one before is not written`,
    where: 'cdc_offsets of state.url',
    fix: 'none is needed: whoever has recovered the stream has fetched it otherwise',
  });
