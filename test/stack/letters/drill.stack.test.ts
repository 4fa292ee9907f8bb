import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ConnectionPool, sql } from '@databases/pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createDemoDatabase, openDatabase } from '../../../ops/demo/database.ts';
import { openWay, type Way } from '../way/way.ts';
import type { Worker } from '../way/worker.ts';

vi.setConfig({ testTimeout: 550_000, hookTimeout: 400_000 }); // Many processes, one after the other.

const runbook = new URL('../../../ops/runbooks/replay.md', import.meta.url);
const demoContracts = new URL('../../../contracts/tables/', import.meta.url);
const cli = fileURLToPath(new URL('../../../bin/conductor.js', import.meta.url));

let way: Way;
let configFile: string;
let mirror: ConnectionPool;
const live: Worker[] = [];

/** The shop as `npm start` has it, in schema public, delivered to the mirror. */
beforeAll(async () => {
  way = await openWay([]);
  await way.source.query(sql`ALTER DATABASE ${sql.ident(way.name)} RESET search_path`);
  await createDemoDatabase(way.stack.postgres, way.name);
  for (const name of await readdir(demoContracts))
    await writeFile(
      join(way.folder, 'contracts', name),
      await readFile(new URL(name, demoContracts)),
    );
  configFile = await way.variant((raw) => {
    raw['provenance'] = {
      signingKey: 'ab'.repeat(32),
      origin: `test/${way.name}`,
      topic: `provenance.${way.name}`,
    };
    raw.sinks = { postgres: raw.sinks.postgres } as typeof raw.sinks;
  });
  mirror = openDatabase(way.urls.mirror);
  const source = openDatabase(way.urls.source);
  await source.query(sql`INSERT INTO tenants VALUES (1, 'a tenant', 'basic', true, now())`);
  await source.dispose();
  for (const name of ['capture', 'govern', 'deliver-postgres']) {
    const worker = way.start(['run', name], configFile);
    live.push(worker);
    await worker.running();
  }
});

afterAll(async () => {
  for (const worker of live) await worker[Symbol.asyncDispose]();
  await mirror?.dispose();
  await way?.[Symbol.asyncDispose]();
});

interface Step {
  readonly line: string;
  readonly on: 'source' | 'mirror';
  readonly says: string | null;
}

/** The drill as it is written: its commands, and what each says. */
function stepsOf(text: string): readonly Step[] {
  const [, drill = ''] = text.split('## The drill');
  const steps: Step[] = [];
  let said = '';
  let onMirror = false;
  for (const line of drill.split('\n')) {
    const [, indented] = /^ {4}(.+)$/.exec(line) ?? [];
    const before = steps.at(-1);
    if (indented === undefined) {
      said = line === '' ? said : line;
      if (line !== '') onMirror = said.endsWith('on the mirror):');
    } else if (indented.startsWith('→ ') && before)
      steps[steps.length - 1] = { ...before, says: indented.slice(2) };
    else {
      steps.push({ line: indented, on: onMirror ? 'mirror' : 'source', says: null });
      if (indented.endsWith(';')) onMirror = false; // It is said of the first.
    }
  }
  return steps;
}

/** A command as a shell takes it apart. */
const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');

async function conductor(line: string): Promise<string> {
  const [, ...args] = wordsOf(line);
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: way.folder,
    env: { ...process.env, CONDUCTOR_CONFIG: configFile, CONDUCTOR_HOME: way.folder },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code, `${line}: ${said}`).toBe(0);
  return said;
}

async function query(line: string, on: Step['on']): Promise<string> {
  const db = on === 'mirror' ? mirror : openDatabase(way.urls.source);
  try {
    const found = (await db.query(
      sql.__dangerous__rawValue(line.replace(/;$/, '')),
    )) as readonly object[];
    return found.flatMap((row) => Object.values(row).map(String)).join('\n');
  } finally {
    if (on === 'source') await db.dispose();
  }
}

const isAsked = (line: string) => /^(conductor (dlq (list|stats)|verify)|SELECT)/.test(line);

test('the drill of the runbook goes as it is written, word for word', async () => {
  const text = await readFile(runbook, 'utf8');
  const [, file = ''] = /```ts\n(.+?)```/s.exec(text) ?? [];
  await writeFile(join(way.folder, 'drill.ts'), file);
  const steps = stepsOf(text);
  expect(steps.length).toBeGreaterThan(10);
  for (const { line, on, says } of steps) {
    const run = () => (line.endsWith(';') ? query(line, on) : conductor(line));
    if (!isAsked(line)) {
      const said = await run();
      if (says !== null) expect(said, line).toContain(says);
      continue;
    }
    // What only asks is asked again until it is so.
    const holds = async () => expect(await run(), line).toContain(says ?? '');
    await vi.waitFor(holds, { timeout: 120_000, interval: 500 });
  }
});
