import { type Command, Option } from 'commander';
import { containerStack } from '../stack/containers.ts';
import { nativeStack } from '../stack/native.ts';
import type { PartStatus, Provider } from '../stack/stack.ts';

interface Where {
  readonly home: string;
  readonly provider: 'native' | 'docker';
}

/** Adds `up`, `down` and `status` to the program. */
export function stackCommands(program: Command): void {
  addUp(program);
  addDown(program);
  addStatus(program);
}

function addUp(program: Command): void {
  const command = program
    .command('up')
    .description('start the embedded stack: PostgreSQL, Kafka, registry, Neo4j and ClickHouse')
    .option('--json', 'print where everything is and how to get in, as JSON')
    .addHelpText(
      'after',
      `
Starts what does not run, heals what was killed, leaves alone what answers.

Examples:
  conductor up
  conductor up --json | jq -r .postgres.password
  conductor up --provider docker`,
    )
    .action(async ({ json, ...where }: Where & { readonly json?: true }) => {
      const stack = await providerOf(where).up((line) => process.stderr.write(`${line}\n`));
      if (json) return print(JSON.stringify(stack, null, 2));
      print(`PostgreSQL  ${stack.postgres.host}:${stack.postgres.port}`);
      print(`Kafka       ${stack.kafka.brokers.join(',')}`);
      print(`Registry    ${stack.registry.url}`);
      print(`Neo4j       ${stack.neo4j.url}`);
      print(`ClickHouse  ${stack.clickhouse.url}`);
      print(`The stack is up. Passwords: conductor up --json. ${whereToLook(where)}`);
    });
  addWhere(command);
}

function addDown(program: Command): void {
  const command = program
    .command('down')
    .description('stop the embedded stack; its data stays')
    .option('--wipe', 'remove its data and logs too')
    .addHelpText(
      'after',
      `
Examples:
  conductor down
  conductor down --wipe`,
    )
    .action(async ({ wipe, ...where }: Where & { readonly wipe?: true }) => {
      await providerOf(where).down({ wipe: wipe === true });
      print(wipe ? 'The stack is down, its data removed.' : 'The stack is down, its data kept.');
    });
  addWhere(command);
}

function addStatus(program: Command): void {
  const command = program
    .command('status')
    .description('say which parts of the stack run')
    .option('--json', 'print it as JSON')
    .addHelpText(
      'after',
      `
running   answers its protocol
starting  is alive without an answer yet
dead      went without being asked to: conductor up heals it
stopped   does not run

Examples:
  conductor status
  conductor status --json | jq '.[] | select(.state != "running")'`,
    )
    .action(async ({ json, ...where }: Where & { readonly json?: true }) => {
      const all = await providerOf(where).status();
      print(json ? JSON.stringify(all, null, 2) : table(all));
    });
  addWhere(command);
}

/** Lays a stack's status out for people. */
export function table(all: readonly PartStatus[]): string {
  const header = ['part', 'state', 'pid', 'port', 'memory'];
  const rows = all.map(({ part, state, pid, port, memoryMb }) => [
    part,
    state,
    `${pid ?? '-'}`,
    `${port ?? '-'}`,
    memoryMb === null ? '-' : `${memoryMb} MB`,
  ]);
  const widths = [12, 10, 9, 7, 0];
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

function addWhere(command: Command): void {
  command
    .addOption(
      new Option('--home <dir>', 'where the stack keeps its data, logs and stack.json')
        .env('CONDUCTOR_HOME')
        .default('.conductor'),
    )
    .addOption(
      new Option('--provider <name>', 'processes of this machine, or containers')
        .choices(['native', 'docker'])
        .default('native'),
    );
}

function providerOf({ home, provider }: Where): Provider {
  return provider === 'native' ? nativeStack(home) : containerStack(home);
}

function whereToLook({ home, provider }: Where): string {
  return provider === 'native' ? `Logs: ${home}/logs.` : 'Logs: docker logs.';
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
