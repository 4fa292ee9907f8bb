import type { Queryable } from '@databases/pg';
import { CannotRun } from '../../contracts/cannot-run.ts';
import type { SourceSettings } from '../../contracts/source-settings.ts';
import { lsnText } from '../../schemas/lsn.ts';
import type { Checkpoint, Recovery } from './checkpoint.ts';
import type { Break, Standing } from './continuity.ts';
import type { Identity } from './server.ts';
import { dropSlot } from './slot.ts';

/** What a recovery gives up, said before anything is done: somebody chose it, and somebody is to read it. */
export interface Recovering {
  readonly recover: Recovery;
  readonly why: string;
  readonly elsewhere: boolean; // The server is another one, or its positions begin anew.
  readonly slot: string;
  /** Changes between the two are not in the stream; the copy that follows brings what came of them. */
  readonly lostFrom: string;
  readonly lostTo: string;
}

/** Stops, unless the settings say how to go on; then makes room for a new slot. Returns what was chosen. */
export async function recover(
  db: Queryable,
  broken: Break,
  {
    standing,
    head,
    settings: { slot: name, recover: how },
    told,
  }: {
    readonly standing: Standing;
    readonly head: bigint;
    readonly settings: SourceSettings;
    readonly told: (recovering: Recovering) => void | Promise<void>;
  },
): Promise<Recovery> {
  const { slot, checkpoint, identity } = standing;
  const where = `replication slot ${name}`;
  if (how === 'stop') throw new CannotRun({ what: broken.what, where, fix: choices(broken) });
  if (slot && checkpoint.system !== identity.system)
    throw new CannotRun({
      what: `${broken.what}; a slot ${name} is there, but nothing says that it is ours`,
      where,
      fix: `correct source.url; or if that server is meant: give capture another slot with source.slot, or, if nothing uses this one, SELECT pg_drop_replication_slot('${name}')`,
    });
  await told({
    recover: how,
    why: broken.what,
    elsewhere: broken.elsewhere,
    slot: name,
    lostFrom: lsnText(checkpoint.lsn),
    lostTo: lsnText(head),
  });
  if (slot) await dropSlot(db, name);
  return how;
}

/** What somebody may choose where a stream cannot go on. */
export const choices = ({ elsewhere }: Break): string =>
  `${elsewhere ? 'if source.url should lead elsewhere, correct it; otherwise choose' : 'choose'}: conductor run capture --recover resnapshot (a new slot, and copy the tables anew), or --recover repair (a new slot, and fetch only what differs); --recover stop, the default, changes nothing`;

/**
 * The entry of a stream that begins with a new slot. Where one was given up an era begins: by it whoever still
 * writes for the slot before is told apart. Where the server's positions begin anew, it lifts them above all
 * that were given out: sinks take only what is newer.
 */
export function beginning(
  before: Checkpoint | null,
  { system, timeline }: Identity,
  broken: Pick<Break, 'elsewhere'> | null,
): Checkpoint {
  const { era = 0, watermark = 0, recovery = null } = before ?? {};
  const next = broken ? era + 1 : era;
  const beyond = before && broken?.elsewhere ? era + before.timeline + 1 - timeline : 0;
  return { lsn: 0n, system, timeline, era: Math.max(next, beyond), watermark, recovery };
}
