import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Lets whoever else wants the processors of this machine go first: where capture shares one with its
 * source, a commit is not to wait for it. On Linux each thread has a niceness of its own.
 */
export function stepBack(niceness: number): void {
  if (process.platform !== 'linux') return setPriority(niceness);
  for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), niceness);
}
