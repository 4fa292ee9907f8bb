import type { Command } from 'commander';
import { addReplayRange } from './replay-range.ts';

/** Adds `conductor replay`. */
export function replayCommands(program: Command): void {
  const replay = program
    .command('replay')
    .summary('have changes come again: those of a range')
    .description('Has changes come to rest once more, and signs what it did.');
  addReplayRange(replay);
}
