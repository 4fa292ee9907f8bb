import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';

const cli = fileURLToPath(new URL('../../../ops/cli.ts', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** How a process ended, and all that it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `conductor` process of a test. */
export class Worker implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';

  /** `flags` are for Node itself, as the launcher has them. */
  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    flags: readonly string[] = [],
  ) {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith('CONDUCTOR_'));
    this.#child = spawn(process.execPath, [...flags, cli, ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...Object.fromEntries(own), ...env },
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) =>
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr }),
      );
    });
  }

  /** What it has logged so far. */
  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Where it answers for its health; resolves once it runs. */
  async running(): Promise<string> {
    const url = await vi.waitFor(
      async () => {
        if (this.#child.exitCode !== null) return null;
        const [, at] = /"health":"([^"]+)"/.exec(this.#stderr) ?? [];
        if (at === undefined) throw new Error(`it has not started: ${this.#stderr}`);
        const { status } = await fetch(`${at}/healthz`);
        if (status !== 200) throw new Error(`it does not run yet: ${this.#stderr}`);
        return at;
      },
      { timeout: 30_000, interval: 50 },
    );
    if (url === null) throw new Error(`it ended: ${this.#stderr}`);
    return url;
  }

  /** Lets it drain, so that its group need not wait until it is missed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await this.ended;
    clearTimeout(late);
  }
}
