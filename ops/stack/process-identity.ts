import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A process that can be told from a later one with the same pid. */
export interface Identity {
  readonly pid: number;
  readonly started: string;
}

/** Names the process that runs under `pid` now; null if none does, or only a zombie. */
export async function identify(pid: number): Promise<Identity | null> {
  const started = process.platform === 'linux' ? await startOnLinux(pid) : await startByPs(pid);
  return started === null ? null : { pid, started };
}

/** Says whether exactly this process still runs. */
export async function isAlive(identity: Identity): Promise<boolean> {
  return (await identify(identity.pid))?.started === identity.started;
}

/** The memory of a process and its children in MB, shared pages counted once; null if it cannot be read. */
export async function memoryMb(pid: number): Promise<number | null> {
  if (process.platform !== 'linux') {
    const kb = Number(await ps(pid, 'rss='));
    return kb > 0 ? Math.round(kb / 1024) : null;
  }
  const children = await text(`/proc/${pid}/task/${pid}/children`);
  const pids = [pid, ...(children ?? '').split(' ').filter(Boolean).map(Number)];
  const sizes = await Promise.all(pids.map(residentKb));
  const total = sizes.reduce((sum, kb) => sum + kb, 0);
  return total > 0 ? Math.round(total / 1024) : null;
}

async function startOnLinux(pid: number): Promise<string | null> {
  const stat = await text(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the command in brackets and may itself hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  const boot = (await text('/proc/sys/kernel/random/boot_id'))?.trim() ?? '';
  return `${boot}:${fields[19] ?? ''}`;
}

async function startByPs(pid: number): Promise<string | null> {
  const line = await ps(pid, 'stat=,lstart=');
  return line === '' || line.startsWith('Z') ? null : line.replace(/^\S+\s+/, '');
}

async function ps(pid: number, columns: string): Promise<string> {
  try {
    return (await run('ps', ['-o', columns, '-p', `${pid}`])).stdout.trim();
  } catch {
    return '';
  }
}

async function residentKb(pid: number): Promise<number> {
  const rollup = await text(`/proc/${pid}/smaps_rollup`);
  const proportional = rollup && /^Pss:\s+(\d+) kB/m.exec(rollup)?.[1];
  if (proportional) return Number(proportional);
  const status = await text(`/proc/${pid}/status`);
  return Number((status && /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) ?? 0);
}

async function text(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}
