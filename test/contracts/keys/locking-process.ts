import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CannotRun } from '../../../contracts/cannot-run.ts';
import { lockRing } from '../../../contracts/keys/ring-lock.ts';

/** Takes the lock of a ring a number of times, and tells how often it had it, and how often somebody else had it too. */
const [, , directory = '', times = ''] = process.argv;
const inside = join(directory, 'inside');
let held = 0;
let shared = 0;
for (let n = 0; n < Number(times); n++) {
  try {
    using _ = lockRing(directory);
    held++;
    writeFileSync(inside, '', { flag: 'wx' });
    rmSync(inside);
  } catch (error) {
    if (!(error instanceof CannotRun)) shared++;
  }
}
process.send?.({ held, shared }, () => process.disconnect());
