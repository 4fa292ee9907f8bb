import type { Command } from 'commander';
import { loadConfig } from '../../contracts/config.ts';
import { lagOf } from '../lag.ts';
import { readContracts } from '../worker/setting.ts';
import { configFile, configOption } from './config-file.ts';

/** Adds `conductor lag`. */
export function lagCommands(program: Command): void {
  program
    .command('lag')
    .summary('how far every stage is behind')
    .description(
      'Tells, stage by stage, what is there and was not settled yet: letters that come again among it, and what waits for its segment or its window to end.',
    )
    .addOption(configOption())
    .option('--json', 'one JSON object')
    .addHelpText('after', '\nExample:\n  conductor lag --json')
    .action(async ({ config: file, json }: { config?: string; json?: boolean }) => {
      const config = await loadConfig(await configFile(file));
      const lag = await lagOf(config, await readContracts(config));
      if (json) {
        process.stdout.write(`${JSON.stringify(lag)}\n`);
        return;
      }
      const { head, durable, acknowledged, bytes, seconds } = lag.capture;
      const line = (stage: string, text: string) =>
        process.stdout.write(`${stage.padEnd(20)} ${text}\n`);
      line('source', `head ${head}`);
      line(
        'capture',
        `durable ${durable}, acknowledged ${acknowledged}: ${bytes} bytes, ${seconds.toFixed(1)} s behind`,
      );
      for (const { pipeline, changes, again } of lag.stages)
        line(
          pipeline,
          `${changes} changes behind${again > 0 ? `, ${again} of them letters that come again` : ''}`,
        );
    });
}
