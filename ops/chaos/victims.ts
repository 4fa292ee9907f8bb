import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { PipelineName } from '../worker/pipelines.ts';

const cli = fileURLToPath(new URL('../cli.ts', import.meta.url));

/** Workers that are there to be killed, each a process of its own. */
export class Victims implements AsyncDisposable {
  readonly #home: string;
  readonly #config: string;
  readonly #children = new Map<PipelineName, ChildProcess>();

  constructor(home: string, config: string) {
    this.#home = home;
    this.#config = config;
    mkdirSync(join(home, 'logs'), { recursive: true });
  }

  start(pipeline: PipelineName): void {
    this.#children.set(pipeline, this.#spawn([pipeline]));
  }

  /** `kill -9`; false if it had ended by itself before, which a worker never does. */
  async kill(pipeline: PipelineName): Promise<boolean> {
    const child = this.#children.get(pipeline);
    if (!child || hasEnded(child)) return false;
    child.kill('SIGKILL');
    await once(child, 'exit');
    return true;
  }

  /** Resolves once it has settled something, or after half a minute: a group waits 10 s for a member that was killed. */
  async working(pipeline: PipelineName): Promise<void> {
    const deadline = performance.now() + 30_000;
    while (performance.now() < deadline && !(await this.#hasSettled(pipeline))) await wait(100);
  }

  /** Pipelines whose worker has ended, though nobody killed it. */
  ended(): readonly PipelineName[] {
    return [...this.#children].filter(([, child]) => hasEnded(child)).map(([name]) => name);
  }

  /** Runs a pipeline up to where its log ends; rejects with what it says if it refuses to. */
  async drain(pipeline: PipelineName): Promise<void> {
    const child = this.#spawn([pipeline, '--until-current']);
    if (!hasEnded(child)) await once(child, 'exit');
    if (child.exitCode === 0) return;
    const said = await readFile(this.#logOf(pipeline), 'utf8');
    throw new CannotRun({
      what: `${pipeline} ended with ${child.exitCode ?? child.signalCode}: ${said.trimEnd().split('\n').slice(-4).join('\n')}`,
      where: this.#logOf(pipeline),
      fix: 'mend what it says there, then begin again',
    });
  }

  /** SIGTERM to all; resolves once all have drained and ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    const stop = async (child: ChildProcess) => {
      if (hasEnded(child)) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    };
    await Promise.all([...this.#children.values()].map(stop));
    this.#children.clear();
  }

  async #hasSettled(pipeline: PipelineName): Promise<boolean> {
    try {
      const text = await readFile(join(this.#home, 'workers', `${pipeline}.json`), 'utf8');
      const { pid, url } = JSON.parse(text) as { readonly pid: number; readonly url: string };
      if (pid !== this.#children.get(pipeline)?.pid) return false;
      const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
      const { pipelines } = (await answer.json()) as { pipelines: readonly { settled: number }[] };
      return (pipelines[0]?.settled ?? 0) > 0;
    } catch {
      return false; // It has not come so far.
    }
  }

  #spawn(args: readonly [PipelineName, ...string[]]): ChildProcess {
    const log = openSync(this.#logOf(args[0]), 'a');
    const child = spawn(process.execPath, [cli, 'run', ...args, '--config', this.#config], {
      stdio: ['ignore', log, log],
      env: { ...process.env, CONDUCTOR_HOME: this.#home },
    });
    closeSync(log);
    return child;
  }

  #logOf(pipeline: PipelineName): string {
    return join(this.#home, 'logs', `${pipeline}.log`);
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) =>
  exitCode !== null || signalCode !== null;
