import type { Command } from 'commander';
import { addReplayLetters } from './replay-dlq.ts';
import { addReplayRange } from './replay-range.ts';

/** Adds `conductor replay`. */
export function replayCommands(program: Command): void {
  const replay = program
    .command('replay')
    .summary('what was refused, or has been, once more')
    .description('Brings back what the stream has had already, and signs what it did.');
  addReplayLetters(replay);
  addReplayRange(replay);
}
