import { lsnText } from '../schemas/lsn.ts';
import type { Change, Stamped } from '../schemas/change.ts';

/** Says where a change came from: enough to find its WAL record again. */
export function stamp(change: Change): Stamped {
  const { system, log, position } = change;
  const { timeline, lsn, seq, part } = position;
  return {
    ...change,
    provenance: `pg:${system}/${timeline}/${log}@${lsnText(lsn)}/${seq}.${part}`,
  };
}
