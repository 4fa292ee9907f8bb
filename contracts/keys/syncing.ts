import { fsync } from 'node:fs';
import { promisify } from 'node:util';

/** What was written to a file, and whether it is durable. */
export interface Syncing {
  /** Something was written, by whomever. */
  written(): void;
  /** Resolves once all that was written before is durable. */
  saved(): Promise<void>;
}

/** Whoever asks waits for all that was written before, whoever's sync it is; one that failed is done again. */
export function syncing(file: number): Syncing {
  let unsaved = false;
  let saving = Promise.resolve();
  return {
    written() {
      unsaved = true;
    },
    async saved() {
      if (unsaved) {
        unsaved = false;
        saving = promisify(fsync)(file).catch((error: unknown) => {
          unsaved = true;
          throw error;
        });
      }
      await saving;
    },
  };
}
