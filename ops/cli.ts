import { Command, CommanderError } from 'commander';
import { backfillCommands } from './commands/backfill.ts';
import { benchCommands } from './commands/bench.ts';
import { chaosCommands } from './commands/chaos.ts';
import { checkCommands } from './commands/check.ts';
import { initCommands } from './commands/init.ts';
import { lagCommands } from './commands/lag.ts';
import { readinessCommands } from './commands/readiness.ts';
import { runCommands } from './commands/run.ts';
import { schemaCommands } from './commands/schema.ts';
import { stackCommands } from './commands/stack.ts';
import { startCommands } from './commands/start.ts';
import { UsageError } from './commands/usage-error.ts';
import { told } from './told.ts';

const program = new Command('conductor')
  .description('A governed change stream: PostgreSQL → Kafka → Neo4j, Postgres, ClickHouse.')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError('(conductor --help tells what there is)');

startCommands(program);
stackCommands(program);
initCommands(program);
readinessCommands(program);
runCommands(program);
lagCommands(program);
backfillCommands(program);
schemaCommands(program);
chaosCommands(program);
benchCommands(program);
checkCommands(program);

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
