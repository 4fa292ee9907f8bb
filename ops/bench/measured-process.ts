import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { machineCpuS, type Usage, usageOf } from './proc.ts';
import type { Site } from './site.ts';

interface Command {
  readonly name: string; // Of its log.
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** What a process took from its start to its end. */
export interface Ended extends Usage {
  readonly wallS: number;
  readonly machineCpuS: number;
  readonly said: string; // On stdout.
}

/** CPU time and peak memory only grow, so the last look is short of the end by what comes after it. */
const lookEveryMs = 100;

/** A process of its own whose time and memory are looked at while it runs. */
export class MeasuredProcess implements AsyncDisposable {
  readonly #command: Command;
  readonly #log: string;
  readonly #child: ChildProcess;
  readonly #startedMs = performance.now();
  readonly #machineStartedS = machineCpuS();
  readonly #looking: NodeJS.Timeout;
  readonly #closed: Promise<void>;
  #usage: Usage = { cpuS: 0, peakRssMb: 0 };
  #said = '';
  #ended: Ended | null = null;

  constructor(site: Pick<Site, 'home' | 'signal'>, command: Command) {
    const folder = join(site.home, 'said');
    mkdirSync(folder, { recursive: true });
    this.#command = command;
    this.#log = join(folder, `${command.name}.log`);
    const log = openSync(this.#log, 'a');
    this.#child = spawn(command.command, command.args, {
      stdio: ['ignore', 'pipe', log],
      signal: site.signal,
      killSignal: 'SIGKILL',
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      env: { ...inherited(), ...command.env },
    });
    closeSync(log);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
    this.#child.on('error', ({ message }) => (this.#said += `${message}\n`));
    this.#looking = setInterval(() => this.#look(), lookEveryMs);
    this.#closed = new Promise((resolve) => {
      this.#child.once('close', () => {
        clearInterval(this.#looking);
        this.#ended = this.#figures();
        resolve();
      });
    });
  }

  /** Resolves once it has ended by itself with exit code 0; rejects with what it said if it ended otherwise. */
  async done(): Promise<Ended> {
    await this.#closed;
    if (this.#child.exitCode === 0 && this.#ended) return this.#ended;
    return this.#complain(`ended with ${this.#child.exitCode ?? this.#child.signalCode}`);
  }

  /** Rejects if it ends; never resolves. For what runs until it is stopped. */
  async fell(): Promise<never> {
    await this.#closed;
    return this.#complain('ended by itself');
  }

  /** Asks it to end, and waits until it has; says what it took up to the asking. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<Ended> {
    this.#look();
    const asked = this.#ended ?? this.#figures();
    if (!hasEnded(this.#child)) this.#child.kill(signal);
    await this.#closed;
    return asked;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }

  #look(): void {
    const pid = this.#child.pid;
    const seen = pid === undefined || hasEnded(this.#child) ? null : usageOf(pid);
    // A process that is ending has given its memory back, but not its time.
    if (seen)
      this.#usage = {
        cpuS: Math.max(seen.cpuS, this.#usage.cpuS),
        peakRssMb: Math.max(seen.peakRssMb, this.#usage.peakRssMb),
      };
  }

  #figures(): Ended {
    return {
      ...this.#usage,
      wallS: (performance.now() - this.#startedMs) / 1_000,
      machineCpuS: machineCpuS() - this.#machineStartedS,
      said: this.#said,
    };
  }

  async #complain(how: string): Promise<never> {
    const log = await readFile(this.#log, 'utf8').catch(() => '');
    const last = `${this.#said}${log}`.trimEnd().split('\n').slice(-6).join('\n');
    throw new CannotRun({
      what: `${this.#command.name} ${how}: ${last}`,
      where: this.#log,
      fix: 'mend what it says there, then run the benchmark again',
    });
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) =>
  exitCode !== null || signalCode !== null;

/** What is set for another Conductor would send this one there, to measure on a database that is somebody's. */
const inherited = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('CONDUCTOR_')),
  );
