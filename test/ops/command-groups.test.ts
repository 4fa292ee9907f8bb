import { Command } from 'commander';
import { expect, test } from 'vitest';
import { commandGroups } from '../../ops/commands/groups.ts';

test.for(commandGroups.map(({ names, add }) => [names.join(', '), names, add] as const))(
  'what is typed as one of %s finds the group that has it',
  async ([, names, add]) => {
    const program = new Command();
    await add(program);
    expect(program.commands.map((command) => command.name())).toEqual(names);
  },
);
