import { spawn } from 'node:child_process';
import { StackTrouble } from './stack-trouble.ts';

interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  readonly onLine?: (line: string) => void;
}

/** Runs a command to its end and returns what it printed; rejects with its last lines if it fails. */
export function finished({ command, args, env, account, onLine }: Command): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(env && { env }),
      ...account,
    });
    let output = '';
    let open = '';
    const take = (chunk: Buffer) => {
      const text = chunk.toString();
      output += text;
      const lines = (open + text).split('\n');
      open = lines.pop() ?? '';
      if (onLine) for (const line of lines) onLine(line);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else {
        const last = output.trimEnd().split('\n').slice(-12).join('\n');
        reject(new StackTrouble(`${command} ended with ${signal ?? `code ${code}`}:\n${last}`));
      }
    });
  });
}
