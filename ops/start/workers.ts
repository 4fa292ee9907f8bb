import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { heapFlags } from '../worker/heap-flags.ts';
import type { PipelineName } from '../worker/pipelines.ts';

/** What a worker says of itself. */
export interface WorkerState {
  readonly settled: number;
  readonly refused: number;
  readonly running: boolean;
}

interface Worker {
  readonly pipeline: PipelineName;
  child: ChildProcess;
  restarts: number;
}

/** As this file is: source in a checkout, compiled in a package. */
const cli = fileURLToPath(new URL(`../cli${extname(import.meta.filename)}`, import.meta.url));
const restartAfterMs = 1_000;
const patienceMs = 60_000;

/** The pipelines of a demo, each a process of its own, started anew when it dies. */
export class Workers implements AsyncDisposable {
  readonly #home: string;
  readonly #config: string;
  readonly #workers: Worker[] = [];
  #stopping = false;

  constructor(home: string, config: string) {
    this.#home = home;
    this.#config = config;
    mkdirSync(join(home, 'logs'), { recursive: true });
  }

  /** Resolves once all of them run; rejects with what the first of them says that refuses to. */
  async start(pipelines: readonly PipelineName[]): Promise<void> {
    for (const pipeline of pipelines) {
      const worker: Worker = { pipeline, child: this.#spawn(pipeline), restarts: 0 };
      this.#workers.push(worker);
    }
    await Promise.all(this.#workers.map((worker) => this.#running(worker)));
    for (const worker of this.#workers) this.#keep(worker);
  }

  /** How often workers were started again. */
  get restarts(): number {
    return this.#workers.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** What each says of itself; null for one that does not answer. */
  async states(): Promise<readonly (readonly [PipelineName, WorkerState | null])[]> {
    return Promise.all(
      this.#workers.map(async (worker) => [worker.pipeline, await this.#ask(worker)] as const),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      this.#workers.map(async ({ child }) => {
        if (hasEnded(child)) return;
        child.kill('SIGTERM');
        await once(child, 'exit');
      }),
    );
  }

  #spawn(pipeline: PipelineName): ChildProcess {
    const log = openSync(this.#logOf(pipeline), 'a');
    const command = [...heapFlags(pipeline), cli, 'run', pipeline, '--config', this.#config];
    const child = spawn(process.execPath, command, {
      stdio: ['ignore', log, log],
      env: { ...process.env, CONDUCTOR_HOME: this.#home },
    });
    closeSync(log);
    return child;
  }

  #keep(worker: Worker): void {
    worker.child.once('exit', () => {
      if (this.#stopping) return;
      setTimeout(() => {
        if (this.#stopping) return;
        worker.restarts++;
        worker.child = this.#spawn(worker.pipeline);
        this.#keep(worker);
      }, restartAfterMs);
    });
  }

  async #running(worker: Worker): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      if (hasEnded(worker.child)) break;
      if ((await this.#ask(worker))?.running) return;
      await wait(100);
    }
    const path = this.#logOf(worker.pipeline);
    const said = await readFile(path, 'utf8').catch(() => '');
    throw new CannotRun({
      what: `${worker.pipeline} did not start: ${said.trimEnd().split('\n').slice(-4).join('\n')}`,
      where: path,
      fix: 'mend what it says there, then start again',
    });
  }

  async #ask({ pipeline, child }: Worker): Promise<WorkerState | null> {
    try {
      const note: unknown = JSON.parse(
        await readFile(join(this.#home, 'workers', `${pipeline}.json`), 'utf8'),
      );
      if (!isNote(note) || note.pid !== child.pid) return null;
      const answer = await fetch(`${note.url}/healthz`, { signal: AbortSignal.timeout(2_000) });
      const { pipelines } = (await answer.json()) as { pipelines: readonly WorkerState[] };
      return pipelines[0] ?? null;
    } catch {
      return null;
    }
  }

  #logOf(pipeline: PipelineName): string {
    return join(this.#home, 'logs', `${pipeline}.log`);
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) =>
  exitCode !== null || signalCode !== null;

const isNote = (note: unknown): note is { readonly pid: number; readonly url: string } =>
  typeof note === 'object' && note !== null && 'pid' in note && 'url' in note;
