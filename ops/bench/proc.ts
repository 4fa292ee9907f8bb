import { readFileSync } from 'node:fs';

/** What a process has used so far, its children included. */
export interface Usage {
  readonly cpuS: number;
  readonly peakRssMb: number;
}

/** Linux gives times in hundredths of a second on every architecture that Node runs on. */
const ticksPerSecond = 100;

/** Reads a process and its living children; null once it is gone. */
export function usageOf(pid: number): Usage | null {
  const stat = text(`/proc/${pid}/stat`);
  const status = text(`/proc/${pid}/status`);
  if (stat === null || status === null) return null;
  let cpuS = cpuSeconds(stat);
  let peakRssMb = peakMb(status);
  for (const child of childrenIn(text(`/proc/${pid}/task/${pid}/children`) ?? '')) {
    const usage = usageOf(child);
    cpuS += usage?.cpuS ?? 0;
    peakRssMb += usage?.peakRssMb ?? 0;
  }
  return { cpuS, peakRssMb };
}

/** CPU seconds of everything on this machine since it started. */
export const machineCpuS = (): number => busySeconds(text('/proc/stat') ?? '');

/** User and system time of `/proc/PID/stat`, with that of the children that were waited for. */
export function cpuSeconds(stat: string): number {
  // The second field is the command in brackets and may itself hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / ticksPerSecond;
}

/** The most memory that was resident, of `/proc/PID/status`; 0 for a process that is gone. */
export function peakMb(status: string): number {
  const kb = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return Number(kb ?? 0) / 1024;
}

/** All but idle time and waiting for disks, of `/proc/stat`. */
export function busySeconds(stat: string): number {
  const [, ...fields] = stat.slice(0, stat.indexOf('\n')).split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, steal = 0] = fields.map(Number);
  return (user + nice + system + irq + softIrq + steal) / ticksPerSecond;
}

const childrenIn = (list: string) => list.split(' ').filter(Boolean).map(Number);

function text(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
