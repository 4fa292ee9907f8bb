import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { StackTrouble } from './stack-trouble.ts';
import type { Book } from './book.ts';
import type { Launch, NativePart } from './native-part.ts';
import { freePorts, isFree } from './ports.ts';
import { identify, type Identity, isAlive, memoryMb } from './process-identity.ts';
import type { StackRecord } from './record.ts';
import type { PartStatus } from './stack.ts';

const largestLog = 20 * 1024 * 1024;
const tries = 5;

type Outcome =
  | { readonly kind: 'ready' }
  | { readonly kind: 'died'; readonly said: string }
  | { readonly kind: 'silent'; readonly said: string };

/** Says whether a part runs and answers. */
export async function isRunning(native: NativePart, record: StackRecord): Promise<boolean> {
  return (await statusOf(native, record)).state === 'running';
}

/** Looks at one part: is its process there, and does it answer? */
export async function statusOf(native: NativePart, record: StackRecord): Promise<PartStatus> {
  const { part } = native;
  const { process, ports } = record.parts[part];
  const port = ports[0] ?? 0;
  if (process === null) return { part, state: 'stopped', pid: null, port, memoryMb: null };
  const { pid } = process;
  if (!(await isAlive(process))) return { part, state: 'dead', pid, port, memoryMb: null };
  const [memory, answered] = await Promise.all([
    memoryMb(pid),
    answers(native, record, Date.now() + 5_000),
  ]);
  return { part, state: answered ? 'running' : 'starting', pid, port, memoryMb: memory };
}

/** Starts a part, or waits for one that is starting; resolves once it answers. */
export async function start(
  native: NativePart,
  home: string,
  book: Book,
  report: (line: string) => void,
): Promise<void> {
  const { part } = native;
  const log = join(home, 'logs', `${part}.log`);
  const begun = Date.now();
  for (let attempt = 1; ; attempt++) {
    const { identity, from } = await ensureProcess(native, home, log, book, report);
    const outcome = await settle(native, book.read(), identity, log, from);
    if (outcome.kind === 'ready') {
      const seconds = ((Date.now() - begun) / 1000).toFixed(1);
      const port = book.read().parts[part].ports[0];
      return report(`${part} ready on port ${port} after ${seconds} s (pid ${identity.pid})`);
    }
    const collision = /address already in use|failed to bind|EADDRINUSE|could not bind/i;
    const passing = native.passing?.test(outcome.said) || collision.test(outcome.said);
    if (outcome.kind === 'died' && passing && attempt < tries) {
      await pause(500);
      continue;
    }
    const what =
      outcome.kind === 'died'
        ? 'died while starting'
        : `runs but did not answer within ${native.patienceMs / 1000} s`;
    throw new StackTrouble(`${part} ${what}; the end of ${log}:\n${indent(outcome.said)}`);
  }
}

/**
 * Stops a part: asks, asks harder, then kills; returns when its process is gone. One whose data are
 * not wanted any more is given no time to write them down.
 */
export async function stop(
  native: NativePart,
  book: Book,
  { wipe }: { readonly wipe: boolean },
): Promise<void> {
  const { process: identity, ports } = book.read().parts[native.part];
  if (identity === null) return;
  const asking = wipe ? native.stopping.slice(1) : native.stopping;
  const steps = [...asking, { signal: 'SIGKILL', ms: 10_000 } as const];
  for (const { signal, ms } of steps) {
    if (!(await isAlive(identity))) break;
    kill(identity.pid, signal);
    const deadline = Date.now() + ms;
    while (Date.now() < deadline && (await isAlive(identity))) await pause(50);
  }
  if (await isAlive(identity)) {
    throw new StackTrouble(
      `${native.part} (pid ${identity.pid}) does not go away, even after SIGKILL`,
    );
  }
  await book.write(native.part, { ports, process: null });
}

interface Running {
  readonly identity: Identity;
  /** Where in the log this life begins. */
  readonly from: number;
}

async function ensureProcess(
  native: NativePart,
  home: string,
  log: string,
  book: Book,
  report: (line: string) => void,
): Promise<Running> {
  const { part } = native;
  const known = book.read().parts[part];
  if (known.process !== null && (await isAlive(known.process))) {
    report(`${part} is alive without an answer yet (pid ${known.process.pid})`);
    return { identity: known.process, from: 0 };
  }
  const ports = await keepOrReplace(native, book.read(), report);
  await book.write(part, { ports, process: known.process });
  report(known.process === null ? `${part} starting` : `${part} was dead: starting it again`);
  const launch = await native.prepare({
    home,
    data: join(home, 'data', part),
    ports,
    stack: book.read().stack,
    report,
  });
  const running = await launchDetached(part, launch, log);
  await book.write(part, { ports, process: running.identity });
  return running;
}

async function keepOrReplace(
  native: NativePart,
  record: StackRecord,
  report: (line: string) => void,
): Promise<readonly number[]> {
  const { ports } = record.parts[native.part];
  if ((await Promise.all(ports.map(isFree))).every(Boolean)) return ports;
  const taken = new Set(Object.values(record.parts).flatMap((other) => other.ports));
  const next = await freePorts(native.ports, taken);
  report(`${native.part} moves to port ${next[0]}: somebody else has taken ${ports[0]}`);
  return next;
}

async function launchDetached(part: string, launch: Launch, log: string): Promise<Running> {
  const size = (await stat(log).catch(() => null))?.size ?? 0;
  if (size > largestLog) await rename(log, `${log}.1`);
  const file = await open(log, 'a', 0o600);
  try {
    const child = spawn(launch.command, launch.args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', file.fd, file.fd],
      env: { ...inherited(), ...launch.env },
      ...launch.account,
    });
    await once(child, 'spawn');
    child.unref();
    const pid = child.pid ?? 0;
    // A child that is gone already still needs a name that no later process can have.
    const identity = (await identify(pid)) ?? { pid, started: 'gone' };
    return { identity, from: size > largestLog ? 0 : size };
  } catch (cause) {
    throw new StackTrouble(`${part} could not be started: ${launch.command}`, { cause });
  } finally {
    await file.close();
  }
}

async function settle(
  native: NativePart,
  record: StackRecord,
  identity: Identity,
  log: string,
  from: number,
): Promise<Outcome> {
  const deadline = Date.now() + native.patienceMs;
  while (Date.now() < deadline) {
    if (!(await isAlive(identity))) return { kind: 'died', said: await lastLines(log, from) };
    if (await answers(native, record, deadline)) return { kind: 'ready' };
    await pause(100);
  }
  return { kind: 'silent', said: await lastLines(log, from) };
}

async function answers(
  native: NativePart,
  record: StackRecord,
  deadline: number,
): Promise<boolean> {
  const late = new AbortController();
  const question = native.answers(record.stack).then(
    () => true,
    () => false,
  );
  const timeout = pause(Math.max(1, deadline - Date.now()), false, { signal: late.signal });
  try {
    return await Promise.race([question, timeout]);
  } finally {
    late.abort();
    timeout.catch(() => undefined);
  }
}

async function lastLines(log: string, from: number): Promise<string> {
  const text = (await readFile(log)).subarray(from).toString().trimEnd();
  return text === '' ? '(it wrote nothing)' : text.split('\n').slice(-15).join('\n');
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}

/** What a server may see of this process's environment: nothing that changes how it behaves. */
function inherited(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LD_LIBRARY_PATH'];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
  );
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
