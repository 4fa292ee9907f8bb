import { log } from '../log.ts';
import { told } from '../told.ts';

/** All of one configuration. */
export interface Part {
  readonly pipelines: readonly string[];
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/**
 * Runs what has nothing to do with each other: one that fails is told of as an error, and the others go
 * on. Rejects once all have ended, if one has failed. What is alone fails as it fails.
 */
export async function apart(parts: readonly Part[], signal: AbortSignal): Promise<void> {
  const [only] = parts;
  if (only && parts.length === 1) return only.run(signal);
  const failed: string[] = [];
  await Promise.all(
    parts.map(async ({ pipelines, run }) => {
      try {
        await run(signal);
      } catch (error) {
        failed.push(...pipelines);
        log.error({ pipelines, error: told(error) }, 'it cannot go on; the others do');
      }
    }),
  );
  if (failed.length > 0) throw new SomeFailed(failed);
}

/** Some of what ran apart has failed, and each was told of when it did. */
class SomeFailed extends Error {
  override readonly name = 'SomeFailed';

  constructor(pipelines: readonly string[]) {
    super(`${pipelines.join(', ')} could not go on: the log says why, and what to do`);
  }
}
