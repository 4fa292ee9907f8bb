import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { commandGroups } from '../../ops/commands/groups.ts';

const cli = fileURLToPath(new URL('../../ops/cli.ts', import.meta.url));

test.for(commandGroups.map(({ names, add }) => [names.join(', '), names, add] as const))(
  'what is typed as one of %s finds the group that has it',
  async ([, names, add]) => {
    const program = new Command();
    await add(program);
    expect(program.commands.map((command) => command.name())).toEqual(names);
  },
);

test('whoever reads no further is told nothing of it', () => {
  const piped = '"$0" "$1" --help | true';
  const { stderr } = spawnSync('sh', ['-c', piped, process.execPath, cli], { encoding: 'utf8' });
  expect(stderr).toBe('');
});
