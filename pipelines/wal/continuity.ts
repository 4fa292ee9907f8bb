import { NotNow } from '../../contracts/cannot-run.ts';
import { lsnText } from '../../schemas/lsn.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Identity } from './server.ts';
import type { Slot } from './slot.ts';
import { ended } from './timelines.ts';

/** What is known of a stream and its server when it is about to go on. */
export interface Standing {
  readonly slot: Slot | undefined;
  readonly checkpoint: Checkpoint;
  readonly server: { readonly head: bigint; readonly standby: boolean };
  readonly identity: Identity;
}

/** Why a stream cannot simply go on from its checkpoint. */
export interface Break {
  readonly what: string;
  /** Whether the server's positions do not continue those that were captured: they begin anew. */
  readonly elsewhere: boolean;
}

/**
 * Whether the stream can go on from the checkpoint with nothing missing and nothing that never
 * happened. A promotion is no break as long as the new timeline has all that was captured.
 */
export function breakOf({ slot, checkpoint, server, identity }: Standing): Break | null {
  if (checkpoint.lsn > 0n) {
    const elsewhere = lineageBreak(checkpoint, server, identity);
    if (elsewhere !== null) return { what: elsewhere, elsewhere: true };
  }
  const broken = (what: string): Break => ({ what, elsewhere: false });
  if (!slot)
    return checkpoint.lsn === 0n
      ? null
      : broken(
          'the checkpoint says that changes were captured, but the slot is gone: what was committed since then is missing',
        );
  if (slot.lost !== null)
    return broken(
      `the server has invalidated the slot (${slot.lost}): WAL that it still needed is gone, and changes are missing`,
    );
  if (checkpoint.lsn > 0n && slot.confirmed > checkpoint.lsn)
    return broken(
      `the slot was advanced to ${lsnText(slot.confirmed)} by something else, or dropped and made anew: what lies between is lost to this stream`,
    );
  return null;
}

function lineageBreak(
  { lsn, system, timeline }: Checkpoint,
  { head, standby }: Standing['server'],
  identity: Identity,
): string | null {
  const at = lsnText(lsn);
  if (system !== identity.system)
    return `the checkpoint belongs to server ${system}, but source.url leads to server ${identity.system}`;
  if (timeline !== identity.timeline) {
    const fork = ended(identity.history).find((past) => past.timeline === timeline);
    if (!fork)
      return `what was captured was written on timeline ${timeline}, which the server, now on timeline ${identity.timeline}, never went through`;
    if (lsn > fork.end)
      return `timeline ${identity.timeline} of the server forked from timeline ${timeline} at ${lsnText(fork.end)}, before the checkpoint at ${at}: what was captured after the fork never happened there`;
  }
  if (lsn <= head) return null;
  if (standby)
    throw new NotNow({
      what: `the standby has replayed WAL up to ${lsnText(head)} only, and the checkpoint is at ${at}`,
      where: 'source.url',
      fix: 'wait until it has caught up, or point source.url to the primary',
    });
  return `the server's WAL ends at ${lsnText(head)}, before the checkpoint at ${at}: it was restored to an earlier time`;
}
