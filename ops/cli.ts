import { Command, CommanderError } from 'commander';
import { commandGroups } from './commands/groups.ts';
import { UsageError } from './commands/usage-error.ts';
import { told } from './told.ts';

const program = new Command('conductor')
  .description('A governed change stream: PostgreSQL → Kafka → Neo4j, Postgres, ClickHouse.')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError('(conductor --help tells what there is)');

// Whoever reads no further, as `head` does, has read enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

const [, , typed] = process.argv;
const group = commandGroups.find(({ names }) => names.some((name) => name === typed));
for (const { add } of group ? [group] : commandGroups) await add(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof UsageError) {
    process.stderr.write(`conductor: ${error.message}\n`);
    return 2;
  }
  process.stderr.write(`conductor: ${told(error)}\n`);
  return 1;
}
