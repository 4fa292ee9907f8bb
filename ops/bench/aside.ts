import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

interface Launch {
  readonly command: string;
  readonly args: readonly string[];
}

/** How processes are started that are to give way to all others of the machine. */
export interface Aside extends AsyncDisposable {
  readonly how: string; // In a note of the bench.
  readonly launch: <T extends Launch>(launch: T) => T;
}

/** Where the processor's groups hang: version 1 of cgroups, and version 2. */
const roots = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup'];
const leavingMs = 2_000;

/**
 * A group of the kernel's that gets a processor only while nobody else wants it, as `CPUWeight=idle` has
 * systemd make one; the lowest niceness where none may be made. Niceness alone is little: with
 * `sched_autogroup` it counts within a session only, and who has begun its slice is not interrupted.
 */
export function aside(name: string): Aside {
  for (const root of roots) {
    const group = join(root, name);
    if (makesIdle(group)) return idleGroup(group);
  }
  return {
    how: 'the lowest niceness: no idle group may be made here',
    launch: (launch) => ({
      ...launch,
      command: 'nice',
      args: ['-n', '19', launch.command, ...launch.args],
    }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** False if this kernel, or whoever runs it, makes no such group there. */
function makesIdle(group: string): boolean {
  try {
    mkdirSync(group, { recursive: true });
  } catch {
    return false;
  }
  try {
    writeFileSync(join(group, 'cpu.idle'), '1', { flag: 'r+' });
    return true;
  } catch {
    rmdirSync(group);
    return false;
  }
}

const idleGroup = (group: string): Aside => ({
  how: `an idle group of the kernel's, ${group}`,
  launch: (launch) => ({
    ...launch,
    command: 'sh',
    args: [
      '-c',
      'echo $$ > "$0" && exec "$@"',
      join(group, 'cgroup.procs'),
      launch.command,
      ...launch.args,
    ],
  }),
  async [Symbol.asyncDispose]() {
    for (const deadline = performance.now() + leavingMs; ; await wait(50)) {
      try {
        return rmdirSync(group);
      } catch (error) {
        if (performance.now() > deadline) throw error; // Somebody has not ended.
      }
    }
  },
});
