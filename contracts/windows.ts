import type { TableContract } from './contract.ts';

/**
 * How wide the windows are that a contract asks for, in seconds; none if nobody waits for its log's time. Capture
 * writes a heartbeat into every lane of such a table whenever the log's time has passed the end of a window.
 */
export const windowWidths = ({ anon, dp }: TableContract): readonly number[] => [
  ...(anon ? [anon.window] : []),
  ...(dp ? [dp.window] : []),
];
